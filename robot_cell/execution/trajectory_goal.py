"""What an arm refuses: a trajectory goal is checked as a whole before the arm moves.

Codes below -5 are ours; 0 to -5 are those of control_msgs/action/FollowJointTrajectory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.motion import track
from robot_cell.execution.segments import Segments, cubic, linear, quintic

Array = NDArray[np.float64]

LIMIT_SLACK: Final = 1.001
"""Limits are checked on samples; a thousandth covers rounding and the points between."""

END_VELOCITY_RAD_S: Final = 1e-3
"""A goal's first and last velocity may be this much off zero."""

_SAMPLE_S: Final = 0.002


class GoalCode(IntEnum):
    """Error codes of a FollowJointTrajectory result."""

    SUCCESSFUL = 0
    INVALID_GOAL = -1
    INVALID_JOINTS = -2
    OLD_HEADER_TIMESTAMP = -3
    PATH_TOLERANCE_VIOLATED = -4
    GOAL_TOLERANCE_VIOLATED = -5
    NO_POINTS = -10
    TIMES_NOT_INCREASING = -11
    POSITION_LIMIT = -12
    VELOCITY_LIMIT = -13
    ACCELERATION_LIMIT = -14
    START_DIFFERS = -15
    NOT_FINITE = -16
    DEVICE = -20
    STOPPED = -21
    VOID = -22
    OTHER_ARM = -23


@dataclass(frozen=True)
class JointLimits:
    """Limits of an arm's joints, each (n,): rad, rad, rad/s, rad/s², rad/s³.

    A goal is checked against all but the jerk, of which a goal's sender need not know. Changes of
    the path speed keep to it.
    """

    names: tuple[str, ...]
    lower: Array
    upper: Array
    velocity: Array
    acceleration: Array
    jerk: Array

    @property
    def of_changes(self) -> track.JointLimits:
        """What changes of the path speed keep to."""
        return track.JointLimits(self.velocity, self.acceleration, self.jerk)


@dataclass(frozen=True)
class Point:
    """A trajectory point as a message carries it; empty sequences are fields not given."""

    time_s: float
    positions: Sequence[float]
    velocities: Sequence[float] = ()
    accelerations: Sequence[float] = ()


