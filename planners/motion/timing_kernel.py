"""The compiled parts of timing a curve: its limits as rows, and its profile averaged over time."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled, compiled_inline

_LEAST = 1e-12


@compiled
def path_rows(
    slope: Array,
    bend: Array,
    limit: Array,
    torques: Array,
    effort: NDArray[np.intp],
    most: Array,
    rows: Array,
) -> None:
    """Factors of d2s/dt2, (ds/dt)^2 and 1 in accelerations and torques over their limits.

    Args:
        slope: (k, n) dq/ds.
        bend: (k, n) d2q/ds2.
        limit: (n,) of the acceleration.
        torques: (3, k, n) by `torque_terms`.
        effort: (e,) which joints have a limit of it.
        most: (e,) how much.
        rows: (k, n + e, 3) filled.
    """
    n = slope.shape[1]
    for k in range(slope.shape[0]):
        for i in range(n):
            rows[k, i, 0], rows[k, i, 1] = slope[k, i] / limit[i], bend[k, i] / limit[i]
            rows[k, i, 2] = 0.0
        for j in range(effort.shape[0]):
            i = effort[j]
            still = torques[0, k, i]
            rows[k, n + j, 0] = (torques[1, k, i] - still) / most[j]
            rows[k, n + j, 1] = (torques[2, k, i] - still) / most[j]
            rows[k, n + j, 2] = still / most[j]


@compiled
def speed_caps(slope: Array, limit: Array, highest: Array, cap: Array) -> None:
    """Largest squared path speeds (k,) by the velocity limits (n,) and by `highest` (k,)."""
    for k in range(slope.shape[0]):
        most = highest[k]
        for i in range(slope.shape[1]):
            most = min(most, limit[i] / max(abs(slope[k, i]), _LEAST))
        cap[k] = most * most


@compiled_inline
def _at(
    t: float, k: int, s: Array, speed: Array, passed: Array, area: Array
) -> tuple[float, float, float]:
    """Integral of s over time, s and ds/dt at `t`, which is in interval k or outside of all."""
    last = s.shape[0] - 1
    if t <= 0.0:
        return 0.0, 0.0, 0.0
    if t >= passed[last]:
        return area[last] + (t - passed[last]) * s[last], s[last], 0.0
    x = t - passed[k]
    a = (speed[k + 1] - speed[k]) / (passed[k + 1] - passed[k])
    v = speed[k]
    return (
        area[k] + x * (s[k] + x * (v / 2.0 + x * a / 6.0)),
        s[k] + x * (v + x * a / 2.0),
        v + x * a,
    )


@compiled
def passing(s: Array, squared: Array, speed: Array, passed: Array, area: Array) -> float:
    """Speeds at stations `s` (k,), when each is passed, and the integral of s; the duration, s.

    The acceleration is constant from station to station. `s` starts at 0. Fills `speed`, `passed`
    and `area`, each (k,).
    """
    speed[0], passed[0], area[0] = sqrt(max(squared[0], 0.0)), 0.0, 0.0
    for k in range(s.shape[0] - 1):
        speed[k + 1] = sqrt(max(squared[k + 1], 0.0))
        step = 2.0 * (s[k + 1] - s[k]) / (speed[k + 1] + speed[k])
        a = (speed[k + 1] - speed[k]) / step
        passed[k + 1] = passed[k] + step
        area[k + 1] = area[k] + step * (s[k] + step * (speed[k] / 2.0 + step * a / 6.0))
    return float(passed[-1])


@compiled
def averaged(
    s: Array, speed: Array, passed: Array, area: Array, width: float, t: Array, out: Array
) -> None:
    """The mean of s over the last `width` seconds, and its two derivatives, at rising times.

    Args:
        s: (k,) stations.
        speed: (k,) by `passing`.
        passed: (k,) likewise.
        area: (k,) likewise.
        width: s.
        t: (m,) times.
        out: (3, m) filled.
    """
    now = before = 0
    last = s.shape[0] - 2
    for i in range(t.shape[0]):
        while now < last and t[i] >= passed[now + 1]:
            now += 1
        while before < last and t[i] - width >= passed[before + 1]:
            before += 1
        area_now, s_now, v_now = _at(t[i], now, s, speed, passed, area)
        area_before, s_before, v_before = _at(t[i] - width, before, s, speed, passed, area)
        out[0, i] = min(max((area_now - area_before) / width, 0.0), s[s.shape[0] - 1])
        out[1, i] = (s_now - s_before) / width
        out[2, i] = (v_now - v_before) / width
    out[0, 0], out[0, -1] = 0.0, s[s.shape[0] - 1]
    out[1, 0] = out[1, -1] = out[2, 0] = out[2, -1] = 0.0
