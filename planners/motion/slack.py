"""Spends waiting time on slower motions: the arm arrives when it is needed, with less energy.

Slowing down pays only where the arm would otherwise wait, because the controller draws its base
power anyway. A motion that takes `k` times as long needs 1/k of the speeds and 1/k^2 of the
accelerations, so friction and the heat in the windings fall, and what gravity asks stays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planners.kinematics.energy import motion_energy
from planners.kinematics.robot import Robot
from planners.motion.trajectory import Trajectory

_SAMPLE_S = 0.004


def energy_j(robot: Robot, trajectory: Trajectory) -> float:
    """Energy of a motion that depends on how it is made: without the controller's base power, J."""
    count = max(int(np.ceil(trajectory.duration_s / _SAMPLE_S)), 2)
    times = np.linspace(0.0, trajectory.duration_s, count + 1)
    state = trajectory.sample(times)
    spent = motion_energy(robot, times, state.positions, state.velocities, state.accelerations)
    return spent.total_j - spent.base_j


def with_slack(
    robot: Robot, motions: Sequence[Trajectory], slack_s: float
) -> tuple[Trajectory, ...]:
    """The motions slowed down so that together they take `slack_s` longer at most, for less energy.

    The time goes in equal steps to the motion that saves most with the next step (the energy over
    duration is convex, so the greedy choice is the best one for the step). Paths stay as they are,
    and no limit that held breaks: speeds, accelerations, jerks and what they ask of torques fall.

    Raises:
        ValueError: the slack is negative.
    """
    if slack_s < 0.0:
        raise ValueError(f"slack_s must not be negative: {slack_s}")
    if not motions or slack_s == 0.0:
        return tuple(motions)
    steps = 4 * len(motions)
    step_s = slack_s / steps
    extra = [0.0] * len(motions)

    def slowed(k: int, more_s: float) -> Trajectory:
        return motions[k].slowed(1.0 + (extra[k] + more_s) / motions[k].duration_s)

    energy = [energy_j(robot, motion) for motion in motions]
    after = [energy_j(robot, slowed(k, step_s)) for k in range(len(motions))]
    for _ in range(steps):
        k = int(np.argmax(np.subtract(energy, after)))
        if after[k] >= energy[k]:
            break
        extra[k] += step_s
        energy[k], after[k] = after[k], energy_j(robot, slowed(k, step_s))
    return tuple(slowed(k, 0.0) if extra[k] else motions[k] for k in range(len(motions)))
