"""Joint positions to try inverse kinematics at: anywhere, and at or near singular positions.

Singular positions are found from the geometry of the links alone, without the solver's parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics import Robot

KINDS: Final = (
    ("wrist",),
    ("elbow",),
    ("shoulder",),
    ("wrist", "elbow"),
    ("wrist", "shoulder"),
    ("elbow", "shoulder"),
    ("wrist", "elbow", "shoulder"),
)
OFFSETS_RAD: Final = (0.0, 0.0, 1e-15, 1e-13, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)


def anywhere(robot: Robot, count: int, seed: int = 0) -> Array:
    """Positions (count, 6), each joint uniform within its limits."""
    return np.random.default_rng(seed).uniform(robot.lower, robot.upper, (count, robot.dof))


def near_singular(robot: Robot, count: int, seed: int = 0) -> Array:
    """Positions (count, 6) exactly on singularities of every kind, or up to 1e-3 rad beside."""
    rng = np.random.default_rng(seed)
    q = rng.uniform(-np.pi, np.pi, (count, robot.dof))
    kind = rng.integers(len(KINDS), size=count)
    on = {
        name: np.array([name in names for names in KINDS])[kind]
        for name in ("wrist", "elbow", "shoulder")
    }
    flip = rng.integers(2, size=(count, 3)) * np.pi
    q[on["wrist"], 4] = (_wrist_straight(robot) + flip[:, 0])[on["wrist"]]
    elbow = _zero_of_joint(robot, q, 2, _elbow_bend, flip[:, 1])
    q[:, 2] = np.where(on["elbow"], elbow, q[:, 2])
    shoulder = _zero_of_joint(robot, q, 1, _wrist_reach, flip[:, 2])
    q[:, 1] = np.where(on["shoulder"] & ~np.isnan(shoulder), shoulder, q[:, 1])
    offsets = np.array(OFFSETS_RAD)[rng.integers(len(OFFSETS_RAD), size=(count, 3))]
    q[:, [4, 2, 1]] += offsets * rng.choice([-1.0, 1.0], (count, 3))
    return q


def _axes(robot: Robot, q: Array) -> tuple[Array, Array]:
    """Directions and origins (n, 6, 3) of the joint axes."""
    links = robot.link_poses(q)[:, 1:]
    local = np.array([joint.axis for joint in robot.description.joints])
    return (links[..., :3, :3] @ local[..., None])[..., 0], links[..., :3, 3]


def _wrist_straight(robot: Robot) -> float:
    """Joint 5 where axis 6 is parallel to axis 4 (spherical wrist) or to axis 2 (parallel axes)."""
    other = 1 if robot.model.parallel else 3
    values = []
    for angle in (0.0, np.pi / 2, np.pi):
        q = np.zeros((1, robot.dof))
        q[0, 4] = angle
        direction = _axes(robot, q)[0][0]
        values.append(direction[5] @ direction[other])
    return float(np.arctan2(values[1] - (values[0] + values[2]) / 2, (values[0] - values[2]) / 2))


def _elbow_bend(robot: Robot, q: Array) -> Array:
    """Zero where shoulder, elbow and wrist (or axis 4) lie on a line, seen along axis 2."""
    axes, origins = _axes(robot, q)
    end = origins[:, 3] if robot.model.parallel else origins[:, 4]
    across = np.cross(origins[:, 2] - origins[:, 1], end - origins[:, 2])
    return np.einsum("ni,ni->n", across, axes[:, 1])


def _wrist_reach(robot: Robot, q: Array) -> Array:
    """Zero where the wrist is as near to axis 1 as the arm's sideways offset allows."""
    axes, origins = _axes(robot, q)
    ahead = np.cross(axes[:, 1], axes[:, 0])
    return np.einsum("ni,ni->n", origins[:, 4] - origins[:, 0], ahead)


def _zero_of_joint(
    robot: Robot, q: Array, joint: int, function: Callable[[Robot, Array], Array], flip: Array
) -> Array:
    """Where a function a cos + b sin + c of one joint is zero; nan where it never is."""
    values = []
    for angle in (0.0, np.pi / 2, np.pi):
        moved = q.copy()
        moved[:, joint] = angle
        values.append(function(robot, moved))
    c = (values[0] + values[2]) / 2
    a, b = values[0] - c, values[1] - c
    with np.errstate(invalid="ignore"):
        half = np.arccos(-c / np.hypot(a, b))
    angle: Array = np.arctan2(b, a) + np.where(flip > 0, half, -half)
    return angle
