"""Compiled time-optimal speed along a path by reachability: backwards, then forwards.

Pham and Pham, "A new approach to time-optimal path parameterization based on reachability
analysis", IEEE T-RO 34, 2018. With x = (ds/dt)^2 and u = d2s/dt2, constant between two stations,
every limit is a row |A u + B x + C| <= 1: accelerations, and torques with what gravity asks (C).
Each row holds at both ends of its interval (the paper's interpolation scheme). Standing still is
allowed everywhere, so from each station every x from zero to a largest one leads to the end.
"""

from __future__ import annotations

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled

_FLAT = 1e-12
_STEPS = 40


@compiled
def _range(
    rows: Array, ahead: Array, step: float, most: float, x: float, out: Array
) -> tuple[float, float]:
    """Least and largest u at x; writes their slopes over x to `out` (2,)."""
    # 0 <= x + 2 step u <= most
    low, high = -0.5 * x / step, 0.5 * (most - x) / step
    out[0] = out[1] = -0.5 / step
    for side in range(2):
        for i in range(rows.shape[0]):
            if side == 0:
                a, b, c = rows[i, 0], rows[i, 1], rows[i, 2]
            else:
                b, c = ahead[i, 1], ahead[i, 2]
                a = ahead[i, 0] + 2.0 * step * b
            if abs(a) < _FLAT:
                continue
            top, bottom = (1.0 - c - b * x) / a, (-1.0 - c - b * x) / a
            if a < 0.0:
                top, bottom = bottom, top
            if top < high:
                high, out[1] = top, -b / a
            if bottom > low:
                low, out[0] = bottom, -b / a
    return low, high


@compiled
def squared_speeds(s: Array, rows: Array, cap: Array, x: Array) -> int:
    """Largest squared speeds `x` (k,) at stations `s` (k,), from rest to rest.

    Args:
        s: rising.
        rows: (k, m, 3) A, B, C.
        cap: (k,) largest squared speed by the velocity limits.
        x: filled.

    Returns:
        -1, or the station at which not even standing still is within the limits.
    """
    last = s.shape[0] - 1
    slopes = np.empty(2)
    for k in range(last + 1):
        x[k] = cap[k]
        for i in range(rows.shape[1]):
            if abs(rows[k, i, 2]) >= 1.0:
                return k
            if abs(rows[k, i, 0]) < _FLAT and rows[k, i, 1] != 0.0:
                b, c = rows[k, i, 1], rows[k, i, 2]
                x[k] = min(x[k], ((1.0 if b > 0.0 else -1.0) - c) / b)
    x[last] = 0.0
    for k in range(last - 1, -1, -1):
        step = s[k + 1] - s[k]
        at = x[k]
        # The gap between largest and least u is concave in x: Newton's steps come from the right.
        for _ in range(_STEPS):
            low, high = _range(rows[k], rows[k + 1], step, x[k + 1], at, slopes)
            gap = high - low
            if gap >= 0.0:
                break
            fall = slopes[1] - slopes[0]
            if fall >= 0.0:
                at = 0.0
                break
            at = max(at - gap / fall - 1e-12 * at, 0.0)
        x[k] = at
    x[0] = 0.0
    for k in range(last):
        step = s[k + 1] - s[k]
        low, high = _range(rows[k], rows[k + 1], step, x[k + 1], x[k], slopes)
        x[k + 1] = min(max(x[k] + 2.0 * step * max(high, low), 0.0), x[k + 1])
    return -1
