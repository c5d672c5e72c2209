"""Branches of calibrated arms that seeding anywhere finds and the solver does not, counted.

The oracle shares no code with the solver: damped least squares on pinocchio's chain would take days
for ten thousand poses, so its chain is compiled here from the URDF's joints as the file has them.
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np

from planners.arrays import Array
from planners.kinematics import Robot

SEEDS: Final = 150
ITERATIONS: Final = 60
EXACT: Final = 1e-10
SAME_RAD: Final = 1e-4
SINGULAR: Final = 0.02
"""Smallest singular value (reach-scaled) below which a branch counts as next to a singularity."""

_AT_MOST: Final = 32


@numba.njit(cache=False)
def _forward(fixed: Array, axes: Array, q: Array, joint_axes: Array, origins: Array) -> Array:
    """Pose (4, 4) of the flange; fills each joint's axis and origin (n, 3) in the base."""
    pose = np.eye(4)
    for j in range(q.shape[0]):
        pose = pose @ fixed[j]
        x, y, z = axes[j]
        c, s = np.cos(q[j]), np.sin(q[j])
        turn = np.eye(4)
        turn[0, 0], turn[0, 1], turn[0, 2] = (
            c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s,
        )  # fmt: skip
        turn[1, 0], turn[1, 1], turn[1, 2] = (
            y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s,
        )  # fmt: skip
        turn[2, 0], turn[2, 1], turn[2, 2] = (
            z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c),
        )  # fmt: skip
        joint_axes[j] = pose[:3, :3] @ axes[j]
        origins[j] = pose[:3, 3]
        pose = pose @ turn
    return pose @ fixed[q.shape[0]]


@numba.njit(cache=False)
def _brute(fixed: Array, axes: Array, pose: Array, seeds: Array, found: Array) -> int:
    """Fills `found` (m, n) with different solutions by Newton's method from every seed."""
    n, count = seeds.shape[1], 0
    joint_axes, origins = np.empty((n, 3)), np.empty((n, 3))
    jacobian, error = np.empty((6, n)), np.empty(6)
    for k in range(seeds.shape[0]):
        q = seeds[k].copy()
        size = 1.0
        for _ in range(ITERATIONS):
            here = _forward(fixed, axes, q, joint_axes, origins)
            turn = pose[:3, :3] @ here[:3, :3].T
            skew = 0.5 * (turn - turn.T)
            w = np.array([skew[2, 1], skew[0, 2], skew[1, 0]])
            sine = np.sqrt((w * w).sum())
            angle = np.arctan2(sine, 0.5 * (turn[0, 0] + turn[1, 1] + turn[2, 2] - 1.0))
            error[:3] = pose[:3, 3] - here[:3, 3]
            error[3:] = w * (angle / sine if sine > 1e-12 else 1.0)
            size = np.sqrt((error * error).sum())
            if size < EXACT:
                break
            for j in range(n):
                jacobian[3:, j] = joint_axes[j]
                jacobian[:3, j] = np.cross(joint_axes[j], here[:3, 3] - origins[j])
            normal = jacobian @ jacobian.T + (0.5 * size * size + 1e-17) * np.eye(6)
            step = jacobian.T @ np.linalg.solve(normal, error)
            most = np.abs(step).max()
            q += step * min(1.0, 0.7 / most)
        if not size < EXACT or count == found.shape[0]:
            continue
        known = False
        for c in range(count):
            gap = q - found[c]
            known |= np.abs(gap - 2 * np.pi * np.floor(gap / (2 * np.pi) + 0.5)).max() < SAME_RAD
        if not known:
            found[count] = q
            count += 1
    return count


def branches(robot: Robot, q: Array, seed: int = 0) -> dict[str, Any]:
    """Solutions of the poses of `q` (k, 6) by both ways, and who found what the other did not."""
    joints = robot.description.joints
    fixed = np.array(
        [joint.transform_parent_joint for joint in joints]
        + [robot.description.transform_last_tool0 @ robot.transform_flange_tool]
    )
    axes = np.array([joint.axis for joint in joints], dtype=float)
    poses = robot.forward(q)
    found = robot.inverse(poses)
    rng = np.random.default_rng(seed)
    room = np.empty((_AT_MOST, robot.dof))
    total = ours = missed = near_fold = full = poses_missed = 0
    examples: list[Any] = []
    for k, pose in enumerate(poses):
        seeds = rng.uniform(-np.pi, np.pi, (SEEDS, robot.dof))
        count = _brute(fixed, axes, pose, seeds, room)
        mine = found.q[k][found.valid[k]]
        total += count
        ours += len(mine)
        gap = room[:count, None] - mine
        gap = np.abs(gap - 2 * np.pi * np.round(gap / (2 * np.pi))).max(axis=-1)
        lost = room[:count][gap.min(axis=1) > SAME_RAD] if len(mine) else room[:count]
        missed += len(lost)
        poses_missed += bool(len(lost))
        near_fold += int((robot.smallest_singular_value(lost) < SINGULAR).sum()) if len(lost) else 0
        full += int(len(lost) > 0 and len(mine) == 8)
        examples += [(k, one.tolist()) for one in lost]
    return {
        "poses": len(q),
        "seeds_per_pose": SEEDS,
        "branches_by_seeding": total,
        "branches_by_the_solver": ours,
        "missed_by_the_solver": missed,
        "missed_next_to_a_singularity": near_fold,
        "poses_with_a_miss": poses_missed,
        "poses_with_a_miss_and_eight_branches": full,
        "examples": examples[:20],
    }
