"""Compiled inverse kinematics of many poses: closed form, refined, turned into the limits."""

from __future__ import annotations

from math import ceil, floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.branches import spherical_wrist, three_parallel
from planners.kinematics.layout import BRANCHES, EXACT, NONE
from planners.kinematics.partners import add_nearest, find_partners, search_around
from planners.kinematics.refine import refine
from planners.kinematics.singular_curve import follow_curves

Mask = NDArray[np.bool_]

RIGID: Final = 1e-6
"""How far a rotation matrix may be from orthonormal."""

_FULL_TURN: Final = 6.283185307179586
_LIMIT_SLACK: Final = 1e-9
_FREE: Final = 1e-10
_LOOSE_FREE: Final = 1e-3
"""Sine of joint 5 below which joints 4 and 6 share one angle."""

_CALIBRATED_FREE: Final = 0.2
_ATTEMPTS: Final = 9
_ATTEMPT_RAD: Final = 0.9

_CLIP_M: Final = 1e-6
_LOOSE_CLIP_M: Final = 0.005
_CALIBRATED_CLIP_M: Final = 0.04
"""How far out of reach a pose may be that is still tried: refining says whether it is reached."""

_REFINED: Final = 2e-10
_ITERATIONS: Final = 60


@compiled
def rigid(pose: Array, clean: Array) -> bool:
    """Whether `pose` (4, 4) is a rigid transform; `clean` is it with its rotation orthonormal.

    One step of Newton's method for the polar decomposition (Higham, "Functions of Matrices", 2008,
    chapter 8) removes what rounding or a file has left.
    """
    a, b, c = pose[0, 0], pose[0, 1], pose[0, 2]
    d, e, f = pose[1, 0], pose[1, 1], pose[1, 2]
    g, h, i = pose[2, 0], pose[2, 1], pose[2, 2]
    xx, yy, zz = a * a + d * d + g * g, b * b + e * e + h * h, c * c + f * f + i * i
    xy, xz, yz = a * b + d * e + g * h, a * c + d * f + g * i, b * c + e * f + h * i
    worst = max(abs(xx - 1), abs(yy - 1), abs(zz - 1), abs(xy), abs(xz), abs(yz))
    total = worst + pose[0, 3] + pose[1, 3] + pose[2, 3]
    if not (worst < RIGID and np.isfinite(total)):
        return False
    if a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0.0:
        return False
    last = max(abs(pose[3, 0]), abs(pose[3, 1]), abs(pose[3, 2]), abs(pose[3, 3] - 1))
    if not last < RIGID:
        return False
    for r in range(3):
        x, y, z = pose[r, 0], pose[r, 1], pose[r, 2]
        clean[r, 0] = x - 0.5 * (x * (xx - 1) + y * xy + z * xz)
        clean[r, 1] = y - 0.5 * (x * xy + y * (yy - 1) + z * yz)
        clean[r, 2] = z - 0.5 * (x * xz + y * yz + z * (zz - 1))
        clean[r, 3] = pose[r, 3]
    return True


@compiled
def turned_nearest(value: float, near: float, lower: float, upper: float) -> float:
    """`value` by full turns to its place nearest `near` within the limits.

    Where no turn is within the limits, the turn nearest `near`.
    """
    turns = floor((near - value) / _FULL_TURN + 0.5)
    least = ceil((lower - _LIMIT_SLACK - value) / _FULL_TURN)
    most = floor((upper + _LIMIT_SLACK - value) / _FULL_TURN)
    if least <= most:
        turns = min(max(turns, least), most)
    return value + _FULL_TURN * turns


