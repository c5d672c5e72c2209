"""Timing of a straight line in joint space: the shortest jerk-limited profile from rest to rest.

All joints follow one scalar profile of constant jerk pieces (Biagiotti and Melchiorri, "Trajectory
Planning for Automatic Machines and Robots", 2008, section 3.4). With a point at every change of
jerk, the quintics of the arm server reproduce these cubic pieces exactly, so limits that hold here
hold on the arm.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import Final

import numpy as np

from planners.arrays import Array, plain
from planners.kinematics.robot import Robot
from planners.motion.trajectory import Trajectory

POINT_SPACING_S: Final = 0.02
"""Longest time between two points of a trajectory."""


def straight_duration(robot: Robot, q_start: Array, q_end: Array, speed: float = 1.0) -> float:
    """Duration (s) of the straight motion at a share of the arm's limits."""
    return float(straight_durations(robot, q_start[None], q_end[None], speed)[0])


def straight_durations(robot: Robot, q_start: Array, q_end: Array, speed: float = 1.0) -> Array:
    """Durations (m,) in s of the straight motions from `q_start` (m, n) to `q_end` (m, n)."""
    from planners.motion.straight_kernel import durations_s

    totals = np.empty(len(q_start))
    durations_s(plain(q_start), plain(q_end), _limits(robot), speed, totals)
    return totals


def straight_trajectory(
    robot: Robot, q_start: Array, q_end: Array, speed: float = 1.0
) -> Trajectory:
    """The straight motion; its points are at most `POINT_SPACING_S` apart."""
    from planners.motion.straight_kernel import pieces

    durations, jerks = np.empty(7), np.empty(7)
    pieces(plain(q_end - q_start), _limits(robot), speed, durations, jerks)
    times, u = [0.0], [(0.0, 0.0, 0.0)]
    for duration, jerk in zip(durations.tolist(), jerks.tolist(), strict=True):
        if duration == 0.0:
            continue
        t0, (x, v, a) = times[-1], u[-1]
        steps = ceil(duration / POINT_SPACING_S)
        for k in range(1, steps + 1):
            t = duration * k / steps
            times.append(t0 + t)
            u.append(
                (
                    x + t * (v + t * (a / 2 + t * jerk / 6)),
                    v + t * (a + t * jerk / 2),
                    a + t * jerk,
                )
            )
    u[-1] = (1.0, 0.0, 0.0)  # what rounding left over, about 1e-15
    profile, delta = np.array(u), q_end - q_start
    return Trajectory(
        robot.joint_names,
        np.array(times),
        q_start + profile[:, :1] * delta,
        profile[:, 1:2] * delta,
        profile[:, 2:3] * delta,
    )


@lru_cache(maxsize=64)
def _limits(robot: Robot) -> Array:
    return np.stack([robot.velocity, robot.acceleration, robot.jerk])
