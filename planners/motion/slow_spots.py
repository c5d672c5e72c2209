"""Where a motion that should keep its tool's speed cannot, and which limit is the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from planners.kinematics.robot import Robot
from planners.motion.timing import tool_speeds
from planners.motion.trajectory import Trajectory

_SAMPLE_S: Final = 0.002
_KEPT: Final = 0.98
_SHORTEST_S: Final = 0.01


@dataclass(frozen=True)
class SlowSpot:
    """One stretch on which the tool is slower than asked; its first and last are the ramps.

    Attributes:
        start_m, end_m: travel of the tool centre point from the start of the motion.
        lowest_m_s: its slowest speed there (0 where the motion starts or ends).
        subject: the joint whose limit is the reason, at that place.
        limit: which of its limits.
    """

    start_m: float
    end_m: float
    lowest_m_s: float
    subject: str
    limit: Literal["velocity", "acceleration", "jerk"]


def slow_spots(robot: Robot, trajectory: Trajectory, tcp_speed_m_s: float) -> tuple[SlowSpot, ...]:
    """The stretches on which a motion does not keep `tcp_speed_m_s`, in order."""
    times = np.append(np.arange(0.0, trajectory.duration_s, _SAMPLE_S), trajectory.duration_s)
    state = trajectory.sample(times)
    speed = tool_speeds(robot, state.positions, state.velocities)
    travel = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(times))])
    slow = speed < _KEPT * tcp_speed_m_s
    edges = np.flatnonzero(np.diff(np.concatenate([[False], slow, [False]]).astype(int)))
    found: list[SlowSpot] = []
    limits = {
        "velocity": (state.velocities, robot.velocity),
        "acceleration": (state.accelerations, robot.acceleration),
        "jerk": (state.jerks, robot.jerk),
    }
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        if times[last] - times[first] < _SHORTEST_S:
            continue
        # The limit that is in use longest on this stretch is its reason.
        used = {
            kind: np.abs(values[first : last + 1]).mean(axis=0) / limit
            for kind, (values, limit) in limits.items()
        }
        kind: Literal["velocity", "acceleration", "jerk"] = "velocity"
        for other in ("acceleration", "jerk"):
            if used[other].max() > used[kind].max():
                kind = other
        joint = int(used[kind].argmax())
        found.append(
            SlowSpot(
                float(travel[first]),
                float(travel[last]),
                float(speed[first : last + 1].min()),
                robot.joint_names[joint],
                kind,
            )
        )
    return tuple(found)