class GoalRefusedError(Exception):
    """The goal cannot be followed; nothing has moved."""

    def __init__(self, code: GoalCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def segments_of(
    names: Sequence[str],
    points: Sequence[Point],
    limits: JointLimits,
    current: Array,
    *,
    start_tolerance_rad: float = 0.02,
) -> Segments:
    """Check a goal and turn it into segments in the arm's own joint order.

    A first point later than time 0 is reached from `current` (n,) at rest.

    Raises:
        GoalRefusedError: with its own code for each fault, naming joint, point and value.
    """
    order = _joint_order(names, limits.names)
    if not points:
        raise GoalRefusedError(GoalCode.NO_POINTS, "the trajectory has no points")
    times, positions, velocities, accelerations = _arrays(points, len(names), order)
    _check_times(times)
    if times[0] > 0.0:
        times = np.concatenate([[0.0], times])
        positions = np.vstack([current, positions])
        zero = np.zeros((1, len(order)))
        velocities = None if velocities is None else np.vstack([zero, velocities])
        accelerations = None if accelerations is None else np.vstack([zero, accelerations])
    elif np.max(np.abs(positions[0] - current)) > start_tolerance_rad:
        joint = int(np.argmax(np.abs(positions[0] - current)))
        raise GoalRefusedError(
            GoalCode.START_DIFFERS,
            f"the trajectory starts at {positions[0][joint]:.4f} rad for {limits.names[joint]}, "
            f"but the arm is at {current[joint]:.4f} rad; plan from the measured position",
        )
    if len(times) < 2:
        times = np.array([0.0, 0.01])
        positions = np.vstack([positions, positions])
        velocities = accelerations = None
    if velocities is not None:
        _check_ends(velocities, limits.names)
    if velocities is None:
        segments = linear(times, positions)
    elif accelerations is None:
        segments = cubic(times, positions, velocities)
    else:
        segments = quintic(times, positions, velocities, accelerations)
    _check_limits(segments, limits, accelerated=velocities is not None)
    return segments


def _joint_order(names: Sequence[str], expected: tuple[str, ...]) -> list[int]:
    if sorted(names) != sorted(expected):
        missing = sorted(set(expected) - set(names))
        unknown = sorted(set(names) - set(expected))
        raise GoalRefusedError(
            GoalCode.INVALID_JOINTS,
            f"the arm's joints are {', '.join(expected)}; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}",
        )
    return [list(names).index(name) for name in expected]


def _arrays(
    points: Sequence[Point], dof: int, order: list[int]
) -> tuple[Array, Array, Array | None, Array | None]:
    def column(field: str) -> Array | None:
        rows = [getattr(point, field) for point in points]
        if not any(len(row) for row in rows):
            return None
        for index, row in enumerate(rows):
            if len(row) != dof:
                raise GoalRefusedError(
                    GoalCode.INVALID_GOAL,
                    f"point {index} has {len(row)} {field} for {dof} joints; "
                    "give a field in all points or in none",
                )
        array = np.asarray(rows, dtype=np.float64)[:, order]
        if not np.all(np.isfinite(array)):
            bad = int(np.argwhere(~np.isfinite(array))[0][0])
            raise GoalRefusedError(
                GoalCode.NOT_FINITE, f"point {bad} has {field} that are not finite numbers"
            )
        return array

    times = np.array([point.time_s for point in points], dtype=np.float64)
    positions = column("positions")
    if positions is None:
        raise GoalRefusedError(GoalCode.INVALID_GOAL, "the points have no positions")
    velocities = column("velocities")
    accelerations = column("accelerations")
    return times, positions, velocities, accelerations


def _check_times(times: Array) -> None:
    if not np.all(np.isfinite(times)) or times[0] < 0.0:
        raise GoalRefusedError(
            GoalCode.TIMES_NOT_INCREASING, "times from start must be finite and not negative"
        )
    falling = np.flatnonzero(np.diff(times) <= 0.0)
    if falling.size:
        index = int(falling[0])
        raise GoalRefusedError(
            GoalCode.TIMES_NOT_INCREASING,
            f"point {index + 1} at {times[index + 1]:g} s does not come after "
            f"point {index} at {times[index]:g} s",
        )


def _check_ends(velocities: Array, names: tuple[str, ...]) -> None:
    """An arm stands before and after a goal: one that does not would jump there."""
    for which, row in (("starts", velocities[0]), ("ends", velocities[-1])):
        joint = int(np.argmax(np.abs(row)))
        if abs(row[joint]) > END_VELOCITY_RAD_S:
            raise GoalRefusedError(
                GoalCode.INVALID_GOAL,
                f"the trajectory {which} while {names[joint]} moves at {row[joint]:.4f} rad/s; "
                "start and end it at rest",
            )


def _check_limits(segments: Segments, limits: JointLimits, *, accelerated: bool) -> None:
    count = max(2, int(np.ceil(segments.duration_s / _SAMPLE_S)) + 1)
    at = np.union1d(np.linspace(0.0, segments.duration_s, count), segments.times)
    position, velocity, acceleration = segments.evaluate(at)
    middle = (limits.upper + limits.lower) / 2
    half = (limits.upper - limits.lower) / 2
    checks = [
        (GoalCode.POSITION_LIMIT, "position", "rad", position - middle, half + 1e-6),
        (GoalCode.VELOCITY_LIMIT, "velocity", "rad/s", velocity, limits.velocity),
    ]
    if accelerated:
        checks.append(
            (
                GoalCode.ACCELERATION_LIMIT,
                "acceleration",
                "rad/s²",
                acceleration,
                limits.acceleration,
            )
        )
    for code, what, unit, values, bound in checks:
        slack = 1.0 if code is GoalCode.POSITION_LIMIT else LIMIT_SLACK
        excess = np.abs(values) - bound * slack
        if np.any(excess > 0.0):
            sample, joint = np.unravel_index(int(np.argmax(excess)), excess.shape)
            shift = middle[joint] if code is GoalCode.POSITION_LIMIT else 0.0
            raise GoalRefusedError(
                code,
                f"{what} {values[sample, joint] + shift:.4f} {unit} of {limits.names[joint]} at "
                f"{at[sample]:.3f} s is beyond its limit ({bound[joint]:.4f} {unit}"
                f"{f' around {shift:.4f}' if shift else ''})",
            )
