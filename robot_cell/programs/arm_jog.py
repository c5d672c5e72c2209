"""Moves of one arm by hand, in surroundings that stand.

Each is planned from where the arm was measured to stand, at reduced speed, within the limits of its
joints and free of the cell; held to run, as far as that goes, and stopped on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, degrees, radians
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Arm
from robot_cell.model.jog import TOOL_AXES
from robot_cell.programs.cycle import StepMotion, step_motion
from robot_cell.programs.geometry import transform, transform_flange_tcp
from robot_cell.programs.jog_wish import (
    HELD_M,
    HELD_RAD,
    JogRefusedError,
    JogWish,
    check_wish,
    in_words,
)

if TYPE_CHECKING:
    from planners.kinematics import PartShape, Robot
    from planners.kinematics.collision import CollisionScene
    from planners.motion import Trajectory
    from planners.motion.paths import LinePath

Array = NDArray[np.float64]

REDUCED_SPEED_M_S: Final = 0.25
"""Highest speed of the tool centre point in manual mode (ISO 10218-1: reduced speed control)."""

JOINT_SPEED_RAD_S: Final = radians(30.0)
"""Highest speed of any joint: some turn the tool without moving its centre point."""

_LEAST_RAD: Final = radians(0.05)
_LEAST_M: Final = 0.0005
_LIMIT_SLACK_RAD: Final = radians(0.2)
_SPACING_M: Final = 0.001
_ESCAPE_M: Final = 0.03
_NEARER_M: Final = 1e-4
"""What counts as coming nearer: distances are exact to some hundredths of a millimetre."""

_TRIES: Final = 4
_BACK_OFF: Final = 2
"""How many samples a way ends before the one that is too near."""

_LINE_BACK_M: Final = 0.008
_TIP_M: Final = 0.02
TIP: Final = "tip"
"""What reaches from the tool's box to its centre point."""


@dataclass(frozen=True)
class JogPlan:
    """A move that may be made.

    Attributes:
        reach: how far it leads, rad or m, signed.
        until: what ends it there, in words; empty for a step.
    """

    motion: StepMotion
    reach: float
    until: str


@dataclass(frozen=True)
class _Free:
    """The last sample of a way that may be reached, what is behind it; does it begin too near."""

    last: int
    until: str = ""
    escaping: bool = False


