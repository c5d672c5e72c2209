"""Torques that a motion asks of the joints: pinocchio's Newton-Euler on the arm's URDF."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.arm_description import ArmDescription
from planners.kinematics.errors import KinematicsError
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
    torques = [
        pinocchio.rnea(model, data, configuration(model, at), speed, change).copy()
        for at, speed, change in rows
    ]
    return np.array(torques).reshape(-1, robot.dof)


def pinocchio_model(arm: ArmDescription) -> Any:
    """Pinocchio's own reading of the arm's URDF; joints off the chain are locked at zero."""
    import pinocchio  # 0.3 s; who only reads files does without it

    model = pinocchio.buildModelFromXML(arm.urdf)
    chain = {joint.name for joint in arm.joints}
    others = [model.getJointId(name) for name in list(model.names)[1:] if name not in chain]
    if others:
        model = pinocchio.buildReducedModel(model, others, pinocchio.neutral(model))
    if tuple(model.names)[1:] != tuple(joint.name for joint in arm.joints):
        raise KinematicsError(f"pinocchio orders the joints otherwise: {list(model.names)}")
    return model


def configuration(model: Any, q: Array) -> Array:
    """Joint positions (n,) as pinocchio wants them: cosine and sine for a joint without limits."""
    if model.nq == len(q):
        return q
    parts = [
        [angle] if joint.nq == 1 else [np.cos(angle), np.sin(angle)]
        for joint, angle in zip(list(model.joints)[1:], q, strict=True)
    ]
    return np.concatenate(parts)


def pinocchio_poses(arm: ArmDescription, q: Array) -> Array:
    """Poses (n, 4, 4) of the flange by pinocchio."""
    import pinocchio

    model = pinocchio_model(arm)
    data = model.createData()
    frame = model.getFrameId(arm.tool0)
    poses = np.empty((len(q), 4, 4))
    for k, row in enumerate(q):
        pinocchio.framesForwardKinematics(model, data, configuration(model, row))
        poses[k] = data.oMf[frame].homogeneous
    return poses


@lru_cache(maxsize=8)
def _model(robot: Robot) -> tuple[Any, Any]:
    import pinocchio

    model = pinocchio_model(robot.description)
    zero = np.zeros(robot.dof)
    tool_in_link = np.linalg.inv(robot.link_poses(zero)[0, -1]) @ robot.forward(zero)
    tool = pinocchio.Inertia(robot.tool_mass_kg, np.zeros(3), np.zeros((3, 3)))
    model.appendBodyToJoint(robot.dof, tool, pinocchio.SE3(tool_in_link))
    down_world = np.array([0.0, 0.0, -GRAVITY_M_S2])
    model.gravity.linear = robot.transform_world_base[:3, :3].T @ down_world
    return model, model.createData()
