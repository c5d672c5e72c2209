"""Compiled lower bounds of distances of boxes: the quick first look at a pair of solids.

Each solid is enclosed in a box around its own origin. The bound of a pair is the largest of the
distance between the boxes' bounding spheres, from each sphere to the other box, and along the six
face normals (Gottschalk, Lin and Manocha, "OBBTree", SIGGRAPH 1996, section 5: a separating axis
shows a distance, too). It is never more than the true signed distance.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames

Ints = NDArray[np.int64]


@compiled
def place_solids(frames: Array, link: Ints, local: Array, poses: Array) -> None:
    """Poses (s, 3, 4) of solids on moving links; link 0 stands still and is left alone."""
    for s in range(link.shape[0]):
        if link[s] == 0:
            continue
        frame = frames[link[s] - 1]
        for r in range(3):
            a, b, c = frame[r, 0], frame[r, 1], frame[r, 2]
            for k in range(4):
                poses[s, r, k] = a * local[s, 0, k] + b * local[s, 1, k] + c * local[s, 2, k]
            poses[s, r, 3] += frame[r, 3]


@compiled
def pair_bound(pa: Array, ha: Array, ra: float, pb: Array, hb: Array, rb: float) -> float:
    """Lower bound of the distance between two boxes at poses (3, 4) with half edges (3,)."""
    tx, ty, tz = pb[0, 3] - pa[0, 3], pb[1, 3] - pa[1, 3], pb[2, 3] - pa[2, 3]
    bound = sqrt(tx * tx + ty * ty + tz * tz) - ra - rb
    outside_a = outside_b = 0.0
    for i in range(3):
        # Along face normal i of a, and of b.
        ax, ay, az = pa[0, i], pa[1, i], pa[2, i]
        bx, by, bz = pb[0, i], pb[1, i], pb[2, i]
        along_a = abs(tx * ax + ty * ay + tz * az)
        along_b = abs(tx * bx + ty * by + tz * bz)
        reach_b = reach_a = 0.0
        for j in range(3):
            reach_b += hb[j] * abs(ax * pb[0, j] + ay * pb[1, j] + az * pb[2, j])
            reach_a += ha[j] * abs(bx * pa[0, j] + by * pa[1, j] + bz * pa[2, j])
        bound = max(bound, along_a - ha[i] - reach_b, along_b - hb[i] - reach_a)
        beyond = max(along_a - ha[i], 0.0)
        outside_a += beyond * beyond
        beyond = max(along_b - hb[i], 0.0)
        outside_b += beyond * beyond
    # A sphere whose centre is inside the box may be deeper in it than its radius.
    if outside_a > 0.0:
        bound = max(bound, sqrt(outside_a) - rb)
    if outside_b > 0.0:
        bound = max(bound, sqrt(outside_b) - ra)
    return bound


@compiled
def all_bounds(
    chain: Array,
    link: Ints,
    local: Array,
    half: Array,
    radius: Array,
    pairs: Ints,
    q: Array,
    poses: Array,
    bounds: Array,
) -> None:
    """Bounds (p,) of all pairs (p, 2) at one position `q` (n,); fills `poses` (s, 3, 4) too."""
    frames = np.empty((q.shape[0] + 1, 3, 4))
    chain_frames(chain, q, frames)
    place_solids(frames, link, local, poses)
    for k in range(pairs.shape[0]):
        a, b = pairs[k, 0], pairs[k, 1]
        bounds[k] = pair_bound(poses[a], half[a], radius[a], poses[b], half[b], radius[b])
