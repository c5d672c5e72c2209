"""Compiled inverse kinematics without a closed form: damped least squares from many seeds.

For arms that fit no family, and for arms with seven axes, where the angle of the elbow around the
line from shoulder to wrist is the seventh equation (Shimizu, Kakuya, Yoon, Kitagaki and Kosuge,
"Analytical inverse kinematic computation for 7-DOF redundant manipulators with joint limits", IEEE
Transactions on Robotics 24(5), 2008, section III).
"""

from __future__ import annotations

from math import atan2, floor, sqrt
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames, chain_jacobian, pose_error
from planners.kinematics.inverse import Mask, rigid, turned_nearest
from planners.kinematics.layout import BRANCHES
from planners.kinematics.refine import damped_step

_FULL_TURN: Final = 6.283185307179586
_TOLERANCE: Final = 1e-12
_ACCEPTED: Final = 2e-10
_DIFFERENCE_RAD: Final = 1e-6
_SAME_RAD: Final = 1e-5
_LARGEST_STEP_RAD: Final = 0.5

# Joints (from 0) whose origins are shoulder, elbow and wrist of an arm with seven axes.
_SHOULDER: Final = 1
_ELBOW: Final = 3
_WRIST: Final = 5


@compiled
def elbow_angle(frames: Array) -> float:
    """Angle of the elbow about the line from shoulder to wrist; 0 is towards axis 1.

    Meaningless where the arm is straight or the line lies along axis 1.
    """
    wx = frames[_WRIST, 0, 3] - frames[_SHOULDER, 0, 3]
    wy = frames[_WRIST, 1, 3] - frames[_SHOULDER, 1, 3]
    wz = frames[_WRIST, 2, 3] - frames[_SHOULDER, 2, 3]
    size = sqrt(wx * wx + wy * wy + wz * wz)
    wx, wy, wz = wx / size, wy / size, wz / size
    ex = frames[_ELBOW, 0, 3] - frames[_SHOULDER, 0, 3]
    ey = frames[_ELBOW, 1, 3] - frames[_SHOULDER, 1, 3]
    ez = frames[_ELBOW, 2, 3] - frames[_SHOULDER, 2, 3]
    zx, zy, zz = frames[0, 0, 2], frames[0, 1, 2], frames[0, 2, 2]
    # Across the line: towards axis 1, and perpendicular to both.
    along = zx * wx + zy * wy + zz * wz
    ux, uy, uz = zx - along * wx, zy - along * wy, zz - along * wz
    vx, vy, vz = wy * uz - wz * uy, wz * ux - wx * uz, wx * uy - wy * ux
    return atan2(ex * vx + ey * vy + ez * vz, ex * ux + ey * uy + ez * uz)


@compiled
def elbow_angles(chain: Array, q: Array, angles: Array) -> None:
    """Elbow angles (m,) of joint positions (m, 7)."""
    frames = np.empty((q.shape[1] + 1, 3, 4))
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        angles[k] = elbow_angle(frames)


@compiled
def _wrapped(angle: float) -> float:
    return angle - _FULL_TURN * floor(angle / _FULL_TURN + 0.5)


@compiled
def descend(
    chain: Array,
    pose: Array,
    elbow: float,
    q: Array,
    iterations: int,
    frames: Array,
    jacobian: Array,
    matrix: Array,
    error: Array,
    step: Array,
) -> float:
    """Improve `q` in place; returns the remaining error (m and rad).

    `elbow` is nan where it is free. `jacobian`, `matrix` and `error` have a seventh row for it.
    """
    n = q.shape[0]
    rows = 6 if np.isnan(elbow) else 7
    best = np.inf
    stuck = 0
    trial = q.copy()
    for _ in range(iterations):
        chain_frames(chain, trial, frames)
        size = pose_error(pose, frames[n], error)
        if rows == 7:
            here = elbow_angle(frames)
            error[6] = _wrapped(elbow - here)
            size = sqrt(size * size + error[6] * error[6])
        if size < best:
            stuck = 0 if size < 0.9 * best else stuck + 1
            best = size
            for j in range(n):
                q[j] = trial[j]
            if size < _TOLERANCE:
                break
        else:
            stuck += 1
        if stuck > 12:
            break
        chain_jacobian(frames, jacobian)
        if rows == 7:
            for j in range(n):
                jacobian[6, j] = 0.0
            for j in range(_WRIST):
                kept = trial[j]
                trial[j] = kept + _DIFFERENCE_RAD
                chain_frames(chain, trial, frames)
                jacobian[6, j] = _wrapped(elbow_angle(frames) - here) / _DIFFERENCE_RAD
                trial[j] = kept
        damped_step(
            jacobian[:rows], error[:rows], 0.5 * size * size + 1e-16, matrix[:rows, :rows], step
        )
        largest = 0.0
        for j in range(n):
            largest = max(largest, abs(step[j]))
        scale = min(1.0, _LARGEST_STEP_RAD / largest) if largest > 0.0 else 1.0
        for j in range(n):
            trial[j] += scale * step[j]
    return best


@compiled
def numeric_batch(
    chain: Array,
    limits: Array,
    poses: Array,
    near: Array,
    elbow: float,
    seeds: Array,
    iterations: int,
    q: Array,
    valid: Mask,
    margin: Array,
) -> int:
    """Up to eight different solutions of each pose; arguments as `inverse.inverse_batch`.

    The first seed is `near`. Solutions within the limits displace those beyond. `elbow` is the
    elbow angle of an arm with seven axes, nan where it does not matter.
    """
    n = limits.shape[1]
    frames, clean = np.empty((n + 1, 3, 4)), np.empty((3, 4))
    jacobian, matrix = np.empty((7, n)), np.empty((7, 7))
    error, step, trial = np.empty(7), np.empty(n), np.empty(n)
    for k in range(poses.shape[0]):
        if not rigid(poses[k], clean):
            return k
        here = near[k if near.shape[0] > 1 else 0]
        for b in range(BRANCHES):
            valid[k, b] = False
            margin[k, b] = -np.inf
            for j in range(n):
                q[k, b, j] = np.nan
        inside = 0
        for s in range(seeds.shape[0] + 1):
            for j in range(n):
                trial[j] = here[j] if s == 0 else seeds[s - 1, j]
            size = descend(
                chain, clean, elbow, trial, iterations, frames, jacobian, matrix, error, step
            )
            if not size < _ACCEPTED:
                continue
            least = np.inf
            for j in range(n):
                trial[j] = turned_nearest(trial[j], here[j], limits[0, j], limits[1, j])
                least = min(least, trial[j] - limits[0, j], limits[1, j] - trial[j])
            place = -1
            for b in range(BRANCHES):
                if not valid[k, b]:
                    if place < 0:
                        place = b
                    continue
                apart = 0.0
                for j in range(n):
                    apart = max(apart, abs(_wrapped(trial[j] - q[k, b, j])))
                if apart < _SAME_RAD:
                    place = -2
                    break
                if place < 0 and least >= 0.0 and margin[k, b] < 0.0:
                    place = b
            if place < 0:
                continue
            for j in range(n):
                q[k, place, j] = trial[j]
            valid[k, place] = True
            margin[k, place] = least
            if least >= 0.0:
                inside += 1
                if inside == BRANCHES:
                    break
    return -1
