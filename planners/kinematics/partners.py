"""Compiled search for branches of a calibrated arm that its nominal closed form does not lead to.

Near a singular position two branches lie close together, and the seeds of both may run into the
same one. The other lies across the fold: along the direction in which the tool hardly moves.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames, chain_jacobian, pose_error
from planners.kinematics.layout import BRANCHES, NONE
from planners.kinematics.refine import refine

_FULL_TURN: Final = 6.283185307179586
SAME_RAD: Final = 1e-6
_SOFT: Final = 0.15
"""Smallest singular value (m or rad per rad) above which no other branch is near."""

_NEAR: Final = 0.2
"""Pose error (m and rad) of a position that counts as on the way to the pose."""

_STEPS_RAD: Final = (0.02, 0.08, 0.3)
_FAR_RAD: Final = (0.8, 1.6, 2.6)
"""How far across the fold is sought, first and then."""

_TRIES: Final = 64
_GOLDEN_RAD: Final = 2.399963229728653


@compiled
def apart(a: Array, b: Array) -> float:
    """Largest difference of two positions, full turns apart from it."""
    largest = 0.0
    for j in range(a.shape[0]):
        gap = a[j] - b[j]
        largest = max(largest, abs(gap - _FULL_TURN * floor(gap / _FULL_TURN + 0.5)))
    return largest


@compiled
def soft_direction(jacobian: Array, matrix: Array, direction: Array) -> float:
    """The unit direction (n,) in which the tool moves least, by inverse iteration; how much."""
    n = direction.shape[0]
    for i in range(n):
        for k in range(i + 1):
            total = 0.0
            for r in range(6):
                total += jacobian[r, i] * jacobian[r, k]
            matrix[i, k] = total
        matrix[i, i] += 1e-13
        direction[i] = 1.0 + 0.1 * i
    for i in range(n):
        for k in range(i + 1):
            total = matrix[i, k]
            for j in range(k):
                total -= matrix[i, j] * matrix[k, j]
            matrix[i, k] = sqrt(max(total, 1e-18)) if i == k else total / matrix[k, k]
    size = 1.0
    for _ in range(6):
        for i in range(n):
            for k in range(i):
                direction[i] -= matrix[i, k] * direction[k]
            direction[i] /= matrix[i, i]
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                direction[i] -= matrix[k, i] * direction[k]
            direction[i] /= matrix[i, i]
        size = 0.0
        for i in range(n):
            size += direction[i] * direction[i]
        size = sqrt(size)
        for i in range(n):
            direction[i] /= size
    return 1.0 / sqrt(size)


@compiled
def find_partners(
    chain: Array,
    pose: Array,
    accepted: float,
    q: Array,
    valid: NDArray[np.bool_],
    frames: Array,
    jacobian: Array,
    matrix: Array,
    error: Array,
    step: Array,
) -> None:
    """Fill the branches (8, 6) that are missing or double with solutions across a fold."""
    n = q.shape[1]
    places = np.empty(BRANCHES, dtype=np.int64)
    free = 0
    for b in range(BRANCHES):
        double = not valid[b]
        for c in range(b):
            if valid[b] and valid[c] and apart(q[b], q[c]) < SAME_RAD:
                double = True
        if double:
            places[free] = b
            free += 1
    direction, trial = np.empty(n), np.empty(n)
    for turn in range(2 * BRANCHES):
        # Solutions come in pairs (they are the real roots of a polynomial of degree 16: Raghavan
        # and Roth, 1993): an odd count, or a double, says that one is missing, maybe further away.
        far = turn >= BRANCHES
        doubt = free % 2 == 1
        for k in range(free):
            doubt = doubt or valid[places[k]]
        if free == 0 or (far and not doubt):
            return
        b = turn % BRANCHES
        if not valid[b]:
            continue
        chain_frames(chain, q[b], frames)
        chain_jacobian(frames, jacobian)
        if soft_direction(jacobian, matrix, direction) > _SOFT:
            continue
        for k in range(2 * len(_STEPS_RAD)):
            length = (_FAR_RAD if far else _STEPS_RAD)[k // 2]
            if k % 2 == 1:
                length = -length
            for j in range(n):
                trial[j] = q[b, j] + length * direction[j]
            size = refine(chain, pose, trial, 1e-12, 20, frames, jacobian, matrix, error, step)
            known = not size < accepted
            for c in range(BRANCHES):
                known = known or (valid[c] and apart(trial, q[c]) < SAME_RAD)
            if known:
                continue
            free -= 1
            for j in range(n):
                q[places[free], j] = trial[j]
            valid[places[free]] = True
            break


@compiled
def search_around(
    chain: Array,
    pose: Array,
    accepted: float,
    seeds: Array,
    state: NDArray[np.int64],
    q: Array,
    valid: NDArray[np.bool_],
    frames: Array,
    jacobian: Array,
    matrix: Array,
    error: Array,
    step: Array,
) -> int:
    """Try the seeds (8, 6) with joints 1, 4 and 6 turned, where singularities meet; how many found.

    There the nominal arm leaves these joints free and the calibrated one does not.
    """
    trial = np.empty(q.shape[1])
    found = 0
    for k in range(_TRIES):
        b = k % BRANCHES
        if state[b] == NONE:
            continue
        for j in range(q.shape[1]):
            trial[j] = seeds[b, j]
        trial[0] += _GOLDEN_RAD * (k // BRANCHES)
        trial[3] += _GOLDEN_RAD * (k // 2)
        trial[5] -= _GOLDEN_RAD * (k // 3)
        size = refine(chain, pose, trial, 1e-12, 80, frames, jacobian, matrix, error, step)
        if size < accepted:
            for j in range(q.shape[1]):
                q[found, j] = trial[j]
            valid[found] = True
            found += 1
            if found == 2:
                break
    return found


@compiled
def add_nearest(
    chain: Array,
    pose: Array,
    accepted: float,
    near: Array,
    q: Array,
    valid: NDArray[np.bool_],
    frames: Array,
    jacobian: Array,
    matrix: Array,
    error: Array,
    step: Array,
) -> bool:
    """Where the arm is already near the pose, make sure that the branch it is on is among them.

    A calibrated arm may have more than eight branches near a singular position; the furthest then
    gives way. Returns whether one was added.
    """
    chain_frames(chain, near, frames)
    if pose_error(pose, frames[near.shape[0]], error) > _NEAR:
        return False
    trial = near.copy()
    if not refine(chain, pose, trial, 1e-12, 40, frames, jacobian, matrix, error, step) < accepted:
        return False
    place, furthest = -1, -1.0
    for b in range(BRANCHES):
        if not valid[b]:
            place, furthest = b, np.inf
            continue
        distance = apart(trial, q[b])
        if distance < SAME_RAD:
            return False
        if distance > furthest:
            place, furthest = b, distance
    for j in range(near.shape[0]):
        q[place, j] = trial[j]
    valid[place] = True
    return True
