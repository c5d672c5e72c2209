"""Timing of a straight line in joint space: the shortest jerk-limited profile from rest to rest.

All joints follow one scalar profile of constant jerk pieces (Biagiotti and Melchiorri, "Trajectory
Planning for Automatic Machines and Robots", 2008, section 3.4). With a point at every change of
jerk, the quintics of the arm server reproduce these cubic pieces exactly, so limits that hold here
hold on the arm.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.robot import Robot
from planners.motion.trajectory import Trajectory

POINT_SPACING_S: Final = 0.02
"""Longest time between two points of a trajectory."""

SHORTEST_S: Final = 1e-4
"""Pieces of a profile that are shorter than this are left out."""


def straight_duration(robot: Robot, q_start: Array, q_end: Array, speed: float = 1.0) -> float:
    """Duration (s) of the straight motion at a share of the arm's limits."""
    return float(np.sum(_pieces(robot, q_end - q_start, speed)[0]))


def straight_trajectory(
    robot: Robot, q_start: Array, q_end: Array, speed: float = 1.0
) -> Trajectory:
    """The straight motion; its points are at most `POINT_SPACING_S` apart."""
    durations, jerks = _pieces(robot, q_end - q_start, speed)
    times, u = [0.0], [(0.0, 0.0, 0.0)]
    for duration, jerk in zip(durations, jerks, strict=True):
        if duration == 0.0:
            continue
        t0, (x, v, a) = times[-1], u[-1]
        steps = int(np.ceil(duration / POINT_SPACING_S))
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


def _pieces(robot: Robot, delta: Array, speed: float) -> tuple[Array, Array]:
    """Durations (7,) and jerks (7,) of a scalar that goes from 0 to 1."""
    length = np.maximum(np.abs(delta), 1e-12)
    v = speed * float((robot.velocity / length).min())
    a = speed * float((robot.acceleration / length).min())
    j = speed * float((robot.jerk / length).min())
    if v * j >= a * a:
        ramp, rise = a / j, a / j + v / a
    else:
        ramp = np.sqrt(v / j)
        rise = 2 * ramp
    cruise = 1.0 / v - rise
    if cruise < 0.0:
        cruise = 0.0
        if j * j >= 2 * a**3:
            ramp = a / j
            rise = ramp / 2 + np.sqrt(ramp**2 / 4 + 1.0 / a)
        else:
            ramp = np.cbrt(0.5 / j)
            rise = 2 * ramp
    # A piece that lasts next to nothing would be a quintic over next to nothing, all rounding:
    # leave it out, give the others the jerk that covers the distance, and take the time it needs.
    flat = rise - 2 * ramp if rise - 2 * ramp > SHORTEST_S else 0.0
    cruise = cruise if cruise > SHORTEST_S else 0.0
    jerk = 1.0 / (ramp * (ramp + flat) * (2 * ramp + flat + cruise))
    stretch = max(1.0, jerk * ramp * (ramp + flat) / v, np.sqrt(jerk * ramp / a), np.cbrt(jerk / j))
    durations = stretch * np.array([ramp, flat, ramp, cruise, ramp, flat, ramp])
    return durations, jerk / stretch**3 * np.array([1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0])
