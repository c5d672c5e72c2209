"""Curves in joint space with exact derivatives: a straight line of the tool, a smooth detour."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Final, Protocol

import numpy as np

from planners.arrays import Array, plain
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError

_STATION_M: Final = 0.004
_STATION_RAD: Final = 0.02
_LARGEST_STEP_RAD: Final = 0.35
_BRANCH_MATCH_RAD: Final = 1e-4
_TOOL_FREEDOMS: Final = 6


class JointPath(Protocol):
    """A curve q(s), s from 0 to `length`."""

    length: float

    def evaluate(self, s: Array) -> tuple[Array, Array, Array]:
        """q, dq/ds and d2q/ds2, each (k, n), at s (k,)."""


class ToolCurve(ABC):
    """A curve of the tool in space, with all branches of its stations.

    Args:
        robot: the arm.
        length: of its parameter `s`, m (rad where the tool only turns).
        travel_m: what the tool centre point travels.
        steps: number of stations but one.
    """

    def __init__(self, robot: Robot, length: float, travel_m: float, steps: int) -> None:
        self.robot = robot
        self.length, self.travel_m = length, travel_m
        self.stations = np.linspace(0.0, length, steps + 1)
        self.station_poses = self.poses(self.stations)
        self._branches: Array | None = None

    @abstractmethod
    def poses(self, s: Array) -> Array:
        """Poses (k, 4, 4) of the tool on the curve."""

    @abstractmethod
    def twists(self, s: Array) -> tuple[Array, Array]:
        """d(pose)/ds, linear then angular in base axes, and its derivative, each (k, 6)."""

    def branches(self, q_near: Array) -> Array:
        """Branches (k, 8, 6) at the stations, computed at the first call."""
        if self._branches is None:
            near = np.broadcast_to(q_near, (len(self.stations), self.robot.dof))
            self._branches = self.robot.inverse_all(self.station_poses, near)
        return self._branches


class ToolLine(ToolCurve):
    """A straight motion of the tool that turns about one fixed axis.

    Args:
        robot: the arm.
        start: (4, 4) pose of the tool in the base at the start.
        end: (4, 4) at the end.

    Raises:
        ValueError: start and end are the same pose.
    """

    def __init__(self, robot: Robot, start: Array, end: Array) -> None:
        self._start = plain(start)
        travel = end[:3, 3] - start[:3, 3]
        turn = rotation_vector(end[:3, :3] @ start[:3, :3].T)
        travel_m, turn_rad = float(np.linalg.norm(travel)), float(np.linalg.norm(turn))
        length = travel_m if travel_m > 1e-6 else turn_rad
        if length < 1e-9:
            raise ValueError("the line has no length")
        self.twist = np.concatenate([travel, turn]) / length
        steps = max(travel_m / _STATION_M, turn_rad / _STATION_RAD, 8.0)
        super().__init__(robot, length, travel_m, int(np.ceil(steps)))

    def poses(self, s: Array) -> Array:
        """Poses (k, 4, 4) of the tool on the line."""
        from planners.motion.line_kernel import line_poses

        poses = np.empty((len(s), 4, 4))
        line_poses(self._start, self.twist, plain(s), poses)
        return poses

    def twists(self, s: Array) -> tuple[Array, Array]:
        """d(pose)/ds and d2/ds2, each (k, 6): the second is zero."""
        first = np.broadcast_to(self.twist, (len(s), 6))
        return first, np.zeros_like(first)


class LinePath:
    """The joint path of a line or an arc of the tool.

    `s` is the travel in metres, or the turn in radians where the tool only turns. Of seven joints
    the one stands still that has the largest part in what the arm can move without its tool.

    Args:
        line: the curve of the tool.
        q_start: (n,) where it starts; decides the branch.

    Attributes:
        table: (k, n) joint positions at the curve's stations.

    Raises:
        MotionError: the line leaves the reach or the joint limits, or meets a singularity.
    """

    def __init__(self, line: ToolCurve, q_start: Array) -> None:
        self._robot, self._line = line.robot, line
        self._held = _held_joint(line.robot, q_start)
        self.length, self.travel_m = line.length, line.travel_m
        self.table = self._follow(q_start)
        self.q_end: Array = self.table[-1]

    def evaluate(self, s: Array) -> tuple[Array, Array, Array]:
        """q, dq/ds and d2q/ds2, each (k, n), at s (k,).

        Raises:
            MotionError: the arm is singular at one of them.
        """
        from planners.motion.line_kernel import interpolated, on_curve

        line, q = self._line, np.empty((len(s), self.table.shape[1]))
        interpolated(self.table, self.length, plain(s), q)
        twist, rate = (plain(x) for x in line.twists(s))
        slope, bend = np.empty_like(q), np.empty_like(q)
        at = on_curve(
            self._robot.model.chain, self._held, line.poses(s), twist, rate, q, slope, bend
        )
        if at >= 0:
            raise MotionError(
                "singularity", "the line meets a position in which the arm is singular", q=q[at]
            )
        return q, slope, bend

    def _follow(self, q_start: Array) -> Array:
        """Joint positions at the stations on the branch of the start."""
        from planners.motion import line_kernel as kernel

        robot = self._robot
        poses = self._line.station_poses
        table = np.empty((len(poses), robot.dof))
        start, lower, upper = plain(q_start), plain(robot.lower), plain(robot.upper)
        if robot.model.family is None:
            wrong, at, joint = kernel.continued(
                robot.model.chain, self._held, poses, start, lower, upper,
                _BRANCH_MATCH_RAD, _LARGEST_STEP_RAD, table,
            )  # fmt: skip
        else:
            wrong, at, joint = kernel.followed(
                self._line.branches(q_start), start, lower, upper,
                _BRANCH_MATCH_RAD, _LARGEST_STEP_RAD, table,
            )  # fmt: skip
        name = robot.joint_names[joint]
        if wrong == kernel.NO_BRANCH:
            raise MotionError("singularity", "the line starts in a singular position", q=q_start)
        if wrong == kernel.LOST:
            raise MotionError(
                "out_of_reach",
                f"{self._where(at)} the tool is out of reach on this branch",
                transform_base_tool=poses[at],
            )
        if wrong == kernel.JUMP:
            raise MotionError(
                "singularity",
                f"{self._where(at)} the arm passes a singularity ({name} would have to jump)",
                q=table[at],
                transform_base_tool=poses[at],
            )
        if wrong == kernel.LIMIT:
            raise MotionError(
                "joint_limits",
                f"{self._where(at)} {name} passes its limit",
                q=table[at],
                transform_base_tool=poses[at],
            )
        return table

    def _where(self, station: int) -> str:
        share = self._line.stations[station] / self.length
        if self.travel_m > 1e-6:
            return f"after {share * self.travel_m * 1e3:.0f} mm of {self.travel_m * 1e3:.0f} mm"
        return f"after {share * 100:.0f} % of the turn"


def _held_joint(robot: Robot, q: Array) -> int:
    """The joint of seven that a line leaves where it is at its start `q` (7,); -1 with six.

    Without it the Jacobian is the least singular: its determinant without column j is the j-th
    component of the self-motion (Cramer's rule).
    """
    if robot.dof == _TOOL_FREEDOMS:
        return -1
    self_motion = np.linalg.svd(robot.jacobian(q[None])[0])[2][-1]
    return int(np.abs(self_motion).argmax())


class SplinePath:
    """A uniform cubic B-spline along a polyline of joint positions; twice differentiable.

    The curve starts and ends where the polyline does and stays in the hull of four neighbouring
    control points, so it cuts corners by less than their spacing.

    Args:
        corners: (m, n) the polyline.
        spacing: distance of control points, in units of the largest joint's movement (rad).
    """

    def __init__(self, corners: Array, spacing: float) -> None:
        control = [corners[:1]]
        for a, b in pairwise(corners):
            count = max(int(np.ceil(np.abs(b - a).max() / spacing)), 1)
            control.append(a + np.linspace(0.0, 1.0, count + 1)[1:, None] * (b - a))
        inner = np.vstack(control)
        # Mirrored control points make the curve start and end exactly in the corners.
        ends = 2 * inner[0] - inner[1], 2 * inner[-1] - inner[-2]
        self._control = plain(np.vstack([ends[0], inner, ends[1]]))
        self.length = float(len(inner) - 1)

    def evaluate(self, s: Array) -> tuple[Array, Array, Array]:
        """q, dq/ds and d2q/ds2, each (k, n), at s (k,)."""
        from planners.motion.curve_kernel import spline

        q, slope, bend = np.empty((3, len(s), self._control.shape[1]))
        spline(self._control, plain(s), q, slope, bend)
        return q, slope, bend


def rotations(vectors: Array) -> Array:
    """Rotations (k, 3, 3) by rotation vectors (k, 3)."""
    angle = np.linalg.norm(vectors, axis=-1)[:, None, None]
    axis = vectors / np.maximum(angle[:, 0], 1e-300)
    cross = np.zeros((len(vectors), 3, 3))
    cross[:, 2, 1], cross[:, 0, 2], cross[:, 1, 0] = axis.T
    cross -= np.swapaxes(cross, -1, -2)
    rotations: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return rotations


def rotation_vector(rotation: Array) -> Array:
    """The rotation vector of one rotation, angle in [0, pi]."""
    skew = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine, cosine = np.linalg.norm(skew) / 2, (np.trace(rotation) - 1) / 2
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-7:
        vector: Array = skew / (2 * sine) * angle
        return vector
    if cosine > 0:
        small: Array = skew / 2
        return small
    column = (rotation + np.eye(3))[:, int(np.argmax(np.diag(rotation)))]
    half_turn: Array = column / np.linalg.norm(column) * angle
    return half_turn
