"""What the governor needs of a trajectory: its quintics, and how large they get in each stretch.

The envelope is made in blocks, as far ahead as it is needed: as a whole before a motion, or a block
now and then by a loop that has no time for more. A cycle of the governor only looks it up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array

if TYPE_CHECKING:
    from planners.kinematics.robot import Robot
    from planners.motion.trajectory import Trajectory

CELL_S: Final = 0.001
"""Width of the stretches of path time that the envelope tells about."""

LEVELS: Final = 5
"""Level m tells about 1, 2, 4, ... cells and the one after them."""

_BLOCK_CELLS: Final = 512
_BIT_CELLS: Final = 32
"""Cells that are prepared at a time: by one who waits for them, and by a loop in between, which
takes ten steps for them, so as many for each millisecond of its cycle."""

_NEAR: Final = 2
_FAR: Final = 6
"""Doublings of a cell over which the rates of change hold: 4 ms and 64 ms."""

_AHEAD: Final = 2**_FAR + 1
_POWERS: Final = np.array([[0, 1, 2, 3, 4], [0, 0, 1, 2, 3], [0, 0, 0, 1, 2]])
_FACTORS: Final = np.array(
    [[1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 2.0, 6.0, 12.0, 20.0], [0.0, 0.0, 6.0, 24.0, 60.0]]
)
"""Of the derivatives of c1 x + ... + c5 x^5: powers of x and factors, by order and coefficient."""

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
        peaks: the trajectory's own largest |q''| and |q'''|, if they are known (`peaks_of`):
            finding them takes longer than all the rest, and grows with the number of pieces.

    Attributes:
        acceleration, jerk: (n,) the limits that are kept on it.
        ready: cells whose envelope is made.
        levels: (LEVELS, cells, 5, 2 n) largest shares of a limit from each cell on: q', q'' of the
            acceleration's, q', q'', q''' of the jerk's; each joint as it is, then mirrored.
        near: (cells, n, 6) largest and smallest q', q'', q''' until the end of a cycle.
        rate_near, rate: (cells,) how fast s' may change if nothing else uses the jerk: for 4 ms,
            and for 64 ms; 1/s^2.
        decay: (cells,) of s' that takes nothing from a jerk at its limit, 1/s.
    """

    def __init__(
        self,
        times: Array,
        coefficients: Array,
        limits: JointLimits,
        *,
        cycle_s: float = 0.001,
        peaks: tuple[Array, Array] | None = None,
    ) -> None:
        self.times = np.asarray(times, dtype=float)
        self.coefficients = np.ascontiguousarray(coefficients, dtype=float)
        self.duration_s = float(self.times[-1])
        self.dof = self.coefficients.shape[2]
        self.limits = limits
        self.cycle_s = cycle_s
        self._knots: list[float] = self.times.tolist()
        self._basis = np.zeros((4, 6))
        self._basis[0, 0] = self._basis[1, 1] = 1.0
        self._basis[2, 2], self._basis[3, 3] = 2.0, 6.0
        acceleration, jerk = peaks or peaks_of(self.times, self.coefficients)
        self.acceleration = np.maximum(limits.acceleration, acceleration * _SLACK)
        self.jerk = np.maximum(limits.jerk, jerk * _SLACK)
        self._per = np.stack([np.tile(1.0 / limit, 2) for limit in (self.acceleration, self.jerk)])
        self._doublings = max(int(np.ceil(np.log2(cycle_s / CELL_S))), 0)
        rows, n = int(np.ceil(self.duration_s / CELL_S)) + 1, self.dof
        self.rows = rows
        self.ready = self._filled = 0
        self._going: Iterator[bool] | None = None
        self._bit = _BIT_CELLS * 2**self._doublings
        self._tops = np.empty((rows + _AHEAD, 3, 2 * n))
        self.levels = np.empty((LEVELS, rows, 5, 2 * n))
        self.near = np.empty((rows, n, 6))
        self.rate_near = np.empty(rows)
        self.rate = np.empty(rows)
        self.decay = np.empty(rows)

    @classmethod
    def of(cls, robot: Robot, trajectory: Trajectory, *, cycle_s: float = 0.001) -> Track:
        """The track of a planned motion, within the limits of its arm, prepared as a whole."""
        limits = JointLimits(robot.velocity, robot.acceleration, robot.jerk)
        track = cls(trajectory.times, trajectory.coefficients, limits, cycle_s=cycle_s)
        track.prepare(track.rows)
        return track

    def evaluate(self, tau: float) -> Array:
        """q, q', q'' and q''' (4, n) at path time `tau`; the ends are held."""
        k = bisect_right(self._knots, tau) - 1
        if k < 0:
            k, tau = 0, 0.0
        elif k >= len(self.coefficients):
            k, tau = len(self.coefficients) - 1, self.duration_s
        x = tau - self._knots[k]
        x2 = x * x
        x3, x4 = x2 * x, x2 * x2
        b = self._basis
        b[0, 1:] = x, x2, x3, x4, x4 * x
        b[1, 2:] = 2.0 * x, 3.0 * x2, 4.0 * x3, 5.0 * x4
        b[2, 3:] = 6.0 * x, 12.0 * x2, 20.0 * x3
        b[3, 4:] = 24.0 * x, 60.0 * x2
        return np.asarray(b @ self.coefficients[k])

    def prepare(self, cells: int) -> None:
        """Make the envelope of at least so many cells from the beginning on."""
        self._going = None
        while self.ready < min(cells, self.rows):
            last = min(self.ready + _BLOCK_CELLS, self.rows)
            deque(self._fill(last + _AHEAD), 0)
            deque(self._envelop(self.ready, last), 0)

    def prepare_a_bit(self) -> None:
        """Some ten microseconds of the same work, for a loop to do in each cycle."""
        if self._going is None:
            last = min(self.ready + self._bit, self.rows)
            if self._filled < min(last + _AHEAD, self.rows):
                self._going = self._fill(min(self._filled + self._bit, last + _AHEAD))
            elif self.ready < self.rows:
                self._going = self._envelop(self.ready, last)
            else:
                return
        if next(self._going, True):
            self._going = None

    def _envelop(self, first: int, last: int) -> Iterator[bool]:
        """In steps; yields whether it is done."""
        n, count = self.dof, last - first
        part = self._tops[first : last + _AHEAD]
        shares = np.empty((count + 2 ** (LEVELS - 1), 5, 2 * n))
        np.multiply(part[: len(shares), :2], self._per[0], out=shares[:, :2])
        np.multiply(part[: len(shares)], self._per[1], out=shares[:, 2:])
        for level in range(LEVELS):
            step = 2 ** (level - 1) if level else 1
            shares = np.maximum(shares[:-step], shares[step:])
            self.levels[level, first:last] = shares[:count]
            if level in (0, 2):
                yield False
        yield False
        near = _windowed(part[: count + 2**self._doublings], self._doublings)
        self.near[first:last, :, 0::2] = near[:, :, :n].swapaxes(1, 2)
        np.negative(near[:, :, n:].swapaxes(1, 2), out=self.near[first:last, :, 1::2])
        yield False
        self.decay[first:last] = _decay(part[:count], self.jerk)
        yield False
        fast = (part[:, 0] * self._per[1]).max(axis=1).clip(1e-9)
        self.rate_near[first:last] = 1.0 / _windowed(fast, _NEAR)[:count]
        self.rate[first:last] = 1.0 / _windowed(fast, _FAR)[:count]
        self.ready = last

    def _fill(self, until: int) -> Iterator[bool]:
        """Largest q', q'', q''', mirrored too, in the cells before `until`; past the end 0.

        In steps; yields whether it is done.
        """
        first, last = self._filled, min(until, self.rows)
        if first >= last:
            return
        fine: Array = np.arange(2.0 * first, 2.0 * last + 1.0) * (CELL_S / 2)
        end = len(self.coefficients)
        piece = np.searchsorted(self.times, fine, side="right") - 1
        np.minimum(piece, end - 1, out=piece)
        # Both sides of each knot, where the third derivative may jump.
        low, high = np.searchsorted(self.times, (fine[0] - 1e-9, fine[-1] + 1e-9)).tolist()
        left, right = range(max(low, 1), high), range(low, min(high, end))
        at = np.concatenate([fine, self.times[[*left, *right]]])
        piece = np.concatenate([piece, [k - 1 for k in left], right]).astype(np.intp)
        yield False
        powers = _powers(at - self.times[piece])
        yield False
        found = self._derivatives(piece, powers)
        yield False
        values, sides = found[: len(fine)], found[len(fine) :]
        if fine[-1] >= self.duration_s:
            values[fine >= self.duration_s] = -np.inf
        tops = np.maximum(np.maximum(values[:-1:2], values[1::2]), values[2::2])
        for side, when in zip(sides, at[len(fine) :].tolist(), strict=True):
            cell = min(int(when / CELL_S), self.rows - 1)
            # A knot on an edge belongs to the cells on both sides of it.
            edge = abs(when / CELL_S - cell) < 1e-9
            for row in (cell, cell - 1) if edge else (cell,):
                if first <= row < last:
                    np.maximum(tops[row - first], side, out=tops[row - first])
        if fine[-1] >= self.duration_s:
            tops[np.isneginf(tops)] = 0.0
        self._tops[first:last] = tops
        if last == self.rows:
            self._tops[last:] = tops[-1]
        self._filled = last

    def _derivatives(self, piece: NDArray[np.intp], powers: Array) -> Array:
        """q', q'', q''' (k, 3, 2 n) in pieces (k,), each joint as it is, then mirrored."""
        n = self.dof
        out = np.empty((len(piece), 3, 2 * n))
        np.matmul(powers, self.coefficients[piece, 1:], out=out[:, :, :n])
        np.negative(out[:, :, :n], out=out[:, :, n:])
        return out


