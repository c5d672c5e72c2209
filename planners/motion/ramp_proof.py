"""Whether a ramp of the path speed stays within the limits, and how steep one may begin.

The governor asks both in each cycle in which the speed changes; a proof looks up the track's
envelope, and everything it needs room for it has from the beginning.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planners.motion.ramps import NODES, POWER, SHAPES
from planners.motion.track import CELL_S, LEVELS, Track

LARGEST_RATE: Final = 1500.0
"""Largest d2 sigma / dt2 (1/s^2): from full speed to rest in 71 ms where the joints hardly move."""

BETWEEN: Final = 2e-4
"""Share of the limits, per unit of s', that is kept for what happens between stations."""

STILL: Final = 1e-10
TINY: Final = 1e-9

_FASTEST: Final = 28.0
"""Largest |d sigma / dt| (1/s)."""

_ROUNDING: Final = 1e-6


class RampProof:
    """Proves ramps on one track.

    Args:
        track: whose limits and envelope count.
        prepares: make the envelope where it is not there yet. If not, nothing is proven where the
            track is not prepared.
    """

    def __init__(self, track: Track, *, prepares: bool) -> None:
        self._track = track
        self._prepares = prepares
        n = track.dof
        self._limits = list(zip(track.acceleration.tolist(), track.jerk.tolist(), strict=True))
        self._rows = np.empty((NODES + 1, 5, 2 * n))
        self._weights = [np.zeros((NODES + 1, 4, 5)) for _ in range(2)]
        self._found = np.empty((NODES + 1, 4, 2 * n))
        by_sign = self._found.reshape(NODES + 1, 4, 2, n)
        self._as_is, self._mirrored = by_sign[:, :2], by_sign[:, 2:, ::-1]
        self._mix = np.zeros((4, 6))

    def reaches(self, cell: int) -> bool:
        """Whether the track's envelope reaches that far; it is made if that is this one's task."""
        track = self._track
        if track.ready <= cell and track.ready < track.rows:
            if not self._prepares:
                return False
            track.prepare(cell + 1)
        return True

    def most(self, dt: float, way: float, s: float, u: float, tau: float) -> float:
        """Largest |s''| towards `way` that the limits allow in a cycle of `dt`; negative if none.

        It begins at path time `tau` (s) with path speed `s` and its rate `u` (1/s).
        """
        top = min(max(s, s + u * dt), 1.0)
        square, cube, mixed, drift = top * top, top * top * top, 3.0 * top * u, 3.0 * top * dt
        most, fastest, kept = LARGEST_RATE, _FASTEST, 1.05 * BETWEEN * abs(u)
        row = self._track.near[min(int(tau / CELL_S), self._track.rows - 1)].tolist()
        for (h1, l1, h2, l2, h3, l3), (limit, jerk) in zip(row, self._limits, strict=True):
            if way > 0.0:
                up, down, add_up, add_down = h1, -l1, h2, -l2
            else:
                up, down, add_up, add_down = -l1, h1, -l2, h2
            # Where there is too much already, s'' has to be negative by what the least lever asks.
            if u > 0.0:
                above, below = jerk - h3 * cube - h2 * mixed, jerk + l3 * cube + l2 * mixed
            else:
                above, below = jerk - h3 * cube - l2 * mixed, jerk + l3 * cube + h2 * mixed
            if above < 0.0:
                most = min(most, above / max(-down - max(add_down, 0.0) * drift, TINY))
            else:
                per = max(up, 0.0) + max(add_up, 0.0) * drift
                if above < most * per:
                    most = above / per
            if below < 0.0:
                most = min(most, below / max(-up - max(add_up, 0.0) * drift, TINY))
            else:
                per = max(down, 0.0) + max(add_down, 0.0) * drift
                if below < most * per:
                    most = below / per
            limit -= kept * limit
            if up > 0.0 and limit - h2 * square < fastest * up:
                fastest = (limit - h2 * square) / up
            if down > 0.0 and limit + l2 * square < fastest * down:
                fastest = (limit + l2 * square) / down
        return min(most, (fastest - way * u) / dt)

    def holds(self, s: float, u: float, left: float, shape: int, tau: float) -> bool:
        """Whether a ramp of s' from `u` to 0 in `left` seconds stays within the limits.

        Checked at stations, each with the envelope of the stretches on both sides of it; in between
        the left sides are nearly linear in time, which the tolerance allows for.
        """
        end = s + u * left / (POWER[shape] + 1.0)
        if end < -STILL or end > 1.0 + STILL:
            return False
        if u == 0.0:
            return True
        mix = self._mix
        mix[0, 0], mix[0, 2] = s, u * left
        mix[1, 0], mix[1, 1], mix[1, 3] = tau / CELL_S, s * left / CELL_S, u * left * left / CELL_S
        mix[2, 4] = abs(u)
        mix[3, 5] = abs(u) / left
        speed, at, rate, change = mix @ SHAPES[shape]
        index = at.astype(np.intp)
        widest = int(2.0 * max(at[1] - at[0], at[-1] - at[-2])) + 1
        level = (widest - 1).bit_length()
        if level >= LEVELS:
            return False
        index[1:] = index[:-1]
        if not self.reaches(int(index[-1])):
            return False
        rows, weights = self._rows, self._weights[int(u > 0.0)]
        self._track.levels[level].take(index, axis=0, out=rows, mode="clip")
        # Rows of the weights: acceleration and jerk by the joints as they are, then mirrored. The
        # speed's rate works on q' mirrored while it falls; its own change the other way round.
        square = speed * speed
        same, other = (0, 2) if u > 0.0 else (2, 0)
        weights[:, same, 0] = rate
        weights[:, 0, 1] = square
        weights[:, other + 1, 2] = change
        weights[:, same + 1, 3] = 3.0 * speed * rate
        weights[:, 1, 4] = square * speed
        np.matmul(weights, rows, out=self._found)
        most = (self._as_is + self._mirrored).max()
        return bool(most <= 1.0 + _ROUNDING - BETWEEN * abs(u))
