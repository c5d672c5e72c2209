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
from planners.compiled import compiled, compiled_inline
from planners.kinematics.chain import chain_frames

Ints = NDArray[np.int64]


@compiled_inline
def place_solid(frames: Array, link: int, local: Array, pose: Array) -> None:
    """Pose (3, 4) of a solid at `local` on a link; link 0 stands still and is left alone."""
    if link > 0:
        for r in range(3):
            a, b, c = frames[link - 1, r, 0], frames[link - 1, r, 1], frames[link - 1, r, 2]
            for k in range(4):
                pose[r, k] = a * local[0, k] + b * local[1, k] + c * local[2, k]
            pose[r, 3] += frames[link - 1, r, 3]


@compiled
def place_solids(frames: Array, link: Ints, local: Array, poses: Array) -> None:
    """Poses (s, 3, 4) of solids on moving links; link 0 stands still and is left alone."""
    for s in range(link.shape[0]):
        place_solid(frames, link[s], local[s], poses[s])


@compiled_inline
def sphere_bound(pa: Array, ra: float, pb: Array, rb: float) -> float:
    """Lower bound of the distance between what is inside two spheres."""
    tx, ty, tz = pb[0, 3] - pa[0, 3], pb[1, 3] - pa[1, 3], pb[2, 3] - pa[2, 3]
    return sqrt(tx * tx + ty * ty + tz * tz) - ra - rb


@compiled_inline
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
