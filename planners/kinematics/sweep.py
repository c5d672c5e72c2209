"""Compiled look along a path: which pair of solids is the first that has to be looked at exactly.

A pair whose distance is known at one position stays clear until its solids can have moved that far
(conservative advancement: Mirtich, "Timewarp rigid body simulation", SIGGRAPH 2000): joint j
moves the further solid, seen from the nearer, by its turn times the solid's reach at most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.bounds import pair_bound, place_solid, sphere_bound
from planners.kinematics.chain import chain_frames
from planners.kinematics.support import separation

Ints = NDArray[np.int64]

_COARSE_M = 0.03
_FAR_M = 0.15
"""Spheres that are further apart than this are looked at no more closely."""

_AHEAD_M = 0.1
"""Travel for which the pairs that may come due in it are told from the others."""
"""Boxes that are nearer than this are looked at more closely: it saves looks further on."""


@compiled
def first_undecided(
    chain: Array,
    link: Ints,
    local: Array,
    half: Array,
    radius: Array,
    kind: Ints,
    first: Ints,
    points: Array,
    reach: Array,
    pairs: Ints,
    margin: Array,
    q: Array,
    start: int,
    slack: Array,
    since: Ints,
    due: Array,
    seen: Ints,
    poses: Array,
) -> tuple[int, int]:
    """The first position from `start` on, and the pair there, that no bound clears.

    Args:
        chain: the arm (`chain.py`).
        link: (s,) number of the link that carries each solid.
        local: (s, 3, 4) where on it.
        half: (s, 3) half edges of the solids' boxes.
        radius: (s,) of the spheres around them.
        kind: (s,) of solid (`support.py`).
        first: (s + 1,) where its `points` begin and end.
        points: (m, 3) of hulls.
        reach: (s, dof) how far the solid can be from each joint.
        pairs: (p, 2) solids to compare.
        margin: (p,) what each pair has to keep.
        q: (n, dof) positions in order.
        start: first position to look at.
        slack: (p,) how much more than its margin each pair was apart, negative if never looked at,
        since: (p,) at which position,
        due: (p,) and until what travel that clears it,
        seen: (1,) counted from this position. These four are brought up to date.
        poses: (s, 3, 4), filled with both solids' poses at the position returned.

    Returns:
        Which position, and which pair; (n, 0) if all are clear.
    """
    dof = q.shape[1]
    frames = np.empty((dof + 1, 3, 4))
    furthest = np.zeros(dof)
    simplex, work = np.empty((4, 3)), np.empty((4, 4))
    for s in range(reach.shape[0]):
        for j in range(dof):
            furthest[j] = max(furthest[j], reach[s, j])
    active, placed = np.empty(pairs.shape[0], dtype=np.int64), np.full(link.shape[0], -1)
    count, horizon = 0, -1.0
    # `due` counts from the travel (of whatever moves furthest) at position `last`.
    travel, last, next_due = 0.0, seen[0], -1.0
    for i in range(start, q.shape[0]):
        for j in range(dof):
            travel += abs(q[i, j] - q[last, j]) * furthest[j]
        last = i
        if travel <= next_due:
            continue
        if travel > horizon:
            horizon = travel + _AHEAD_M
            count = 0
            for k in range(pairs.shape[0]):
                if due[k] <= horizon:
                    active[count] = k
                    count += 1
        next_due = horizon
        framed = False
        for n in range(count):
            k = active[n]
            if travel <= due[k]:
                next_due = min(next_due, due[k])
                continue
            a, b = pairs[k, 0], pairs[k, 1]
            if slack[k] >= 0.0:
                near, far = a, b
                if link[a] > link[b]:
                    near, far = b, a
                moved = 0.0
                for j in range(link[near], link[far]):
                    moved += abs(q[i, j] - q[since[k], j]) * reach[far, j]
                if moved <= slack[k]:
                    due[k] = travel + slack[k] - moved
                    next_due = min(next_due, due[k])
                    continue
            if not framed:
                chain_frames(chain, q[i], frames)
                framed = True
            if placed[a] != i:
                place_solid(frames, link[a], local[a], poses[a])
                placed[a] = i
            if placed[b] != i:
                place_solid(frames, link[b], local[b], poses[b])
                placed[b] = i
            room = sphere_bound(poses[a], radius[a], poses[b], radius[b]) - margin[k]
            if room < _FAR_M:
                room = pair_bound(poses[a], half[a], radius[a], poses[b], half[b], radius[b])
                room -= margin[k]
            if room < _COARSE_M:
                fine = separation(
                    kind[a], poses[a], half[a], first[a], first[a + 1],
                    kind[b], poses[b], half[b], first[b], first[b + 1],
                    points, margin[k], simplex, work,
                )  # fmt: skip
                room = max(room, fine - margin[k])
            if room < 0.0:
                for other in range(pairs.shape[0]):
                    due[other] -= travel
                seen[0] = i
                return i, k
            slack[k] = room
            since[k] = i
            due[k] = travel + room
            next_due = min(next_due, due[k])
    return q.shape[0], 0
