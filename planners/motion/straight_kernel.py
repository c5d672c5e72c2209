"""The compiled profile of a straight joint motion: pieces of constant jerk, rest to rest."""

from __future__ import annotations

from math import sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled

SHORTEST_S = 1e-4
"""Pieces of a profile that are shorter than this are left out."""


@compiled
def pieces(delta: Array, limits: Array, speed: float, durations: Array, jerks: Array) -> float:
    """The pieces of a scalar that goes from 0 to 1, and how long they take, s.

    Args:
        delta: (n,) how far each joint goes, rad.
        limits: (3, n) of velocity, acceleration and jerk.
        speed: share of them.
        durations: (7,) filled, s.
        jerks: (7,) filled, 1/s^3.
    """
    v = a = j = np.inf
    for i in range(delta.shape[0]):
        length = max(abs(delta[i]), 1e-12)
        v = min(v, limits[0, i] / length)
        a = min(a, limits[1, i] / length)
        j = min(j, limits[2, i] / length)
    v, a, j = speed * v, speed * a, speed * j
    if v * j >= a * a:
        ramp, rise = a / j, a / j + v / a
    else:
        ramp = sqrt(v / j)
        rise = 2.0 * ramp
    cruise = 1.0 / v - rise
    if cruise < 0.0:
        cruise = 0.0
        if j * j >= 2.0 * a**3:
            ramp = a / j
            rise = ramp / 2.0 + sqrt(ramp * ramp / 4.0 + 1.0 / a)
        else:
            ramp = (0.5 / j) ** (1.0 / 3.0)
            rise = 2.0 * ramp
    # A piece that lasts next to nothing would be a quintic over next to nothing, all rounding:
    # leave it out, give the others the jerk that covers the distance, and take the time it needs.
    flat = rise - 2.0 * ramp if rise - 2.0 * ramp > SHORTEST_S else 0.0
    cruise = cruise if cruise > SHORTEST_S else 0.0
    jerk = 1.0 / (ramp * (ramp + flat) * (2.0 * ramp + flat + cruise))
    stretch = max(1.0, jerk * ramp * (ramp + flat) / v, sqrt(jerk * ramp / a))
    stretch = max(stretch, (jerk / j) ** (1.0 / 3.0))
    total = 0.0
    for k in range(7):
        lasts = cruise if k == 3 else (flat if k % 4 == 1 else ramp)
        durations[k] = stretch * lasts
        total += durations[k]
        jerks[k] = 0.0
    jerks[0] = jerks[6] = jerk / stretch**3
    jerks[2] = jerks[4] = -jerks[0]
    return total


@compiled
def durations_s(starts: Array, ends: Array, limits: Array, speed: float, totals: Array) -> None:
    """How long straight motions from `starts` (m, n) to `ends` (m, n) take: fills `totals` (m,)."""
    delta = np.empty(starts.shape[1])
    durations, jerks = np.empty(7), np.empty(7)
    for k in range(starts.shape[0]):
        for i in range(delta.shape[0]):
            delta[i] = ends[k, i] - starts[k, i]
        totals[k] = pieces(delta, limits, speed, durations, jerks)
