"""What the governor needs of a trajectory: its quintics, and how large they get in each stretch.

The envelope is made once, before the motion, so that a cycle of the governor only looks it up.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.robot import Robot
from planners.motion.trajectory import Trajectory

CELL_S: Final = 0.001
"""Width of the stretches of path time that the envelope tells about."""

LEVELS: Final = 5
"""Level m tells about 1, 2, 4, ... cells and the one after them."""

_SAMPLES: Final = 2
_SLACK: Final = 1.0 + 1e-7
"""What rounding may add to a trajectory that is exactly at its limit."""


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits of the joints, each (n,): rad/s, rad/s^2, rad/s^3."""

    velocity: Array
    acceleration: Array
    jerk: Array


class Track:
    """A timed path q(tau), tau from 0 to `duration_s`, one quintic per joint and piece.

    Args:
        times: (k + 1,) s, where pieces meet; the first is 0.
        coefficients: (k, 6, n) ascending powers of the seconds since the piece began, rad.
        limits: of the joints. Where the trajectory itself is above one, its own peak counts.
        cycle_s: longest cycle in which a governor changes the speed on this track.
    """

    def __init__(
        self,
        times: Array,
        coefficients: Array,
        limits: JointLimits,
        *,
        cycle_s: float = 0.001,
    ) -> None:
        self.times = np.asarray(times, dtype=float)
        self.coefficients = np.ascontiguousarray(coefficients, dtype=float)
        self.duration_s = float(self.times[-1])
        self.dof = self.coefficients.shape[2]
        self.limits = limits
        self.cycle_s = cycle_s
        self._knots: list[float] = self.times.tolist()
        self._pieces = list(self.coefficients)
        self._basis = np.zeros((4, 6))
        self._basis[0, 0] = self._basis[1, 1] = 1.0
        self._basis[2, 2], self._basis[3, 3] = 2.0, 6.0
        high, low = self._extremes()
        self.acceleration = np.maximum(limits.acceleration, _peak(high[1], low[1]) * _SLACK)
        self.jerk = np.maximum(limits.jerk, _peak(high[2], low[2]) * _SLACK)
        self.rows = len(high[0])
        self.slowing, self.quickening = _levels(high, low, self.acceleration, self.jerk)
        doublings = max(int(np.ceil(np.log2(cycle_s / CELL_S))), 0)
        first = [_windowed(h, doublings) for h in high]
        last = [-_windowed(-w, doublings) for w in low]
        self.near = np.stack([first[0], last[0], first[1], last[1], first[2], last[2]], axis=-1)
        """Per cell and joint: largest and smallest q', q'', q''' until the end of a cycle."""
        fast = np.maximum(np.abs(high[0]), np.abs(low[0])) / self.jerk
        near, far = (1.0 / _windowed(fast, w).max(axis=1).clip(1e-9) for w in (2, 6))
        self.rate_near: list[float] = near.tolist()
        self.rate: list[float] = far.tolist()
        self.decay: list[float] = _decay(high, low, self.jerk).tolist()
        """How fast s' may change if nothing else uses the jerk: next, and for 64 ms; 1/s^2."""

    @classmethod
    def of(cls, robot: Robot, trajectory: Trajectory, *, cycle_s: float = 0.001) -> Track:
        """The track of a planned motion, within the limits of its arm."""
        limits = JointLimits(robot.velocity, robot.acceleration, robot.jerk)
        return cls(trajectory.times, trajectory.coefficients, limits, cycle_s=cycle_s)

    def evaluate(self, tau: float) -> Array:
        """q, q', q'' and q''' (4, n) at path time `tau`; the ends are held."""
        k = bisect_right(self._knots, tau) - 1
        if k < 0:
            k, tau = 0, 0.0
        elif k >= len(self._pieces):
            k, tau = len(self._pieces) - 1, self.duration_s
        x = tau - self._knots[k]
        x2 = x * x
        x3, x4 = x2 * x, x2 * x2
        b = self._basis
        b[0, 1:] = x, x2, x3, x4, x4 * x
        b[1, 2:] = 2.0 * x, 3.0 * x2, 4.0 * x3, 5.0 * x4
        b[2, 3:] = 6.0 * x, 12.0 * x2, 20.0 * x3
        b[3, 4:] = 24.0 * x, 60.0 * x2
        return np.asarray(b @ self._pieces[k])

    def _extremes(self) -> tuple[list[Array], list[Array]]:
        """Largest and smallest q', q'', q''' in each cell, each (rows, n); past the end 0."""
        cells = int(np.ceil(self.duration_s / CELL_S)) + 1
        fine = np.linspace(0.0, cells * CELL_S, cells * _SAMPLES + 1)
        inside = fine[fine < self.duration_s]
        # Both sides of each knot, where the third derivative may jump.
        at = np.concatenate([inside, self.times[1:], self.times[:-1]])
        before = np.concatenate([np.zeros(len(inside), bool), np.ones(len(self.times) - 1, bool)])
        side = np.concatenate([before, np.zeros(len(self.times) - 1, bool)])
        piece = np.searchsorted(self.times, at, side="right") - 1
        last = len(self.coefficients) - 1
        knots = np.arange(1, len(self.times))
        piece[side] = knots - 1
        piece = np.clip(piece, 0, last)
        x = (at - self.times[piece])[:, None]
        c = np.moveaxis(self.coefficients[piece], 1, 0)
        values = (
            c[1] + x * (2 * c[2] + x * (3 * c[3] + x * (4 * c[4] + x * 5 * c[5]))),
            2 * c[2] + x * (6 * c[3] + x * (12 * c[4] + x * 20 * c[5])),
            6 * c[3] + x * (24 * c[4] + x * 60 * c[5]),
        )
        cell = np.minimum((at / CELL_S).astype(np.intp), cells - 1)
        # A sample on an edge belongs to the cells on both sides of it.
        edge = np.abs(at / CELL_S - cell) < 1e-9
        rows = np.concatenate([cell, np.maximum(cell[edge] - 1, 0)])
        order = np.argsort(rows, kind="stable")
        starts = np.searchsorted(rows[order], np.arange(cells))
        high, low = [], []
        for value in values:
            spread = np.concatenate([value, value[edge]])[order]
            filled = starts < len(order)
            top, bottom = np.zeros((cells, self.dof)), np.zeros((cells, self.dof))
            top[filled] = np.maximum.reduceat(spread, starts[filled])
            bottom[filled] = np.minimum.reduceat(spread, starts[filled])
            high.append(top)
            low.append(bottom)
        return high, low


