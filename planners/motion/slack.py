"""Spends waiting time on slower motions: the arm arrives when it is needed, with less energy.

Slowing down pays only where the arm would otherwise wait, because the controller draws its base
power anyway. Braking turns the arm's kinetic energy into heat, so the first of the time goes where
that is largest: the speed is cut there, along the path, and acceleration stays. What is left goes
into motions as a whole: `k` times as long needs 1/k of the speeds and 1/k^2 of the accelerations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.dynamics import joint_torques
from planners.kinematics.energy import motion_energy
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.retime import retimed
from planners.motion.trajectory import Trajectory
from planners.motion.verify import verify_trajectory

_SAMPLE_S: Final = 0.004
_POINT_S: Final = 0.008
_FEWEST, _MOST = 32, 400
_LEVELS: Final = (0.85, 0.7, 0.55, 0.43, 0.33, 0.25, 0.19, 0.14, 0.1)
"""Shares of a motion's largest kinetic energy to which it is cut, one after the other."""

_UNIFORM_STEPS: Final = 4


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

    The controller's base power is left out: it is the same whatever the arm does.
    """
    carried = [None] * len(motions) if payloads is None else payloads
    moving = sum(energy_j(robot, one, load) for one, load in zip(motions, carried, strict=True))
    left_s = within_s - sum(motion.duration_s for motion in motions)
    return moving + left_s * holding_w(robot, motions[-1].positions[-1])


def with_slack(
    robot: Robot,
    motions: Sequence[Trajectory],
    slack_s: float,
    payloads: Sequence[Payload | None] | None = None,
) -> tuple[Trajectory, ...]:
    """The motions slowed down so that together they take `slack_s` longer at most, for less energy.

    The time goes step by step to the motion that saves most for it; an arm that arrives early has
    to hold itself up where the last motion ends, which counts (`energy_within_j`). Paths stay as
    they are, and every motion that is changed has been verified: limits that held hold.

    Args:
        robot: the arm.
        motions: verified trajectories.
        slack_s: how much longer all of them may take together.
        payloads: what the tool carries on each; nothing if it is not given.

    Raises:
        ValueError: the slack is negative, or the payloads are not one per motion.
    """
    if slack_s < 0.0:
        raise ValueError(f"slack_s must not be negative: {slack_s}")
    carried = [None] * len(motions) if payloads is None else list(payloads)
    if len(carried) != len(motions):
        raise ValueError(f"{len(carried)} payloads for {len(motions)} motions")
    if not motions or slack_s == 0.0:
        return tuple(motions)
    waiting_w = holding_w(robot, motions[-1].positions[-1])
    plans = [
        _Plan(robot, motion, load, waiting_w) for motion, load in zip(motions, carried, strict=True)
    ]
    left = slack_s
    while True:
        offers = [(plan.gain_w(left), k) for k, plan in enumerate(plans)]
        gain, k = max(offers)
        if gain <= 0.0:
            break
        left -= plans[k].advance(left)
    step_s = left / (_UNIFORM_STEPS * len(plans))
    for _ in range(_UNIFORM_STEPS * len(plans)):
        gain, k = max((plan.uniform_gain_j(step_s), k) for k, plan in enumerate(plans))
        if gain <= 0.0:
            break
        plans[k].stretch(step_s)
    return tuple(plan.best for plan in plans)


@dataclass
class _Plan:
    """One motion, ever slower."""

    robot: Robot
    motion: Trajectory
    payload: Payload | None
    waiting_w: float
    best: Trajectory = field(init=False)
    cost: float = field(init=False)
    """Energy less what waiting takes for as long."""

    _slower: list[tuple[Trajectory, float]] = field(init=False)
    _trial: tuple[float, Trajectory, float] | None = None

    def __post_init__(self) -> None:
        self.best, self.cost = self.motion, self._cost(self.motion)
        found = _flattened(self.robot, self.motion, self.payload)
        self._slower = [(one, self._cost(one)) for one in found]

    def _cost(self, one: Trajectory) -> float:
        return energy_j(self.robot, one, self.payload) - self.waiting_w * one.duration_s

    def gain_w(self, left_s: float) -> float:
        """Best energy saved per second by a flatter profile that fits into the time left."""
        return max((gain for gain, _ in self._offers(left_s)), default=0.0)

    def advance(self, left_s: float) -> float:
        """Take that profile; returns what it takes longer."""
        before = self.best.duration_s
        k = max(self._offers(left_s))[1]
        (self.best, self.cost), self._slower = self._slower[k], self._slower[k + 1 :]
        return self.best.duration_s - before

    def _offers(self, left_s: float) -> list[tuple[float, int]]:
        offers = []
        for k, (slower, cost) in enumerate(self._slower):
            longer = slower.duration_s - self.best.duration_s
            if 1e-6 < longer <= left_s:
                offers.append(((self.cost - cost) / longer, k))
        return offers

    def uniform_gain_j(self, step_s: float) -> float:
        """Energy saved by taking `step_s` longer as a whole."""
        if self._trial is None or self._trial[0] != step_s:
            slower = self.best.slowed(1.0 + step_s / self.best.duration_s)
            self._trial = step_s, slower, self._cost(slower)
        return self.cost - self._trial[2]

    def stretch(self, step_s: float) -> None:
        """Take `step_s` longer as a whole."""
        self.uniform_gain_j(step_s)
        assert self._trial is not None
        _, self.best, self.cost = self._trial
        self._trial = None


def _flattened(robot: Robot, motion: Trajectory, payload: Payload | None) -> list[Trajectory]:
    """The motion with its kinetic energy cut to ever smaller shares of its largest."""
    count = int(np.clip(np.ceil(motion.duration_s / _POINT_S), _FEWEST, _MOST))
    times = np.linspace(0.0, motion.duration_s, count + 1)
    state = motion.sample(times)
    even = Trajectory(
        motion.joint_names, times, state.positions, state.velocities, state.accelerations
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
    zero = np.zeros_like(state.positions)
    still = joint_torques(robot, state.positions, zero, zero, payload=payload)
    momentum = joint_torques(robot, state.positions, zero, state.velocities, payload=payload)
    twice = ((momentum - still) * state.velocities).sum(axis=1)
    most = float(twice.max())
    found: list[Trajectory] = []
    for share in _LEVELS if most > 0.0 else ():
        highest = np.minimum(1.0, np.sqrt(share * most / np.maximum(twice, 1e-12 * most)))
        try:
            slower = retimed(robot, even, speed=speed, highest_rate=highest, payload=payload)
        except MotionError:
            continue
        wrong = verify_trajectory(
            robot, None, slower, q_start=motion.positions[0], q_end=motion.positions[-1]
        )
        if not wrong:
            found.append(slower)
    return found
