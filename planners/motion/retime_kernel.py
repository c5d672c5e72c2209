"""The compiled rows of jerk-limited timing, and what is over the limits between two points."""

from __future__ import annotations

from math import sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled

_FLAT = 1e-9


@compiled
def jerk_rows(c: Array, h: float, limit: Array, rows: Array) -> None:
    """Factors of a, a', a'' in the jerk at start, middle and end of each interval.

    Args:
        c: (k, 6, n) coefficients of the quintics.
        h: their duration, s.
        limit: (k, n) of the jerk.
        rows: (k, 3, n, 3) filled.
    """
    for k in range(c.shape[0]):
        for e in range(3):
            x = 0.5 * e * h
            for i in range(c.shape[2]):
                c1, c2, c3, c4, c5 = c[k, 1, i], c[k, 2, i], c[k, 3, i], c[k, 4, i], c[k, 5, i]
                jerk = 6.0 * c3 + x * (24.0 * c4 + x * 60.0 * c5)
                bend = 2.0 * c2 + x * (6.0 * c3 + x * (12.0 * c4 + x * 20.0 * c5))
                slope = c1 + x * (2.0 * c2 + x * (3.0 * c3 + x * (4.0 * c4 + x * 5.0 * c5)))
                rows[k, e, i, 0] = jerk / limit[k, i]
                rows[k, e, i, 1] = 1.5 * bend / limit[k, i]
                rows[k, e, i, 2] = 0.5 * slope / limit[k, i]


@compiled
def excess(c: Array, steps: Array, acceleration: Array, jerk: Array, worst: Array) -> None:
    """Largest shares of acceleration and jerk limit between the points: both are polynomials.

    Args:
        c: (k, 6, n) coefficients of the quintics.
        steps: (k,) their durations, s.
        acceleration: (k, n) limits.
        jerk: (k, n) limits.
        worst: (k, 2) filled.
    """
    for k in range(c.shape[0]):
        h = steps[k]
        worst[k, 0] = worst[k, 1] = 0.0
        for i in range(c.shape[2]):
            a0, j0 = 2.0 * c[k, 2, i], 6.0 * c[k, 3, i]
            j1, j2 = 24.0 * c[k, 4, i], 60.0 * c[k, 5, i]
            most_j = max(abs(j0), abs(j0 + h * (j1 + h * j2)))
            most_a = max(abs(a0), abs(a0 + h * (j0 + h * (j1 / 2.0 + h * j2 / 3.0))))
            if abs(j2) > _FLAT:
                top = -j1 / (2.0 * j2)
                if 0.0 < top < h:
                    most_j = max(most_j, abs(j0 + top * (j1 + top * j2)))
            # The acceleration peaks where the jerk is zero.
            peaks = (0.0, 0.0)
            if abs(j2) * h > 1e-12 * abs(j1):
                under = j1 * j1 - 4.0 * j0 * j2
                if under >= 0.0:
                    root = sqrt(under)
                    peaks = ((-j1 + root) / (2.0 * j2), (-j1 - root) / (2.0 * j2))
            elif j1 != 0.0:
                peaks = (-j0 / j1, 0.0)
            for x in peaks:
                if 0.0 < x < h:
                    value = a0 + x * (j0 + x * (j1 / 2.0 + x * j2 / 3.0))
                    most_a = max(most_a, abs(value))
            worst[k, 0] = max(worst[k, 0], most_a / acceleration[k, i])
            worst[k, 1] = max(worst[k, 1], most_j / jerk[k, i])


@compiled
def new_times(x: Array, h: float, nodes: Array, weights: Array, times: Array) -> None:
    """When each knot is passed at squared speeds with the spline coefficients `x`.

    Args:
        x: (k + 1,) coefficients (`jerk_kernel.py`).
        h: knot spacing, s.
        nodes: (g,) of a quadrature on [0, 1]; between zeros of a quadratic it is nearly exact.
        weights: (g,) that add up to one.
        times: (k,) filled.
    """
    times[0] = 0.0
    for k in range(times.shape[0] - 1):
        a = 0.5 * (x[k] + x[k + 1])
        slope, bend = x[k + 1] - x[k], x[k + 2] - 2.0 * x[k + 1] + x[k]
        total = 0.0
        for g in range(nodes.shape[0]):
            f = nodes[g]
            total += weights[g] / np.sqrt(a + f * (slope + f * bend / 2.0))
        times[k + 1] = times[k] + h * total
