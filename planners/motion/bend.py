"""The bend of a point-to-point way that takes least energy in a given time.

A straight way in joint space is the shortest in time, as all joints follow one profile. With more
time than that, joints need not: the way may bend towards positions in which gravity asks less, and
one joint's braking may move another. The way is the straight one and a few sine waves per joint,

    q(s) = q0 + s (q1 - q0) + sum over k of b_k sin(k pi s),   0 <= s <= 1

(zero at both ends, smooth in between), passed with the straight motion's profile, slowed down. The
b_k come from the BFGS method (Nocedal and Wright, "Numerical Optimization", 2006, section 6.1) on
the energy model of `planners.kinematics.energy`, without what braking would give back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.dynamics import joint_torques
from planners.kinematics.energy import drives
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.straight import straight_trajectory

_WAVES: Final = 3
_SAMPLES: Final = 100
_STEPS: Final = 60
_ENOUGH: Final = 1e-5
"""Share of the energy that a step has to save for another one to follow."""

_STILL_RAD_S: Final = 0.02
_SMOOTH_W: Final = 0.5
"""Friction turns round within this speed, and what braking loses begins within this power."""

_DIFFERENCE: Final = 1e-6
_HALVINGS: Final = 12
_FIRST_RAD: Final = 0.02


class BentPath:
    """A straight way in joint space with sine waves on it.

    Args:
        q_start: (n,) where it starts, rad.
        q_end: (n,) where it ends.
        waves: (k, n) amplitudes of sin(pi s), sin(2 pi s), ...; rad.
    """

    length: float = 1.0

    def __init__(self, q_start: Array, q_end: Array, waves: Array) -> None:
        self._start, self._delta, self._waves = q_start, q_end - q_start, waves
        self._turns = np.pi * np.arange(1, len(waves) + 1)

    def evaluate(self, s: Array) -> tuple[Array, Array, Array]:
        """q, dq/ds and d2q/ds2, each (m, n), at s (m,)."""
        sine, cosine = np.sin(np.outer(s, self._turns)), np.cos(np.outer(s, self._turns))
        return (
            self._start + s[:, None] * self._delta + sine @ self._waves,
            self._delta + (cosine * self._turns) @ self._waves,
            -(sine * self._turns**2) @ self._waves,
        )

    def flattened(self, share: float) -> BentPath:
        """The way with so much of its bend left; straight at 0."""
        return BentPath(self._start, self._start + self._delta, share * self._waves)


def easiest_path(
    robot: Robot,
    q_start: Array,
    q_end: Array,
    *,
    longer: float,
    speed: float = 1.0,
    payload: Payload | None = None,
) -> BentPath:
    """The bent way of least energy from `q_start` (n,) to `q_end` (n,); limits are not looked at.

    Args:
        robot: the arm.
        q_start: where it starts.
        q_end: where it ends; somewhere else.
        longer: how many times as long as the straight motion it may take.
        speed: share of the arm's limits for the straight motion.
        payload: what the tool carries.
    """
    straight = straight_trajectory(robot, q_start, q_end, speed).slowed(longer)
    times = np.linspace(0.0, straight.duration_s, 2 * _SAMPLES + 1)[1::2]
    state, joint = straight.sample(times), int(np.abs(q_end - q_start).argmax())
    way = (q_end - q_start)[joint]
    profile = (
        (state.positions[:, joint] - q_start[joint]) / way,
        state.velocities[:, joint] / way,
        state.accelerations[:, joint] / way,
    )

    def power(waves: Array) -> tuple[float, Array]:
        return _mean_power(robot, BentPath(q_start, q_end, waves), waves, profile, payload)

    return BentPath(q_start, q_end, _least(power, np.zeros((_WAVES, robot.dof))))


def _mean_power(
    robot: Robot,
    path: BentPath,
    waves: Array,
    profile: tuple[Array, Array, Array],
    payload: Payload | None,
) -> tuple[float, Array]:
    """Mean power (W) that the way draws, and its derivatives (k, n) by the waves."""
    s, rate, change = profile
    q, slope, bend = path.evaluate(s)
    v = slope * rate[:, None]
    a = bend * rate[:, None] ** 2 + slope * change[:, None]
    torque, by_q, by_v, by_a = _torques(robot, q, v, a, payload)
    parts = drives(robot)
    coulomb, viscous, copper = (
        np.array([getattr(drive, name) for drive in parts])
        for name in ("coulomb_nm", "viscous_nm_s", "copper_w_nm2")
    )
    turning = np.tanh(v / _STILL_RAD_S)
    driven = torque + coulomb * turning + viscous * v
    drawn = (driven * v + copper * driven**2).sum(axis=1)
    size = np.sqrt(drawn**2 + _SMOOTH_W**2)
    # Derivatives by each joint's position, velocity and acceleration at each sample.
    weight = v + 2.0 * copper * driven
    d_q, d_v, d_a = (np.einsum("kji,ki->kj", by, weight) for by in (by_q, by_v, by_a))
    d_v += driven + weight * (coulomb * (1.0 - turning**2) / _STILL_RAD_S + viscous)
    share = (0.5 * (1.0 + drawn / size) / len(s))[:, None]
    turns = np.pi * np.arange(1, len(waves) + 1)
    wave = np.sin(np.outer(s, turns))
    wave_slope = np.cos(np.outer(s, turns)) * turns
    gradient = (
        wave.T @ (share * d_q)
        + (wave_slope * rate[:, None]).T @ (share * d_v)
        + (wave_slope * change[:, None] - wave * turns**2 * rate[:, None] ** 2).T @ (share * d_a)
    )
    return float((0.5 * (drawn + size)).mean()), gradient


def _torques(
    robot: Robot, q: Array, v: Array, a: Array, payload: Payload | None
) -> tuple[Array, Array, Array, Array]:
    """Torques (k, n), and their derivatives (k, n, n) by each joint's q, v and a (second axis)."""
    count, dof = q.shape
    nudge = _DIFFERENCE * np.eye(dof)
    rows = [(q, v, a)]
    rows += [(q + one, v, a) for one in nudge]
    rows += [(q, v + one, a) for one in nudge]
    rows += [(q, v, a + one) for one in nudge]
    states = (np.concatenate(part) for part in zip(*rows, strict=True))
    found = joint_torques(robot, *states, payload=payload).reshape(3 * dof + 1, count, dof)
    slopes = (found[1:] - found[0]) / _DIFFERENCE
    by_q, by_v, by_a = (np.moveaxis(part, 0, 1) for part in np.split(slopes, 3))
    return found[0], by_q, by_v, by_a


def _least(value: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    """Where a smooth function of an array, which is given with its derivatives, is least."""
    x, (best, slope) = start, value(start)
    inverse = np.eye(x.size)
    first = True
    for _ in range(_STEPS):
        step = -(inverse @ slope.ravel()).reshape(x.shape)
        if first:
            step *= _FIRST_RAD / max(float(np.abs(step).max()), 1e-12)
        fall = float((step * slope).sum())
        length = 1.0
        for _ in range(_HALVINGS):
            there, there_slope = value(x + length * step)
            if there <= best + 1e-4 * length * fall:
                break
            length /= 2
        else:
            break
        moved, changed = (length * step).ravel(), (there_slope - slope).ravel()
        saved, x, best, slope = best - there, x + length * step, there, there_slope
        curvature = float(moved @ changed)
        if curvature > 1e-12:
            if first:
                inverse *= curvature / float(changed @ changed)
            turn = np.eye(x.size) - np.outer(moved, changed) / curvature
            inverse = turn @ inverse @ turn.T + np.outer(moved, moved) / curvature
            first = False
        if saved < _ENOUGH * abs(best):
            break
    return x
