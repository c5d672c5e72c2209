"""Homogeneous transforms from what plant files say."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Arm, CartesianPose, Cell, JointPose, MoveStep
from robot_cell.model.plant import Base

Array = NDArray[np.float64]

_AT_ORIGIN: Final = Base()


def transform(xyz_m: tuple[float, float, float], rpy_deg: tuple[float, float, float]) -> Array:
    """The (4, 4) transform of a translation and fixed-axis roll, pitch, yaw (URDF convention)."""
    roll, pitch, yaw = np.radians(rpy_deg)
    cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    cy, sy = np.cos(yaw), np.sin(yaw)
    result = np.eye(4)
    result[:3, :3] = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    result[:3, 3] = xyz_m
    return result


def transform_flange_tcp(arm: Arm) -> Array:
    """The TCP in an arm's flange frame, (4, 4)."""
    return transform(arm.tool.tcp_xyz_m, arm.tool.tcp_rpy_deg)


def transform_cell_base(arm: Arm) -> Array:
    """Where an arm stands in its cell's frame, (4, 4)."""
    return transform(arm.base.xyz_m, arm.base.rpy_deg)


def cell_to_base(arm: Arm, pose: Array) -> Array:
    """A pose (4, 4) of the cell's frame in the base frame of an arm."""
    if arm.base == _AT_ORIGIN:
        return pose
    moved: Array = np.linalg.inv(transform_cell_base(arm)) @ pose
    return moved


def transform_base_target(cell: Cell, step: MoveStep) -> Array | None:
    """Where a move's TCP goes in its arm's base frame, (4, 4); None for a pose given by joints."""
    return _transform_base_pose(cell, step, step.to, step.above_m)


def transform_base_via(cell: Cell, step: MoveStep) -> Array | None:
    """What an arc passes, in its arm's base frame, (4, 4); None if the move is no arc."""
    return None if step.via is None else _transform_base_pose(cell, step, step.via, 0.0)


def _transform_base_pose(cell: Cell, step: MoveStep, name: str, above_m: float) -> Array | None:
    pose = cell.poses[name]
    if isinstance(pose, JointPose):
        return None
    assert isinstance(pose, CartesianPose)
    frame = cell.frames[pose.frame]
    x, y, z = pose.xyz_m
    target: Array = transform(frame.xyz_m, frame.rpy_deg) @ transform(
        (x, y, z + above_m), pose.rpy_deg
    )
    return cell_to_base(cell.arms[cell.mover(step)], target)


def joints_rad(pose: JointPose) -> Array:
    """Joint positions (n,) in radians of a pose taught by joints."""
    joints: Array = np.radians(np.asarray(pose.joints_deg))
    return joints