@compiled
def inverse_batch(
    parallel: bool,
    exact: bool,
    parameters: Array,
    chain: Array,
    limits: Array,
    poses: Array,
    near: Array,
    q: Array,
    valid: Mask,
    margin: Array,
) -> int:
    """All branches of poses (n, 4, 4); returns the index of a pose that is not rigid, or -1.

    Args:
        parallel: three parallel axes; else a spherical wrist.
        exact: whether the closed form is the arm itself; else its solutions are seeds.
        parameters: of the closed form (`layout.py`).
        chain: (7, 3, 4) the exact arm (`chain.py`).
        limits: (2, 6) lower and upper.
        poses: tool in base.
        near: (n, 6) or (1, 6); chooses turns, and joints that a singular pose leaves free.
        q: (n, 8, 6) solutions, NaN where there is none.
        valid: (n, 8) whether there is one, limits ignored.
        margin: (n, 8) distance (rad) to the nearest joint limit, negative outside.
    """
    tried = np.empty(BRANCHES, dtype=np.bool_)
    target, clean, start = np.empty((3, 4)), np.empty((3, 4)), np.empty(6)
    state, seeds = np.empty(BRANCHES, dtype=np.int64), np.empty((BRANCHES, 6))
    work = np.empty((7, 3, 4)), np.empty((6, 6)), np.empty((6, 6)), np.empty(6), np.empty(6)
    frames, jacobian, matrix, error, step = work
    for k in range(poses.shape[0]):
        if not rigid(poses[k], clean):
            return k
        here = near[k if near.shape[0] > 1 else 0]
        clip = _CLIP_M if exact else _CALIBRATED_CLIP_M
        free = _FREE
        count = 0
        for j in range(6):
            start[j] = here[j]
        for attempt in range(_ATTEMPTS):
            if parallel:
                three_parallel(parameters, clip, free, clean, start, target, seeds, state)
            else:
                spherical_wrist(parameters, clip, free, clean, start, target, seeds, state)
            for b in range(BRANCHES):
                found = state[b] != NONE
                tried[b] = found
                for j in range(6):
                    q[k, b, j] = seeds[b, j]
                if found and not (exact and state[b] == EXACT):
                    size = refine(
                        chain, clean, q[k, b], 1e-12, _ITERATIONS,
                        frames, jacobian, matrix, error, step,
                    )  # fmt: skip
                    found = size < _REFINED
                valid[k, b] = found
                count += found
            if count > 0:
                break
            # Where two or three singularities meet, rounding of the pose is magnified this much.
            clip = _LOOSE_CLIP_M if exact else 2 * _CALIBRATED_CLIP_M
            if attempt > 0:
                free = _LOOSE_FREE if exact else _CALIBRATED_FREE
                start[3] += _ATTEMPT_RAD
                start[5] += _ATTEMPT_RAD
        if not exact:
            if count == 0:
                count = search_around(
                    chain, clean, _REFINED, seeds, state, q[k], valid[k],
                    frames, jacobian, matrix, error, step,
                )  # fmt: skip
            near_enough = add_nearest(
                chain, clean, _REFINED, here, q[k], valid[k], frames, jacobian, matrix, error, step
            )
            if count > 0 or near_enough:
                # Before and after: on a curve new ones are found, and each may have a partner.
                for _ in range(2):
                    find_partners(
                        chain, clean, _REFINED, q[k], valid[k],
                        frames, jacobian, matrix, error, step,
                    )  # fmt: skip
                    for b in range(BRANCHES):
                        tried[b] = tried[b] or valid[k, b]
                    if (
                        follow_curves(
                            chain,
                            clean,
                            _REFINED,
                            q[k],
                            tried,
                            q[k],
                            valid[k],
                            frames,
                            jacobian,
                            matrix,
                            error,
                            step,
                        )
                        == 0
                    ):
                        break
        for b in range(BRANCHES):
            found = valid[k, b]
            least = np.inf
            for j in range(6):
                if found:
                    value = turned_nearest(q[k, b, j], here[j], limits[0, j], limits[1, j])
                    q[k, b, j] = value
                    least = min(least, value - limits[0, j], limits[1, j] - value)
                else:
                    q[k, b, j] = np.nan
            margin[k, b] = least if found else -np.inf
    return -1