class ArmJog:
    """Plans the moves of one arm in its surroundings."""

    def __init__(self, arm: Arm, robot: Robot, scene: CollisionScene) -> None:
        self.robot, self._scene = robot, _with_tip(arm, scene)

    def plan(self, wish: JogWish, q: Array, attached: PartShape | None) -> JogPlan:
        """The move from joints (n,) in rad, with a part in the gripper if any.

        Raises:
            JogRefusedError: it cannot be made.
        """
        from planners.errors import PlannerError

        check_wish(wish, self.robot.joint_names)
        try:
            if wish.axis in TOOL_AXES:
                return self._along_axis(wish, q, attached)
            return self._joint(wish, q, attached)
        except PlannerError as error:
            raise JogRefusedError(f"{wish}: {error}") from error

    # -- one joint ------------------------------------------------------------------------------

    def _joint(self, wish: JogWish, q: Array, attached: PartShape | None) -> JogPlan:
        from planners.motion.straight import straight_trajectory

        robot, scene = self.robot, self._scene
        joint = robot.joint_names.index(wish.axis)
        wanted = float(np.copysign(HELD_RAD, wish.amount)) if wish.held else wish.amount
        room, until = self._joint_room(joint, q, wanted)
        end = q.copy()
        end[joint] += room
        steps = max(ceil(scene.travel(q, end, attached) / _SPACING_M), 2)
        samples = np.linspace(q, end, steps + 1)
        free = self._free(wish, samples, attached)
        unit = np.zeros_like(q)
        unit[joint] = 1.0
        # Every point that the joint moves keeps the speed, not the tool's centre alone.
        per_rad_m = scene.travel(q, q + unit, attached)
        fastest = min(REDUCED_SPEED_M_S / per_rad_m, JOINT_SPEED_RAD_S, robot.velocity[joint])
        share = float(fastest / robot.velocity[joint])
        trajectory, last = self._verified(
            free, attached, lambda last: straight_trajectory(robot, q, samples[last], share)
        )
        reach = float(samples[last][joint] - q[joint])
        return JogPlan(step_motion(trajectory), reach, (free.until or until) if wish.held else "")

    def _joint_room(self, joint: int, q: Array, wanted: float) -> tuple[float, str]:
        """How far the joint may turn of what is wanted, rad, signed; and what ends it there."""
        robot, name = self.robot, self.robot.joint_names[joint]
        upper = wanted > 0.0
        limit = float(robot.upper[joint] if upper else robot.lower[joint])
        room = abs(limit - float(q[joint])) - _LIMIT_SLACK_RAD
        if (limit - q[joint]) * wanted < 0.0:
            room = 0.0
        end = f"{name}'s {'upper' if upper else 'lower'} limit of {degrees(limit):.1f}°"
        if abs(wanted) <= room:
            return wanted, f"{in_words(name, wanted)}, as far as one press leads"
        if room < _LEAST_RAD or abs(wanted) < HELD_RAD:
            raise JogRefusedError(
                f"{name} stands at {degrees(float(q[joint])):.1f}°, too near to {end}"
            )
        return float(np.copysign(room, wanted)), end

    # -- the tool along an axis -----------------------------------------------------------------

    def _along_axis(self, wish: JogWish, q: Array, attached: PartShape | None) -> JogPlan:
        from planners.kinematics.payload import carried
        from planners.motion.timing import timed_trajectory

        robot = self.robot
        wanted = float(np.copysign(HELD_M, wish.amount)) if wish.held else wish.amount
        path, until = self._line(wish, q, wanted)
        count = max(ceil(path.length / _SPACING_M), 2)
        samples = path.evaluate(np.linspace(0.0, path.length, count + 1))[0]
        free = self._free(wish, samples, attached)
        share = float(min(1.0, (JOINT_SPEED_RAD_S / robot.velocity).min()))

        def timed(last: int) -> Trajectory:
            way = path
            if last < count:
                way, _ = self._line(wish, q, float(np.copysign(path.length * last / count, wanted)))
            return timed_trajectory(
                robot, way, speed=share, tcp_speed_m_s=REDUCED_SPEED_M_S, payload=carried(attached)
            )

        trajectory, last = self._verified(free, attached, timed)
        reach = float(np.copysign(path.length * last / count, wanted))
        return JogPlan(step_motion(trajectory), reach, (free.until or until) if wish.held else "")

    def _line(self, wish: JogWish, q: Array, wanted: float) -> tuple[LinePath, str]:
        """The line of the tool as far as the arm reaches on it, and what ends it there."""
        from planners.motion.errors import MotionError
        from planners.motion.paths import LinePath, ToolLine

        start = self.robot.forward(q)
        axis, length = TOOL_AXES.index(wish.axis), abs(wanted)
        until = f"{in_words(wish.axis, wanted)}, as far as one press leads"
        for _ in range(_TRIES):
            end = start.copy()
            end[axis, 3] += np.copysign(length, wanted)
            try:
                return LinePath(ToolLine(self.robot, start, end), q), until
            except MotionError as error:
                until = str(error).split(" mm ", 2)[-1]
                passed = error.transform_base_tool
                if not wish.held:
                    break
                length = length / 2 if passed is None else abs(passed[axis, 3] - start[axis, 3])
                length -= _LINE_BACK_M
                if length < _LEAST_M:
                    break
        raise JogRefusedError(f"{wish}: {until}")

    # -- free of the cell -----------------------------------------------------------------------

    def _free(self, wish: JogWish, samples: Array, attached: PartShape | None) -> _Free:
        """How far along the samples (k, n) the arm may go.

        Raises:
            JogRefusedError: nothing is left of the move, or of a step not the whole.
        """
        from planners.motion.clearance import contacts

        scene = self._scene
        touching = contacts(scene, samples[0], samples[0], attached)
        blocked = scene.first_collision(samples, attached, touching)
        if blocked is None:
            return _Free(len(samples) - 1)
        bodies = f"{_body(blocked.body_a)} and {_body(blocked.body_b)}"
        if blocked.index == 0:
            return self._escape(wish, samples, attached, bodies)
        last = blocked.index - _BACK_OFF
        if last < 1 or not wish.held:
            raise JogRefusedError(f"{wish}: {bodies} would come too near to each other on the way")
        return _Free(last, f"{bodies} would come too near to each other")

    def _escape(
        self, wish: JogWish, samples: Array, attached: PartShape | None, bodies: str
    ) -> _Free:
        """Where two bodies are too near already, an arm may only be moved away.

        Raises:
            JogRefusedError: it would come nearer.
        """
        scene = self._scene
        if wish.held:
            gone = np.cumsum(scene.displacement(samples, attached))
            samples = samples[: max(int(np.searchsorted(gone, _ESCAPE_M)) + 1, 2)]
        distances = scene.distances(samples, attached)
        least = np.minimum(np.maximum.accumulate(distances), scene.margin_m)
        if (distances < least - _NEARER_M).any():
            raise JogRefusedError(
                f"{wish}: {bodies} are {distances[0] * 1e3:.1f} mm from each other, and this would "
                "bring the arm nearer to something; move it away"
            )
        return _Free(len(samples) - 1, "as far as an arm that is too near is moved at once", True)

    def _verified(
        self, free: _Free, attached: PartShape | None, make: Callable[[int], Trajectory]
    ) -> tuple[Trajectory, int]:
        """The trajectory to a free sample, checked at 1 kHz, and to which one."""
        from planners.motion import MotionError, verified

        # An arm that is too near already passes no check of clearance; how it moves away is looked
        # at before.
        scene, last = None if free.escaping else self._scene, free.last
        for left in reversed(range(_TRIES)):
            try:
                trajectory = make(last)
                return verified(
                    self.robot, scene, trajectory, attached, q_start=trajectory.positions[0]
                ), last
            except MotionError as error:
                if error.reason != "verification" or not left or last <= 2 * _BACK_OFF:
                    raise
                last -= _BACK_OFF
        raise AssertionError("unreachable")


def _with_tip(arm: Arm, scene: CollisionScene) -> CollisionScene:
    """The cell's scene, in which the tool goes as far as its centre point.

    A program goes near to things where it is meant to; by hand an arm is led anywhere.
    """
    from planners.kinematics import Body, Box
    from planners.kinematics.collision import CollisionScene

    hull_m, tcp = arm.tool.size_m[2], transform_flange_tcp(arm)
    length_m = float(tcp[2, 3]) - hull_m
    if length_m < _TIP_M:
        return scene
    middle = transform((float(tcp[0, 3]), float(tcp[1, 3]), hull_m + length_m / 2), (0.0,) * 3)
    tip = Body(TIP, Box((_TIP_M, _TIP_M, length_m)), middle)
    return CollisionScene(scene.robot, obstacles=scene.obstacles, tool=(*scene.tool, tip))


def _body(name: str) -> str:
    return {"part": "the part in the gripper", TIP: "the tip of the tool"}.get(name, f"{name!r}")