def _powers(x: Array) -> Array:
    """What the coefficients 1 to 5 count in q', q'', q''' after x seconds (k,): (k, 3, 5)."""
    powers = np.empty((len(x), 5))
    powers[:, 0] = 1.0
    powers[:, 1] = x
    for m in range(2, 5):
        np.multiply(powers[:, m - 1], x, out=powers[:, m])
    return np.asarray(powers[:, _POWERS] * _FACTORS)


def joined(old: Track, at_s: float, new: Track) -> Track:
    """The old track up to `at_s`, then the new one: made outside the loop, spliced inside it."""
    k = max(int(np.searchsorted(old.times, at_s - 1e-12)), 1)
    times = np.concatenate([old.times[:k], at_s + new.times])
    coefficients = np.concatenate([old.coefficients[:k], new.coefficients])
    return Track(times, coefficients, new.limits, cycle_s=new.cycle_s)


def _decay(tops: Array, jerk: Array) -> Array:
    """Per cell the 3 q'' / q' of the joint that uses most of its jerk, 1/s; 0 where it brakes.

    A speed rate that decays like this takes nothing from a jerk that is at its limit already.
    """
    n = len(jerk)
    middle = (tops[:, :, :n] - tops[:, :, n:]) / 2
    joint = np.abs(middle[:, 2] / jerk).argmax(axis=1)
    cell = np.arange(len(joint))
    q1, q2 = middle[cell, 0, joint], middle[cell, 1, joint]
    return np.asarray(np.maximum(3.0 * q1 * q2 / np.maximum(q1 * q1, 1e-12), 0.0))


