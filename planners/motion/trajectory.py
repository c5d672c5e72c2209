"""A timed motion: points that an arm server joins by quintic polynomials."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from planners.arrays import Array


class State(NamedTuple):
    """Positions (k, n) rad, velocities rad/s, accelerations rad/s^2, jerks rad/s^3."""

    positions: Array
    velocities: Array
    accelerations: Array
    jerks: Array


class TrajectoryPoint(NamedTuple):
    """One point as a FollowJointTrajectory goal has it."""

    time_from_start_s: float
    positions: tuple[float, ...]
    velocities: tuple[float, ...]
    accelerations: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Points of a motion; between them one quintic per joint through both ends' states.

    Attributes:
        joint_names: order of the columns.
        times: (k,) s, from 0, strictly increasing.
        positions, velocities, accelerations: (k, n) rad, rad/s, rad/s^2.
    """

    joint_names: tuple[str, ...]
    times: Array
    positions: Array
    velocities: Array
    accelerations: Array

    def __post_init__(self) -> None:
        for name in ("times", "positions", "velocities", "accelerations"):
            values = np.array(getattr(self, name), dtype=float)
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    @property
    def duration_s(self) -> float:
        """From the first point to the last."""
        return float(self.times[-1])

    def sample(self, times: Array | float) -> State:
        """State at times (k,) in seconds; outside its time the motion is at its start or end."""
        t = np.atleast_1d(np.asarray(times, dtype=float))
        inside = np.clip(t, 0.0, self.times[-1])
        k = np.clip(np.searchsorted(self.times, inside, side="right") - 1, 0, len(self.times) - 2)
        x = (inside - self.times[k])[:, None]
        c0, c1, c2, c3, c4, c5 = np.moveaxis(self.coefficients[k], 1, 0)
        return State(
            c0 + x * (c1 + x * (c2 + x * (c3 + x * (c4 + x * c5)))),
            c1 + x * (2 * c2 + x * (3 * c3 + x * (4 * c4 + x * 5 * c5))),
            2 * c2 + x * (6 * c3 + x * (12 * c4 + x * 20 * c5)),
            6 * c3 + x * (24 * c4 + x * 60 * c5),
        )

    @cached_property
    def coefficients(self) -> Array:
        """Of the quintics, (k - 1, 6, n): ascending powers of the seconds since each began."""
        h = np.diff(self.times)[:, None]
        p0, d = self.positions[:-1], np.diff(self.positions, axis=0)
        v0, v1 = self.velocities[:-1], self.velocities[1:]
        a0, a1 = self.accelerations[:-1], self.accelerations[1:]
        c3 = (20 * d - (8 * v1 + 12 * v0) * h - (3 * a0 - a1) * h**2) / (2 * h**3)
        c4 = (-30 * d + (14 * v1 + 16 * v0) * h + (3 * a0 - 2 * a1) * h**2) / (2 * h**4)
        c5 = (12 * d - 6 * (v1 + v0) * h - (a0 - a1) * h**2) / (2 * h**5)
        return np.stack([p0, v0, a0 / 2, c3, c4, c5], axis=1)

    def slowed(self, factor: float) -> Trajectory:
        """The same path, `factor` times as long."""
        return Trajectory(
            self.joint_names,
            self.times * factor,
            self.positions,
            self.velocities / factor,
            self.accelerations / factor**2,
        )

    def to_points(self) -> list[TrajectoryPoint]:
        """The points as plain numbers, for messages and files."""
        columns = (self.positions, self.velocities, self.accelerations)
        rows = zip(self.times.tolist(), *(c.tolist() for c in columns), strict=True)
        return [TrajectoryPoint(t, tuple(p), tuple(v), tuple(a)) for t, p, v, a in rows]
