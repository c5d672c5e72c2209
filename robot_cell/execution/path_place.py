"""Where on its path an arm is, told from its measured joints alone, whatever the time is."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.execution.segments import Segments

Array = NDArray[np.float64]

_SPACING_S: Final = 0.01
_AHEAD_S: Final = 0.05
"""How much farther than the time that has passed the next place is sought."""


class PathPlace:
    """The place of an arm on one path; it only ever goes forward, and no faster than planned.

    A path may cross itself, or go back the way it came: so the nearest place is sought only as far
    ahead of the last one as the arm can have come since.

    Attributes:
        path_s: path time of the place, s.
    """

    def __init__(self, segments: Segments) -> None:
        count = max(2, int(np.ceil(segments.duration_s / _SPACING_S)) + 1)
        self._at = np.linspace(0.0, segments.duration_s, count)
        self._segments = segments
        self._positions = segments.positions(self._at)
        self._index = 0
        self.path_s = 0.0

    @property
    def end(self) -> Array:
        """Where the path ends, (n,) rad."""
        return np.asarray(self._positions[-1])

    @property
    def here(self) -> Array:
        """The place itself, (n,) rad."""
        return self._segments.position(self.path_s)

    def follow(self, measured: Array, passed_s: float) -> Array:
        """Go on to the place nearest to where the arm was measured; how far it is off, (n,) rad.

        `passed_s` is the time since the last call.
        """
        count = int((max(0.0, passed_s) + _AHEAD_S) / _SPACING_S) + 1
        ahead = self._positions[self._index : self._index + count]
        nearest = int(np.argmin(((ahead - measured) ** 2).sum(axis=1)))
        low = self._index + max(nearest - 1, 0)
        high = min(self._index + nearest + 1, len(self._at) - 1)
        self._index += nearest
        fine = np.linspace(max(self._at[low], self.path_s), self._at[high], 9)
        places = self._segments.positions(fine)
        best = int(np.argmin(((places - measured) ** 2).sum(axis=1)))
        self.path_s = float(fine[best])
        return np.asarray(np.abs(places[best] - measured))

    def off(self, measured: Array) -> Array:
        """How far an arm is off the place, (n,) rad; the place stays."""
        return np.asarray(np.abs(self.here - measured))

    def way(self, from_s: float, within_s: float) -> Array:
        """How far each joint is to go within so much path time from a path time, (n,) rad."""
        there = self._segments.position(from_s + within_s)
        return np.asarray(np.abs(there - self._segments.position(from_s)))