def peaks_of(times: Array, coefficients: Array) -> tuple[Array, Array]:
    """Largest |q''| and |q'''| (n,) of the pieces of a track, in rad/s^2 and rad/s^3.

    They are polynomials, so largest at ends of pieces or where they turn.
    """
    length = np.diff(times)[:, None]
    c2, c3, c4, c5 = (coefficients[:, m] for m in range(2, 6))
    a, b, c = 60 * c5, 24 * c4, 6 * c3
    with np.errstate(divide="ignore", invalid="ignore"):
        # The numerically sound pair of roots (Press and others, "Numerical Recipes", 5.6).
        half = -(b + np.copysign(np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)), b)) / 2
        turns = [np.nan_to_num(x, posinf=0.0, neginf=0.0) for x in (half / a, c / half, -b / 2 / a)]
    zero = np.zeros_like(c2)
    at = np.stack([zero, zero + length, *(np.clip(x, 0.0, length) for x in turns)])
    second = np.abs(2 * c2 + at * (c + at * (b / 2 + at * (a / 3))))
    third = np.abs(c + at * (b + at * a))
    return second.max(axis=(0, 1)), third.max(axis=(0, 1))


def _windowed(values: Array, doublings: int) -> Array:
    """Largest of the rows from each one to `2**doublings` later; by that many rows shorter."""
    widest = np.maximum(values[:-1], values[1:])
    for power in range(doublings):
        widest = np.maximum(widest[: -(2**power)], widest[2**power :])
    return widest