def joined(old: Track, at_s: float, new: Track) -> Track:
    """The old track up to `at_s`, then the new one: made outside the loop, spliced inside it."""
    k = max(int(np.searchsorted(old.times, at_s - 1e-12)), 1)
    times = np.concatenate([old.times[:k], at_s + new.times])
    coefficients = np.concatenate([old.coefficients[:k], new.coefficients])
    return Track(times, coefficients, new.limits, cycle_s=new.cycle_s)


def _decay(high: list[Array], low: list[Array], jerk: Array) -> Array:
    """Per cell the 3 q'' / q' of the joint that uses most of its jerk, 1/s; 0 where it brakes.

    A speed rate that decays like this takes nothing from a jerk that is at its limit already.
    """
    first, second, third = ((h + w) / 2 for h, w in zip(high, low, strict=True))
    joint = np.abs(third / jerk).argmax(axis=1)
    cell = np.arange(len(joint))
    q1, q2 = first[cell, joint], second[cell, joint]
    return np.asarray(np.maximum(3.0 * q1 * q2 / np.maximum(q1 * q1, 1e-12), 0.0))


def _peak(high: Array, low: Array) -> Array:
    return np.asarray(np.maximum(high.max(axis=0), -low.min(axis=0)))


def _later(values: Array, cells: int) -> Array:
    """Each row (second last axis) moved up by `cells`; the last row stays at the end."""
    count = values.shape[-2]
    index = np.minimum(np.arange(count) + cells, count - 1)
    return np.asarray(values[..., index, :])


def _windowed(values: Array, doublings: int) -> Array:
    """Largest of the rows from each row to `2**doublings` rows later."""
    widest = np.maximum(values, _later(values, 1))
    for power in range(doublings):
        widest = np.maximum(widest, _later(widest, 2**power))
    return widest


def _levels(
    high: list[Array], low: list[Array], acceleration: Array, jerk: Array
) -> tuple[list[Array], list[Array]]:
    """Per level what a slowing and a quickening ramp meets at most, (rows, 5, 2 n).

    Each joint counts twice, as it is and mirrored, so that only upper bounds remain. The five
    blocks are the factors of s^2 and |s'| in the acceleration and of s^3, s |s'| and |s''| in the
    jerk, as shares of the limits.
    """
    tops = np.stack([np.hstack([h, -w]) for h, w in zip(high, low, strict=True)])
    backs = np.stack([np.hstack([-w, h]) for h, w in zip(high, low, strict=True)])
    per_a, per_j = np.tile(1.0 / acceleration, 2), np.tile(1.0 / jerk, 2)
    slowing: list[Array] = []
    quickening: list[Array] = []
    for level in range(LEVELS):
        step = 2 ** (level - 1) if level else 1
        tops = np.maximum(tops, _later(tops, step))
        backs = np.maximum(backs, _later(backs, step))
        (p1, p2, p3), (n1, n2, _) = tops, backs
        nominal, third = p2 * per_a, p3 * per_j
        slowing.append(np.stack([nominal, n1 * per_a, third, 3 * n2 * per_j, p1 * per_j], axis=1))
        quickening.append(
            np.stack([nominal, p1 * per_a, third, 3 * p2 * per_j, n1 * per_j], axis=1)
        )
    return slowing, quickening
