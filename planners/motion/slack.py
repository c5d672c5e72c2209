"""Spends waiting time on slower motions: the arm arrives when it is needed, with less energy.

Slowing down pays only where the arm would otherwise wait, because the controller draws its base
power anyway. How fast each point of the paths is passed at best is a convex programme
(`path_energy`); the fastest motion that is nowhere faster than its solution keeps all limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.energy import motion_energy
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.path_energy import Way, cheapest_profiles, least_price_w
from planners.motion.retime import retimed
from planners.motion.trajectory import Trajectory
from planners.motion.verify import verify_trajectory

_SAMPLE_S: Final = 0.004
_AIMS: Final = 8
_MORE: Final = 1.02


def energy_j(robot: Robot, trajectory: Trajectory, payload: Payload | None = None) -> float:
    """Energy of a motion that depends on how it is made: without the controller's base power, J."""
    count = max(int(np.ceil(trajectory.duration_s / _SAMPLE_S)), 2)
    times = np.linspace(0.0, trajectory.duration_s, count + 1)
    state = trajectory.sample(times)
    spent = motion_energy(
        robot, times, state.positions, state.velocities, state.accelerations, payload=payload
    )
    return spent.total_j - spent.base_j


def holding_w(robot: Robot, q: Array, payload: Payload | None = None) -> float:
    """Power (W) beyond the base power that standing still at `q` (6,) takes."""
    rows, still = np.stack([q, q]), np.zeros((2, robot.dof))
    spent = motion_energy(robot, np.array([0.0, 1.0]), rows, still, still, payload=payload)
    return spent.total_j - spent.base_j


def energy_within_j(
    robot: Robot,
    motions: Sequence[Trajectory],
    within_s: float,
    payloads: Sequence[Payload | None] | None = None,
) -> float:
    """Energy of motions and of standing where the last one ends for the rest of the time, J.

    What is carried on the last motion is carried while standing, too. The controller's base power
    is left out: it is the same whatever the arm does.
    """
    carried = [None] * len(motions) if payloads is None else list(payloads)
    moving = sum(energy_j(robot, one, load) for one, load in zip(motions, carried, strict=True))
    left_s = within_s - sum(motion.duration_s for motion in motions)
    return moving + left_s * holding_w(robot, motions[-1].positions[-1], carried[-1])


def with_slack(
    robot: Robot,
    motions: Sequence[Trajectory],
    slack_s: float,
    payloads: Sequence[Payload | None] | None = None,
    kept: Sequence[bool] | None = None,
) -> tuple[Trajectory, ...]:
    """The motions slowed down so that together they take `slack_s` longer at most, for less energy.

    Time goes where it saves most; an arm that arrives early has to hold itself up where the last
    motion ends, which counts (`energy_within_j`). Paths stay as they are, and every motion that is
    changed has been verified: limits that held hold.

    Args:
        robot: the arm.
        motions: verified trajectories.
        slack_s: how much longer all of them may take together.
        payloads: what the tool carries on each; nothing if it is not given.
        kept: which of them stay as they are, because a process asks for their speed.

    Raises:
        ValueError: the slack is negative, or payloads or `kept` are not one per motion.
    """
    if slack_s < 0.0:
        raise ValueError(f"slack_s must not be negative: {slack_s}")
    carried = [None] * len(motions) if payloads is None else list(payloads)
    if len(carried) != len(motions):
        raise ValueError(f"{len(carried)} payloads for {len(motions)} motions")
    fixed = [False] * len(motions) if kept is None else list(kept)
    if len(fixed) != len(motions):
        raise ValueError(f"{len(fixed)} of 'kept' for {len(motions)} motions")
    free = [k for k, stays in enumerate(fixed) if not stays]
    if not free or slack_s == 0.0:
        return tuple(motions)
    waiting_w = holding_w(robot, motions[-1].positions[-1], carried[-1])
    ways = [Way.of(robot, motions[k], carried[k]) for k in free]
    least_w = least_price_w(ways, waiting_w)
    room_s = sum(motions[k].duration_s for k in free) + slack_s
    aimed_s, best = room_s, list(motions)
    for _ in range(_AIMS):
        profiles = cheapest_profiles(ways, aimed_s, least_w)
        found = list(motions)
        for k, way, profile in zip(free, ways, profiles, strict=True):
            found[k] = _slowed(robot, motions[k], carried[k], way, profile, waiting_w)
        over_s = sum(found[k].duration_s for k in free) - room_s
        if over_s <= 0.0:
            best = found
            break
        # Acceleration and jerk limits take a little longer than the programme knows.
        aimed_s -= _MORE * over_s
    return tuple(best)


def _slowed(
    robot: Robot,
    motion: Trajectory,
    payload: Payload | None,
    way: Way,
    profile: Array,
    waiting_w: float,
) -> Trajectory:
    """The motion with these squared path speeds, within the limits; itself if that saves nothing.

    Where the profile falls steeply, the motion is slower.
    """
    state = motion.sample(way.times)
    even = Trajectory(
        motion.joint_names, way.times, state.positions, state.velocities, state.accelerations
    )
    # What was asked to be gentle stays so: no limit is used more than the motion did.
    shares = (
        np.abs(values).max(axis=0) / limits
        for values, limits in (
            (state.velocities, robot.velocity),
            (state.accelerations, robot.acceleration),
            (state.jerks, robot.jerk),
        )
    )
    speed = float(np.clip(max(share.max() for share in shares), 0.01, 1.0))
    try:
        slower = retimed(robot, even, speed=speed, highest_rate=np.sqrt(profile), payload=payload)
    except MotionError:
        return motion
    costs = [energy_j(robot, one, payload) - waiting_w * one.duration_s for one in (motion, slower)]
    if costs[1] >= costs[0]:
        return motion
    wrong = verify_trajectory(
        robot, None, slower, q_start=motion.positions[0], q_end=motion.positions[-1]
    )
    return motion if wrong else slower
