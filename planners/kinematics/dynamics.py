"""Torques that a motion asks of the joints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from planners.arrays import Array, plain
from planners.kinematics.arm_description import ArmDescription
from planners.kinematics.errors import KinematicsError
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot

GRAVITY_M_S2: Final = 9.80665
"""Standard gravity (CGPM 1901)."""


@dataclass(frozen=True)
class TorqueLoad:
    """How hard the joints work on a motion.

    Attributes:
        joint: name of the joint that is nearest to its limit, or furthest beyond.
        ratio: its torque over its limit; above 1 it is too much.
        torque_nm: that torque. limit_nm: its limit (inf if the file gives none).
        index: of the sample.
    """

    joint: str
    ratio: float
    torque_nm: float
    limit_nm: float
    index: int


def joint_torques(
    robot: Robot,
    q: Array,
    velocity: Array,
    acceleration: Array,
    *,
    payload: Payload | None = None,
) -> Array:
    """Torques (n, 6) in N m for states (n, 6), with tool and payload.

    Recursive Newton-Euler (`newton_euler.py`), compiled. Friction and rotor inertia are left out.
    """
    from planners.kinematics.newton_euler import torques_batch

    mass, centre, inertia, gravity = _bodies(robot, payload)
    positions = plain(q)
    torques = np.empty(positions.shape)
    torques_batch(
        robot.model.chain, mass, centre, inertia, gravity,
        positions, plain(velocity), plain(acceleration), torques,
    )  # fmt: skip
    return torques


def torque_terms(
    robot: Robot, q: Array, slope: Array, bend: Array, *, payload: Payload | None = None
) -> Array:
    """Torques (3, n, 6) on a path q(s): at rest, at d2s/dt2 = 1 from rest, and at ds/dt = 1.

    That is tau(q, 0, 0), tau(q, 0, q'), tau(q, q', q'') at rows (n, 6): torques are linear in
    d2s/dt2 and (ds/dt)^2.
    """
    from planners.kinematics.newton_euler import torque_terms_batch

    mass, centre, inertia, gravity = _bodies(robot, payload)
    positions = plain(q)
    torques = np.empty((3, *positions.shape))
    torque_terms_batch(
        robot.model.chain, mass, centre, inertia, gravity,
        positions, plain(slope), plain(bend), torques,
    )  # fmt: skip
    return torques


def pinocchio_torques(
    robot: Robot,
    q: Array,
    velocity: Array,
    acceleration: Array,
    *,
    payload: Payload | None = None,
) -> Array:
    """The same by pinocchio, which reads the arm's file by itself: what verifies asks this."""
    import pinocchio

    model, data = _model(robot, payload)
    if model.nq == robot.dof and len(q):
        columns = (np.asfortranarray(np.transpose(x)) for x in (q, velocity, acceleration))
        rows = np.transpose(pinocchio.rneaInParallel(1, _pool(robot, payload), *columns))
        return np.asarray(rows, dtype=float)
    torques = np.empty((len(q), robot.dof))
    for k in range(len(q)):
        at = configuration(model, q[k])
        torques[k] = pinocchio.rnea(model, data, at, velocity[k], acceleration[k])
    return torques


def torque_load(
    robot: Robot,
    q: Array,
    velocity: Array,
    acceleration: Array,
    *,
    payload: Payload | None = None,
) -> TorqueLoad:
    """The worst torque along sampled states (n, 6) against the joints' effort limits."""
    torques = joint_torques(robot, q, velocity, acceleration, payload=payload)
    share = np.abs(torques) / robot.effort
    index, joint = divmod(int(share.argmax()), robot.dof)
    return TorqueLoad(
        joint=robot.joint_names[joint],
        ratio=float(share[index, joint]),
        torque_nm=float(torques[index, joint]),
        limit_nm=float(robot.effort[joint]),
        index=index,
    )


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
    # A joint may have the link's name.
    frame = model.getFrameId(arm.tool0, pinocchio.FrameType.BODY)
    poses = np.empty((len(q), 4, 4))
    for k, row in enumerate(q):
        pinocchio.framesForwardKinematics(model, data, configuration(model, row))
        poses[k] = data.oMf[frame].homogeneous
    return poses


@lru_cache(maxsize=64)
def _bodies(robot: Robot, payload: Payload | None) -> tuple[Array, Array, Array, Array]:
    """Masses, centres and inertias of the links in their joints' frames (axis z), and gravity."""
    model, _ = _model(robot, payload)
    bodies, align = list(model.inertias)[1:], robot.model.align
    mass = np.array([body.mass for body in bodies])
    centre = np.array([turn.T @ body.lever for body, turn in zip(bodies, align, strict=True)])
    inertia = np.array(
        [turn.T @ body.inertia @ turn for body, turn in zip(bodies, align, strict=True)]
    )
    gravity = np.array(model.gravity.linear)
    return plain(mass), plain(centre), plain(inertia), plain(gravity)


@lru_cache(maxsize=64)
def _model(robot: Robot, payload: Payload | None) -> tuple[Any, Any]:
    import pinocchio

    model = pinocchio_model(robot.description)
    tool_in_link = robot.description.transform_last_tool0 @ robot.transform_flange_tool
    placement = pinocchio.SE3(tool_in_link)
    for load in (robot.tool_load, payload):
        if load is not None:
            body = pinocchio.Inertia(load.mass_kg, load.centre_m, load.inertia_kg_m2)
            model.appendBodyToJoint(robot.dof, body, placement)
    down_world = np.array([0.0, 0.0, -GRAVITY_M_S2])
    model.gravity.linear = robot.transform_world_base[:3, :3].T @ down_world
    return model, model.createData()


@lru_cache(maxsize=64)
def _pool(robot: Robot, payload: Payload | None) -> Any:
    """One copy of the model, for many states at a time; on the thread that asks."""
    import pinocchio

    return pinocchio.ModelPool(_model(robot, payload)[0], 1)
