"""Torques that a motion asks of the joints: pinocchio's Newton-Euler on the arm's URDF."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.arm_description import ArmDescription
from planners.kinematics.robot import Robot

GRAVITY_M_S2: Final = 9.80665
"""Standard gravity (CGPM 1901)."""


def joint_torques(robot: Robot, q: Array, velocity: Array, acceleration: Array) -> Array:
    """Torques (n, 6) in N m for states (n, 6), with the tool's mass at the tool centre point.

    Friction, rotor inertia and a part in the gripper are not included.
    """
    import pinocchio

    model, data = _model(robot)
    rows = zip(q, velocity, acceleration, strict=True)
    torques = [pinocchio.rnea(model, data, *row).copy() for row in rows]
    return np.array(torques).reshape(-1, robot.dof)


def pinocchio_poses(arm: ArmDescription, q: Array) -> Array:
    """Poses (n, 4, 4) of `tool0` by pinocchio's own reading of the arm's URDF."""
    import pinocchio

    model = pinocchio.buildModelFromXML(arm.urdf)
    data = model.createData()
    frame = model.getFrameId(arm.tool0)
    poses = np.empty((len(q), 4, 4))
    for k, row in enumerate(q):
        pinocchio.framesForwardKinematics(model, data, row)
        poses[k] = data.oMf[frame].homogeneous
    return poses


@lru_cache(maxsize=8)
def _model(robot: Robot) -> tuple[Any, Any]:
    import pinocchio  # 0.3 s; who asks for no torques does without it

    model = pinocchio.buildModelFromXML(robot.description.urdf)
    if tuple(model.names)[1:] != robot.joint_names:
        raise ValueError(f"pinocchio orders the joints otherwise: {list(model.names)}")
    zero = np.zeros(robot.dof)
    tool_in_link = np.linalg.inv(robot.link_poses(zero)[0, -1]) @ robot.forward(zero)
    tool = pinocchio.Inertia(robot.tool_mass_kg, np.zeros(3), np.zeros((3, 3)))
    model.appendBodyToJoint(robot.dof, tool, pinocchio.SE3(tool_in_link))
    down_world = np.array([0.0, 0.0, -GRAVITY_M_S2])
    model.gravity.linear = robot.transform_world_base[:3, :3].T @ down_world
    return model, model.createData()
