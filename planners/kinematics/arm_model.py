"""An arm as arrays: the chain of its joints for the kernels, and the closed form that fits it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from planners.arrays import Array
from planners.kinematics import layout
from planners.kinematics.arm_description import ArmDescription
from planners.kinematics.errors import KinematicsError
from planners.kinematics.geometry import ClosedForm, nearest_closed_form

Solver = Literal["closed form", "closed form, refined", "numeric"]

EXACT: Final = 1e-9
"""Largest difference (m and rad) at which a closed form counts as the arm itself."""

CALIBRATED: Final = 0.03
"""Largest difference (m and rad) at which its solutions are good seeds."""

_SAMPLES: Final = 32
_SEEDS: Final = 64


@dataclass(frozen=True, eq=False)
class ArmModel:
    """The kernels' view of an arm with its tool.

    Attributes:
        chain: (n + 1, 3, 4), see `chain.py`.
        align: (n, 3, 3) turns each link's frame so that its joint's axis is z.
        axes, points: (n, 3) unit directions of the axes at zero in the base, and a point on each.
        zero_tool: (4, 4) pose of the tool at zero.
        reach_m: length of the arm from the first axis, joint by joint; scales lengths to angles.
        solver: how the inverse is found.
        family: the closed form, or None.
        parallel, exact, parameters: for `inverse.inverse_batch`.
        seeds: (64, n) where the numeric engine starts.
    """

    chain: Array
    align: Array
    axes: Array
    points: Array
    zero_tool: Array
    reach_m: float
    solver: Solver
    family: str | None
    parallel: bool
    exact: bool
    parameters: Array
    seeds: Array


def arm_model(arm: ArmDescription, transform_flange_tool: Array) -> ArmModel:
    """Derive the chain, check it against pinocchio, and find the closed form."""
    tool = arm.transform_last_tool0 @ transform_flange_tool
    align = np.array([_turn_z_to(joint.axis) for joint in arm.joints])
    steps = [joint.transform_parent_joint for joint in arm.joints]
    chain = np.empty((len(steps) + 1, 3, 4))
    back: Array = np.eye(4)
    for i, step in enumerate(steps):
        turn = np.eye(4)
        turn[:3, :3] = align[i]
        chain[i] = (back @ step @ turn)[:3]
        back = turn.T
    chain[-1] = (back @ tool)[:3]
    links = [np.eye(4)]
    for step in steps:
        links.append(links[-1] @ step)
    axes = np.array([links[i + 1][:3, :3] @ j.axis for i, j in enumerate(arm.joints)])
    points = np.array([link[:3, 3] for link in links[1:]])
    zero_tool = links[-1] @ tool
    lower = np.array([max(joint.lower, -np.pi) for joint in arm.joints])
    upper = np.array([min(joint.upper, np.pi) for joint in arm.joints])
    _check_against_pinocchio(arm, chain, transform_flange_tool)
    form, error = _best_form(axes, points, zero_tool, chain)
    solver: Solver = "numeric"
    if form is not None:
        solver = "closed form" if error < EXACT else "closed form, refined"
    return ArmModel(
        chain=chain,
        align=align,
        axes=axes,
        points=points,
        zero_tool=zero_tool,
        reach_m=float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()),
        solver=solver,
        family=None if form is None else form.family,
        parallel=form is not None and form.family == "three_parallel",
        exact=solver == "closed form",
        parameters=np.zeros(layout.PARAMETERS) if form is None else form.parameters,
        seeds=np.random.default_rng(2).uniform(lower, upper, (_SEEDS, len(lower))),
    )


def _best_form(
    axes: Array, points: Array, zero_tool: Array, chain: Array
) -> tuple[ClosedForm | None, float]:
    """The closed form nearest to the arm, and how far its forward kinematics is from the arm's."""
    from planners.kinematics.chain import forward_batch

    q = np.random.default_rng(0).uniform(-np.pi, np.pi, (_SAMPLES, len(axes)))
    poses = np.empty((_SAMPLES, 4, 4))
    forward_batch(chain, q, poses)
    best: tuple[ClosedForm | None, float] = None, CALIBRATED
    for form in nearest_closed_form(axes, points, zero_tool):
        error = max(
            float(np.abs(_product_of_exponentials(form, zero_tool, row) - pose).max())
            for row, pose in zip(q, poses, strict=True)
        )
        if error < best[1]:
            best = form, error
    return best


def _product_of_exponentials(form: ClosedForm, zero_tool: Array, q: Array) -> Array:
    """Forward kinematics of the snapped axes (Lynch and Park, "Modern Robotics", eq. 4.14)."""
    pose = np.eye(4)
    for axis, point, angle in zip(form.axes, form.points, q, strict=True):
        cross = np.cross(axis, -np.eye(3))
        motion = np.eye(4)
        motion[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
        motion[:3, 3] = point - motion[:3, :3] @ point
        pose = pose @ motion
    result: Array = pose @ zero_tool
    return result


def _check_against_pinocchio(arm: ArmDescription, chain: Array, tool: Array) -> None:
    """Compare the chain with pinocchio, which reads the same file by itself.

    Raises:
        KinematicsError: they differ.
    """
    from planners.kinematics.chain import forward_batch
    from planners.kinematics.dynamics import pinocchio_poses

    lower = np.array([joint.lower for joint in arm.joints])
    upper = np.array([joint.upper for joint in arm.joints])
    q = np.random.default_rng(1).uniform(lower, upper, (_SAMPLES, len(lower)))
    poses = np.empty((_SAMPLES, 4, 4))
    forward_batch(chain, q, poses)
    error = float(np.abs(poses - pinocchio_poses(arm, q) @ tool).max())
    if not error < EXACT:
        raise KinematicsError(
            f"{arm.name}: forward kinematics differs from pinocchio's by {error:.2e}; "
            "please report this arm"
        )


def _turn_z_to(axis: Array) -> Array:
    """A rotation that takes z to `axis`."""
    other = np.eye(3)[int(np.argmin(np.abs(axis)))]
    x = np.cross(other, axis)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(axis, x), axis])
