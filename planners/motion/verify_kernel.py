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
def resampled(
    knots: Array,
    positions: Array,
    velocities: Array,
    accelerations: Array,
    times: Array,
    states: Array,
) -> None:
    """Fills states (4, m, n): position to jerk at rising `times` (m,) of points (k, n) at `knots`.

    One triangle of de Casteljau's corner cutting gives the value, and in its last rows the
    differences that the derivatives are made of (Farin, section 5.3).
    """
    nets = np.empty((positions.shape[1], _DEGREE + 1))
    k, known = 0, -1
    h = 1.0
    for i in range(times.shape[0]):
        while k < knots.shape[0] - 2 and times[i] >= knots[k + 1]:
            k += 1
        if k != known:
            known, h = k, knots[k + 1] - knots[k]
            for n in range(positions.shape[1]):
                p0, p1 = positions[k, n], positions[k + 1, n]
                v0, v1 = velocities[k, n] * h / 5.0, velocities[k + 1, n] * h / 5.0
                a0, a1 = accelerations[k, n] * h * h / 20.0, accelerations[k + 1, n] * h * h / 20.0
                nets[n, 0], nets[n, 1], nets[n, 2] = p0, p0 + v0, p0 + 2.0 * v0 + a0
                nets[n, 3], nets[n, 4], nets[n, 5] = p1 - 2.0 * v1 + a1, p1 - v1, p1
        x = (times[i] - knots[k]) / h
        y = 1.0 - x
        for n in range(positions.shape[1]):
            b0, b1, b2 = nets[n, 0], nets[n, 1], nets[n, 2]
            b3, b4, b5 = nets[n, 3], nets[n, 4], nets[n, 5]
            b0, b1, b2 = y * b0 + x * b1, y * b1 + x * b2, y * b2 + x * b3
            b3, b4 = y * b3 + x * b4, y * b4 + x * b5
            b0, b1, b2, b3 = y * b0 + x * b1, y * b1 + x * b2, y * b2 + x * b3, y * b3 + x * b4
            states[3, i, n] = 60.0 * (b3 - 3.0 * b2 + 3.0 * b1 - b0) / (h * h * h)
            b0, b1, b2 = y * b0 + x * b1, y * b1 + x * b2, y * b2 + x * b3
            states[2, i, n] = 20.0 * (b2 - 2.0 * b1 + b0) / (h * h)
            b0, b1 = y * b0 + x * b1, y * b1 + x * b2
            states[1, i, n] = 5.0 * (b1 - b0) / h
            states[0, i, n] = y * b0 + x * b1


@compiled
def extremes(values: Array, found: Array, at: NDArray[np.intp]) -> None:
    """Smallest and largest value of each column of `values` (d, m, n), and in which row.

    Fills `found` and `at`, each (d, 2, n).
    """
    for d in range(values.shape[0]):
        for n in range(values.shape[2]):
            low = high = values[d, 0, n]
            at_low = at_high = 0
            for i in range(1, values.shape[1]):
                x = values[d, i, n]
                if x < low:
                    low, at_low = x, i
                if x > high:
                    high, at_high = x, i
            found[d, 0, n], found[d, 1, n] = low, high
            at[d, 0, n], at[d, 1, n] = at_low, at_high
