"""The compiled part of the verifier: quintics as Bezier curves, evaluated densely, and extremes.

Farin, "Curves and Surfaces for CAGD", 2002, chapters 4 and 5. Shares no code with what makes
trajectories.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled

_DEGREE = 5


@compiled
def _curve(control: Array, degree: int, x: float) -> float:
    """Value at x in [0, 1] by de Casteljau's corner cutting; overwrites `control`."""
    y = 1.0 - x
    for level in range(degree):
        for i in range(degree - level):
            control[i] = y * control[i] + x * control[i + 1]
    return float(control[0])


@compiled
def resampled(
    knots: Array,
    positions: Array,
    velocities: Array,
    accelerations: Array,
    times: Array,
    q: Array,
    v: Array,
    a: Array,
    j: Array,
) -> None:
    """Fills q, v, a, j (m, n) at rising `times` (m,) from the points (k, n) at `knots` (k,)."""
    rows = np.empty((4, _DEGREE + 1))
    k = 0
    for i in range(times.shape[0]):
        while k < knots.shape[0] - 2 and times[i] >= knots[k + 1]:
            k += 1
        h = knots[k + 1] - knots[k]
        x = (times[i] - knots[k]) / h
        for n in range(positions.shape[1]):
            p0, p1 = positions[k, n], positions[k + 1, n]
            v0, v1 = velocities[k, n] * h / 5.0, velocities[k + 1, n] * h / 5.0
            a0, a1 = accelerations[k, n] * h * h / 20.0, accelerations[k + 1, n] * h * h / 20.0
            rows[0, 0], rows[0, 1], rows[0, 2] = p0, p0 + v0, p0 + 2.0 * v0 + a0
            rows[0, 3], rows[0, 4], rows[0, 5] = p1 - 2.0 * v1 + a1, p1 - v1, p1
            for d in range(1, 4):
                degree = _DEGREE - d
                for c in range(degree + 1):
                    rows[d, c] = (degree + 1) * (rows[d - 1, c + 1] - rows[d - 1, c]) / h
            q[i, n] = _curve(rows[0], 5, x)
            v[i, n] = _curve(rows[1], 4, x)
            a[i, n] = _curve(rows[2], 3, x)
            j[i, n] = _curve(rows[3], 2, x)


@compiled
def extremes(
    values: Array,
    least: Array,
    most: Array,
    at_least: NDArray[np.intp],
    at_most: NDArray[np.intp],
) -> None:
    """Smallest and largest value (n,) of each column of `values` (m, n), and in which row."""
    for n in range(values.shape[1]):
        low = high = values[0, n]
        at_low = at_high = 0
        for i in range(1, values.shape[0]):
            x = values[i, n]
            if x < low:
                low, at_low = x, i
            if x > high:
                high, at_high = x, i
        least[n], most[n] = low, high
        at_least[n], at_most[n] = at_low, at_high
