"""Compiled search along a curve on which a calibrated arm hardly moves its tool.

Where the nominal arm is singular, its joints may run along a whole curve without moving the tool:
axes 4 and 6 of a straight wrist against each other, axes 2, 3, 4 and 6 of three parallel axes. The
calibrated arm moves its tool a little on it, and reaches the pose at a few isolated points, in
pairs, which may lie anywhere on the curve. Here the curve is followed: a step along the direction
in which the tool moves least, then back in all other directions (a predictor and corrector:
Allgower and Georg, "Introduction to Numerical Continuation Methods", 2003, chapter 2). What is left
of the error then points in one direction only; where its sign changes, or it is least, is a
solution.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames, chain_jacobian, pose_error
from planners.kinematics.layout import BRANCHES
from planners.kinematics.partners import SAME_RAD, apart, soft_direction
from planners.kinematics.refine import damped_step, refine

_SOFT: Final = 0.008
"""Smallest singular value below which a solution may lie on such a curve."""

_ON_CURVE: Final = 0.04
"""Error (m and rad) that is left on a curve at most; more, and it leads nowhere."""

_STEP_RAD: Final = 0.2
_MOST_STEPS: Final = 72
_CORRECTIONS: Final = 2
_DAMPING: Final = 1e-4
_ITERATIONS: Final = 40
_CURVES: Final = 4


@compiled
def _residual(
    chain: Array,
    pose: Array,
    trial: Array,
    direction: Array,
    frames: Array,
    jacobian: Array,
    across: Array,
    matrix: Array,
    error: Array,
    step: Array,
    soft: Array,
) -> float:
    """Move `trial` (n,) back to the curve across `direction`; the error (m and rad) that is left.

    Writes the direction `soft` (6,) in which the tool moves least, on the side where it was.
    """
    n = trial.shape[0]
    for _ in range(_CORRECTIONS):
        chain_frames(chain, trial, frames)
        pose_error(pose, frames[n], error)
        chain_jacobian(frames, jacobian)
        damped_step(jacobian, error, _DAMPING, matrix, step)
        along = 0.0
        for j in range(n):
            along += step[j] * direction[j]
        for j in range(n):
            trial[j] += step[j] - along * direction[j]
    chain_frames(chain, trial, frames)
    size = pose_error(pose, frames[n], error)
    chain_jacobian(frames, jacobian)
    for r in range(n):
        for c in range(n):
            across[r, c] = jacobian[c, r]
    for j in range(n):
        step[j] = soft[j]
    soft_direction(across, matrix, soft)
    same = 0.0
    for j in range(n):
        same += soft[j] * step[j]
    if same < 0.0:
        for j in range(n):
            soft[j] = -soft[j]
    return size


@compiled
def _take(q: Array, valid: NDArray[np.bool_], trial: Array) -> bool:
    """Put a solution where none is, or one that is there twice; whether it is new and there was."""
    place = -1
    for b in range(BRANCHES):
        if not valid[b]:
            place = b
            continue
        if apart(trial, q[b]) < SAME_RAD:
            return False
        for c in range(b):
            if valid[c] and apart(q[b], q[c]) < SAME_RAD:
                place = b
    if place < 0:
        return False
    for j in range(trial.shape[0]):
        q[place, j] = trial[j]
    valid[place] = True
    return True


@compiled
def follow_curves(
    chain: Array,
    pose: Array,
    accepted: float,
    starts: Array,
    tried: NDArray[np.bool_],
    q: Array,
    valid: NDArray[np.bool_],
    frames: Array,
    jacobian: Array,
    matrix: Array,
    error: Array,
    step: Array,
) -> int:
    """Add the solutions on the curves through solutions and near misses; how many there were.

    Args:
        chain: the exact arm, of six axes.
        pose: (3, 4) or (4, 4) the tool in the base.
        accepted: pose error (m and rad) of a solution.
        starts: (8, 6) positions that refining has led to.
        tried: (8,) which of them there are.
        q: (8, 6) solutions.
        valid: (8,) which of them there are.
        frames: room to work in, as for `refine`.
        jacobian: likewise.
        matrix: likewise.
        error: likewise.
        step: likewise.
    """
    n = q.shape[1]
    added, curves, seen = 0, 0, 0
    been = np.empty((2 * _CURVES * _MOST_STEPS + _CURVES, n))
    direction, before, soft = np.empty(n), np.empty(n), np.zeros(n)
    here, trial, last, start = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    across = np.empty((n, n))
    for b in range(BRANCHES):
        if not tried[b] or curves == _CURVES:
            continue
        known = False
        for k in range(seen):
            known = known or apart(been[k], starts[b]) < _STEP_RAD
        chain_frames(chain, starts[b], frames)
        if known or pose_error(pose, frames[n], error) > _ON_CURVE:
            continue
        chain_jacobian(frames, jacobian)
        if soft_direction(jacobian, matrix, direction) > _SOFT:
            continue
        curves += 1
        for j in range(n):
            start[j] = starts[b, j]
            been[seen, j] = start[j]
        seen += 1
        closed = False
        for way in range(2):
            if closed:
                break
            for j in range(n):
                here[j] = start[j]
                soft[j] = 0.0
            size = _residual(
                chain, pose, here, direction, frames, jacobian, across, matrix, error, step, soft
            )
            chain_jacobian(frames, jacobian)
            soft_direction(jacobian, matrix, direction)
            if way == 1:
                for j in range(n):
                    direction[j] = -direction[j]
            side, older = 0.0, size
            for j in range(n):
                side += soft[j] * error[j]
            falling = False
            for turn in range(_MOST_STEPS):
                for j in range(n):
                    before[j] = direction[j]
                    last[j] = here[j]
                    here[j] += _STEP_RAD * direction[j]
                size = _residual(
                    chain, pose, here, direction, frames, jacobian, across, matrix, error, step,
                    soft,
                )  # fmt: skip
                if size > _ON_CURVE:
                    break
                now = 0.0
                for j in range(n):
                    now += soft[j] * error[j]
                crossed = now * side < 0.0
                bottom = falling and size > older
                if crossed or bottom:
                    share = abs(side) / (abs(side) + abs(now)) if crossed else 0.0
                    for j in range(n):
                        trial[j] = last[j] + share * (here[j] - last[j])
                    found = refine(
                        chain, pose, trial, 1e-12, _ITERATIONS, frames, jacobian, matrix, error,
                        step,
                    )  # fmt: skip
                    if found < accepted and _take(q, valid, trial):
                        added += 1
                    chain_frames(chain, here, frames)
                falling = size < older
                side, older = now, size
                for j in range(n):
                    been[seen, j] = here[j]
                seen += 1
                if turn > 2 and apart(here, start) < _STEP_RAD:
                    closed = True
                    break
                chain_jacobian(frames, jacobian)
                soft_direction(jacobian, matrix, direction)
                same = 0.0
                for j in range(n):
                    same += direction[j] * before[j]
                if same < 0.0:
                    for j in range(n):
                        direction[j] = -direction[j]
                if abs(same) < 0.5:
                    break
    return added
