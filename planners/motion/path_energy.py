"""What it costs to pass a timed motion's path at other speeds: the convex programme of slack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.dynamics import joint_torques
from planners.kinematics.energy import drives
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.trajectory import Trajectory

_POINT_S: Final = 0.008
_FEWEST, _MOST = 32, 400
_ALMOST, _LEAST = 0.999, 1e-3

PRICES_W: Final = (1000.0, 300.0, 100.0, 50.0, 25.0, 12.0, 6.0, 3.0, 1.5, 0.7, 0.3, 0.0, -0.3,
                   -0.7, -1.5, -3.0, -6.0)  # fmt: skip
"""Prices of time that are tried, from the dearest on: each optimum leads to the next one."""

_HALVINGS: Final = 10
_HELD_SHARE: Final = 0.9
"""Time may be worth less than nothing: waiting on the way, if that takes less than at the end."""


def least_price_w(ways: Sequence[Way], waiting_w: float) -> float:
    """The lowest price of time (W) that the programme can be asked for: it stays bounded.

    Args:
        ways: the motions.
        waiting_w: what standing where the last one ends takes.
    """
    held_w = min(float(way.held_w.min()) for way in ways)
    return -min(_HELD_SHARE * held_w, waiting_w)


def cheapest_profiles(ways: Sequence[Way], within_s: float, least_w: float) -> list[Array]:
    """Squared path speeds of least energy that together take `within_s` at most.

    All are passed at one price of time, not below `least_w`: so no time would save more elsewhere.
    """
    best = [way.fastest for way in ways]
    high, low = PRICES_W[0], least_w
    for price in (*(price for price in PRICES_W if price > least_w), least_w):
        found = _all_at(ways, best, price, within_s)
        if found is None:
            low = price
            break
        best, high = found, price
    for _ in range(_HALVINGS if low < high else 0):
        price = (low + high) / 2
        found = _all_at(ways, best, price, within_s)
        if found is None:
            low = price
        else:
            best, high = found, price
    return best


def _all_at(
    ways: Sequence[Way], start: list[Array], price_w: float, within_s: float
) -> list[Array] | None:
    """The profiles at a price of time, from those at a higher one; None if they take too long."""
    found = [way.cheapest(price_w, one) for way, one in zip(ways, start, strict=True)]
    taken_s = sum(way.duration_s(one) for way, one in zip(ways, found, strict=True))
    return found if taken_s <= within_s else None


@dataclass(frozen=True, eq=False)
class Way:
    """What it costs to go through one motion at other speeds.

    Attributes:
        times: (k + 1,) equally spaced, s.
        cost: (k, 10) between them, as `energy_kernel` has it.
        held_w: (k,) what holding still takes there.
    """

    times: Array
    cost: Array
    held_w: Array

    @classmethod
    def of(cls, robot: Robot, motion: Trajectory, payload: Payload | None) -> Way:
        """The way of a motion, what the tool carries on it included."""
        count = int(np.clip(np.ceil(motion.duration_s / _POINT_S), _FEWEST, _MOST))
        times = np.linspace(0.0, motion.duration_s, count + 1)
        cost, held_w = _costs(robot, motion, (times[1:] + times[:-1]) / 2, payload)
        return cls(times, cost, held_w)

    def cheapest(self, price_w: float, start: Array) -> Array:
        """Squared path speeds (k,) at the points, from some that are near."""
        from planners.motion.energy_kernel import cheapest

        a = np.clip(start, _LEAST, _ALMOST)
        cheapest(a, self.step_s, self.cost, price_w)
        return a

    @property
    def fastest(self) -> Array:
        """Squared path speeds (k,) to begin with: hardly slower than now."""
        return np.full(len(self.times), _ALMOST)

    @property
    def step_s(self) -> float:
        """Time between two points, s."""
        return float(self.times[1])

    def duration_s(self, a: Array) -> float:
        """How long it takes."""
        return float((self.step_s / np.sqrt((a[1:] + a[:-1]) / 2)).sum())

    def energy_j(self, a: Array) -> float:
        """Energy that it takes, J."""
        x, s = (a[1:] + a[:-1]) / 2, np.diff(a) / self.step_s
        root, c = np.sqrt(x), self.cost.T
        heat = c[3] + 2.0 * (c[4] * x + c[5] * s + c[7] * x * s) + c[6] * x * x + c[8] * s * s
        drawn = c[0] + c[1] * x + c[2] * s + heat / root + c[9] * root
        return float(np.maximum(drawn, 0.0).sum()) * self.step_s


def _costs(
    robot: Robot, motion: Trajectory, times: Array, payload: Payload | None
) -> tuple[Array, Array]:
    """Factors (k, 10) of `energy_kernel`, and the power (k,) of holding still, at times (k,)."""
    state = motion.sample(times)
    q, v, zero = state.positions, state.velocities, np.zeros_like(state.positions)
    still = joint_torques(robot, q, zero, zero, payload=payload)
    along = joint_torques(robot, q, v, state.accelerations, payload=payload) - still
    across = (joint_torques(robot, q, zero, v, payload=payload) - still) / 2
    parts = drives(robot)
    viscous = np.array([drive.viscous_nm_s for drive in parts])
    copper = np.array([drive.copper_w_nm2 for drive in parts])
    loaded = still + np.array([drive.coulomb_nm for drive in parts]) * np.sign(v)
    drag = (1.0 + 2.0 * copper * viscous) * v
    columns = (
        loaded * drag,
        along * drag,
        across * drag,
        copper * loaded * loaded,
        copper * loaded * along,
        copper * loaded * across,
        copper * along * along,
        copper * along * across,
        copper * across * across,
        viscous * v * v * (1.0 + copper * viscous),
    )
    cost = np.stack([column.sum(axis=1) for column in columns], axis=1)
    return np.ascontiguousarray(cost), (copper * still * still).sum(axis=1)
