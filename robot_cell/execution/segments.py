"""Piecewise polynomial motion: from trajectory points to segments, and their evaluation.

Between two points the motion is a polynomial: quintic where both points give accelerations, cubic
where they give velocities, linear otherwise (the convention of ROS 2's joint trajectory
controllers).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Segments:
    """Consecutive polynomials of degree 5 in the time since the segment's start.

    Attributes:
        times: (k + 1,) s, start of each segment and end of the last; the first is 0.
        coefficients: (k, 6, n), ascending powers of seconds, in rad.
        peaks: largest accelerations and jerks (n,) of the whole, rad/s^2 and rad/s^3, if known.
    """

    times: Array
    coefficients: Array
    peaks: tuple[Array, Array] | None = None

    @property
    def dof(self) -> int:
        """Number of joints."""
        return int(self.coefficients.shape[2])

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return float(self.times[-1])

    def evaluate(self, at_s: Array) -> tuple[Array, Array, Array]:
        """Position, velocity and acceleration (m, n) at the instants (m,); ends are held."""
        at = np.clip(at_s, 0.0, self.times[-1])
        index = np.clip(
            np.searchsorted(self.times, at, side="right") - 1, 0, len(self.coefficients) - 1
        )
        t = (at - self.times[index])[:, None]
        c0, c1, c2, c3, c4, c5 = np.moveaxis(self.coefficients[index], 1, 0)
        position = c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * c5))))
        velocity = c1 + t * (2 * c2 + t * (3 * c3 + t * (4 * c4 + t * 5 * c5)))
        acceleration = 2 * c2 + t * (6 * c3 + t * (12 * c4 + t * 20 * c5))
        return position, velocity, acceleration

    def position(self, at_s: float) -> Array:
        """Position (n,) at one instant, the ends held: for a loop that has microseconds."""
        times = self.times
        at_s = min(max(at_s, 0.0), times.item(-1))
        k = min(bisect_right(times, at_s), len(self.coefficients)) - 1
        t = at_s - times.item(k)
        t2 = t * t
        t3 = t2 * t
        return np.asarray(np.array((1.0, t, t2, t3, t2 * t2, t3 * t2)) @ self.coefficients[k])

    def positions(self, at_s: Array) -> Array:
        """Positions (m, n) at the instants (m,); the ends are held."""
        at = np.clip(at_s, 0.0, self.times[-1])
        index = np.searchsorted(self.times, at, side="right") - 1
        index = np.clip(index, 0, len(self.coefficients) - 1)
        t = (at - self.times[index])[:, None]
        c = self.coefficients[index]
        return c[:, 0] + t * (c[:, 1] + t * (c[:, 2] + t * (c[:, 3] + t * (c[:, 4] + t * c[:, 5]))))


def quintic(times: Array, positions: Array, velocities: Array, accelerations: Array) -> Segments:
    """Segments through points (k,), (k, n) each, with continuous acceleration."""
    h = np.diff(times)[:, None]
    p0, p1 = positions[:-1], positions[1:]
    v0, v1 = velocities[:-1], velocities[1:]
    a0, a1 = accelerations[:-1], accelerations[1:]
    d = p1 - p0
    c = np.stack(
        [
            p0,
            v0,
            a0 / 2,
            (20 * d - (8 * v1 + 12 * v0) * h - (3 * a0 - a1) * h**2) / (2 * h**3),
            (-30 * d + (14 * v1 + 16 * v0) * h + (3 * a0 - 2 * a1) * h**2) / (2 * h**4),
            (12 * d - 6 * (v1 + v0) * h + (a1 - a0) * h**2) / (2 * h**5),
        ],
        axis=1,
    )
    return Segments(np.asarray(times, dtype=np.float64), c)


def cubic(times: Array, positions: Array, velocities: Array) -> Segments:
    """Segments through points with continuous velocity."""
    h = np.diff(times)[:, None]
    d = np.diff(positions, axis=0)
    v0, v1 = velocities[:-1], velocities[1:]
    zero = np.zeros_like(d)
    c = np.stack(
        [
            positions[:-1],
            v0,
            3 * d / h**2 - (2 * v0 + v1) / h,
            -2 * d / h**3 + (v0 + v1) / h**2,
            zero,
            zero,
        ],
        axis=1,
    )
    return Segments(np.asarray(times, dtype=np.float64), c)


def linear(times: Array, positions: Array) -> Segments:
    """Segments through points with continuous position."""
    h = np.diff(times)[:, None]
    slope = np.diff(positions, axis=0) / h
    zero = np.zeros_like(slope)
    c = np.stack([positions[:-1], slope, zero, zero, zero, zero], axis=1)
    return Segments(np.asarray(times, dtype=np.float64), c)
