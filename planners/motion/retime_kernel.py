"""The compiled rows of jerk-limited timing, and what is over the limits between two points."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled, compiled_inline

_FLAT = 1e-9


@compiled_inline
def _between(
    p: Array, v: Array, a: Array, k: int, i: int, h: float
) -> tuple[float, float, float, float, float]:
    """Coefficients of x to x^5 of joint i's quintic from point k to the next, h seconds later."""
    d, v0, v1, a0, a1 = p[k + 1, i] - p[k, i], v[k, i], v[k + 1, i], a[k, i], a[k + 1, i]
    c3 = (20.0 * d - h * (8.0 * v1 + 12.0 * v0 + h * (3.0 * a0 - a1))) / (2.0 * h * h * h)
    c4 = (-30.0 * d + h * (14.0 * v1 + 16.0 * v0 + h * (3.0 * a0 - 2.0 * a1))) / (2.0 * h**4)
    c5 = (12.0 * d - h * (6.0 * (v1 + v0) + h * (a0 - a1))) / (2.0 * h**5)
    return v0, a0 / 2.0, c3, c4, c5


@compiled
def jerk_rows(h: float, p: Array, v: Array, a: Array, limit: Array, rows: Array) -> None:
    """Factors of a, a', a'' in the jerk at start, middle and end of each interval.

    Args:
        h: time from point to point, s.
        p: (k + 1, n) positions, joined by quintics.
        v: (k + 1, n) velocities.
        a: (k + 1, n) accelerations.
        limit: (k, n) of the jerk.
        rows: (k, 3, n, 3) filled.
    """
    for k in range(limit.shape[0]):
        for i in range(limit.shape[1]):
            c1, c2, c3, c4, c5 = _between(p, v, a, k, i, h)
            per = 1.0 / limit[k, i]
            for e in range(3):
                x = 0.5 * e * h
                jerk = 6.0 * c3 + x * (24.0 * c4 + x * 60.0 * c5)
                bend = 2.0 * c2 + x * (6.0 * c3 + x * (12.0 * c4 + x * 20.0 * c5))
                slope = c1 + x * (2.0 * c2 + x * (3.0 * c3 + x * (4.0 * c4 + x * 5.0 * c5)))
                rows[k, e, i, 0] = jerk * per
                rows[k, e, i, 1] = 1.5 * bend * per
                rows[k, e, i, 2] = 0.5 * slope * per


@compiled
def linear_rows(
    v: Array,
    a: Array,
    limit: Array,
    swing: float,
    swing_at_rest: float,
    torques: Array,
    effort: NDArray[np.intp],
    most: Array,
    moving: float,
    rows: Array,
    free: Array,
) -> None:
    """Factors of a and a' in accelerations and torques over their limits.

    Args:
        v: (k, n) velocities of the trajectory.
        a: (k, n) accelerations.
        limit: (k, n) of the acceleration.
        swing: factor of a' in a row of its own: at rest no limit tells a', and without it the
            speed would swing from point to point there.
        swing_at_rest: the same at the first and the last two points.
        torques: (3, k, n) by `torque_terms`.
        effort: (e,) which joints have a limit of it.
        most: (e,) how much.
        moving: how much the torques of the motion count.
        rows: (k, n + 1 + e, 2) filled.
        free: (k, n + 1 + e) filled with what there is without any speed.
    """
    count, n = v.shape
    for k in range(count):
        for i in range(n):
            rows[k, i, 0], rows[k, i, 1] = a[k, i] / limit[k, i], v[k, i] / (2.0 * limit[k, i])
            free[k, i] = 0.0
        rows[k, n, 0] = free[k, n] = 0.0
        rows[k, n, 1] = swing_at_rest if k < 2 or k >= count - 2 else swing
        for j in range(effort.shape[0]):
            i, share = effort[j], moving / most[j]
            still = torques[0, k, i]
            rows[k, n + 1 + j, 0] = (torques[2, k, i] - still) * share
            rows[k, n + 1 + j, 1] = (torques[1, k, i] - still) / 2.0 * share
            free[k, n + 1 + j] = still / most[j]


@compiled
def caps(v: Array, limit: Array, highest: Array, cap: Array) -> None:
    """Most that each coefficient of the squared speed may be: a spline stays below them.

    Args:
        v: (k, n) velocities of the trajectory.
        limit: (k, n) of the velocity.
        highest: (k,) speed.
        cap: (k + 1,) filled.
    """
    count = v.shape[0]
    before = np.inf
    for k in range(count):
        least = highest[k] * highest[k]
        for i in range(v.shape[1]):
            share = v[k, i] / limit[k, i]
            if share * share * least > 1.0:
                least = 1.0 / (share * share)
        cap[k] = min(before, least)
        before = least
    cap[count] = before


@compiled
def excess(
    times: Array, p: Array, v: Array, a: Array, acceleration: Array, jerk: Array, worst: Array
) -> None:
    """Largest shares of acceleration and jerk limit between the points: both are polynomials.

    Args:
        times: (k + 1,) of the points, s.
        p: (k + 1, n) positions, joined by quintics.
        v: (k + 1, n) velocities.
        a: (k + 1, n) accelerations.
        acceleration: (k, n) limits.
        jerk: (k, n) limits.
        worst: (k, 2) filled.
    """
    for k in range(jerk.shape[0]):
        h = times[k + 1] - times[k]
        worst[k, 0] = worst[k, 1] = 0.0
        for i in range(jerk.shape[1]):
            _, c2, c3, c4, c5 = _between(p, v, a, k, i, h)
            a0, j0, j1, j2 = 2.0 * c2, 6.0 * c3, 24.0 * c4, 60.0 * c5
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
