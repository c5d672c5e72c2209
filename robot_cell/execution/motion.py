"""A trajectory that is being followed: its setpoints at whatever path speed is asked for.

At a constant path speed nothing has to be decided: setpoints are made many at a time. While the
speed changes, the governor decides every single one, so that they stay on the path and within the
limits (`planners.motion.governor`). What it has to know of the trajectory is made when it is first
needed; a loop in real time has it made ahead, a bit in each period.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.motion.governor import Governor, SpliceError
from planners.motion.track import CELL_S, JointLimits, Track
from robot_cell.execution.segments import Segments

Array = NDArray[np.float64]

AHEAD_S: Final = 0.6
"""Path time that is prepared ahead in real time: the longest stop takes about half of it."""

NEEDED_S: Final = 0.3
"""Path time that the proof of a ramp looks ahead at most, and a little more."""

_SPARE_S: Final = 0.01
"""Kept free at the end of a horizon, for a stop that begins a little sooner or later."""

_BATCH: Final = 100
"""Setpoints that are made at a time where it matters only what they take together."""


def latest_stop_s(segments: Segments, limits: JointLimits, step_s: float) -> float:
    """Path time at which a stop from full speed has to begin to end on the trajectory.

    For a trajectory that does not end at rest because more of it is to come. 0 if it is too short
    to be stopped on. Takes tens of milliseconds: for whoever hands the trajectory over.
    """
    track = Track(segments.times, segments.coefficients, limits, cycle_s=step_s)
    track.prepare(track.rows)
    begin_s = segments.duration_s
    while begin_s > 0.0:
        governor = Governor(track)
        governor.path_time_s = begin_s
        over_s = governor.forecast_stop(step_s).path_time_s - (segments.duration_s - _SPARE_S)
        if over_s <= 0.0:
            return begin_s
        begin_s -= max(over_s, _SPARE_S)
    return 0.0


class Motion:
    """Setpoints of one trajectory, one every `step_s`.

    Args:
        segments: the trajectory, from rest to rest.
        limits: of the joints; where the trajectory itself is above one, its own peak counts.
        step_s: time from one setpoint to the next.
        latest_stop_s: path time at which a stop has to begin unless the trajectory is continued
            before; infinite if it ends at rest.
        in_real_time: prepare only in `prepare_a_bit`, never while a setpoint is waited for.

    Attributes:
        path_s: path time of the last setpoint.
        speed: path speed there, 0 to 1.
        starved: whether it was slowed because its continuation did not come.
    """

    def __init__(
        self,
        segments: Segments,
        limits: JointLimits,
        step_s: float,
        *,
        latest_stop_s: float = np.inf,
        in_real_time: bool = False,
    ) -> None:
        self.path_s = 0.0
        self.speed = 1.0
        self.starved = False
        self._segments = segments
        self._limits = limits
        self._step_s = step_s
        self._latest_stop_s = latest_stop_s
        self._in_real_time = in_real_time
        self._governor: Governor | None = None
        self._track: Track | None = None
        self._longer: tuple[Segments, float] | None = None
        self._governing = False
        self._stopping = False
        self._batch: Array | None = None
        self._batch_from_s = 0.0
        self._taken = 0

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop for good."""
        return self._stopping

    @property
    def changing_speed(self) -> bool:
        """Whether the governor decides every setpoint."""
        return self._governing

    @property
    def at_rest(self) -> bool:
        """Whether the setpoints stand still, at the end or on the way."""
        return self.at_path_end or (self.speed == 0.0 and not self._governing)

    @property
    def at_path_end(self) -> bool:
        """Whether the whole trajectory has been run."""
        return self.path_s >= self._segments.duration_s

    @property
    def ended(self) -> bool:
        """Whether no further setpoint will differ from the last one."""
        return self.at_path_end or (self._stopping and self.at_rest)

    def stop(self) -> None:
        """Stop on the path, and stay there."""
        self._stopping = True

    def setpoints(self, count: int, target: float) -> Array:
        """The next `count` setpoints (count, n).

        Args:
            count: how many.
            target: path speed that is asked for, 0 to 1. What is no such number is a stop.
        """
        if not 0.0 <= target <= 1.0:
            target = 0.0
        if self._longer is not None:
            self._take_longer()
        self.starved = self.path_s + count * self._step_s * self.speed > self._latest_stop_s
        if self._stopping or self.starved:
            target = 0.0
        if self.path_s == 0.0 and not self._governing:
            self.speed = target  # from rest at its start any speed is reached without a jump
        if not self._governing:
            if target == self.speed:
                return self._steady(count)
            self._govern()
        governor = self._governor
        assert governor is not None
        block = np.empty((count, self._segments.dof))
        for row in range(count):
            block[row] = governor.step(self._step_s, target)[0]
            if governor.at_end or governor.steady(target):
                self.path_s, self.speed = governor.path_time_s, governor.speed
                self._governing = False
                self._batch = None
                if row + 1 < count:
                    block[row + 1 :] = self._steady(count - row - 1)
                return block
        self.path_s, self.speed = governor.path_time_s, governor.speed
        return block

    def prepare_a_bit(self, *, at_leisure: bool = True) -> None:
        """A little work for what may be asked later; called in each period in real time.

        Not at leisure (much of the period is gone) it is left for later, unless it is needed soon.
        """
        track = self._track
        if track is None:
            if at_leisure:
                self._track = self._new_track(self._segments)
        elif self._governor is None:
            if at_leisure:
                self._governor = self._new_governor(track)
        elif track.ready < track.rows and track.ready * CELL_S < self.path_s + (
            AHEAD_S if at_leisure else NEEDED_S
        ):
            track.prepare_a_bit()

    def extend(self, segments: Segments, latest_stop_s: float) -> None:
        """Take the whole trajectory anew: as it was up to here, and longer.

        A change of speed that is under way goes on.
        """
        self._longer = (segments, latest_stop_s)
        self._take_longer()

    def _take_longer(self) -> None:
        """Go over to the longer trajectory; a little later if a ramp would not fit on it."""
        assert self._longer is not None
        segments, latest_stop_s = self._longer
        track = None
        if self._governor is not None:
            track = self._new_track(segments)
            try:
                self._governor.splice(track, self.path_s)
            except SpliceError:
                return
        self._segments, self._track, self._latest_stop_s = segments, track, latest_stop_s
        self._longer = self._batch = None

    def _steady(self, count: int) -> Array:
        """Setpoints at the speed that is."""
        if self.speed == 0.0 or self.at_path_end:
            here = self._segments.positions(np.array([self.path_s]))
            return np.repeat(here, count, axis=0)
        step = self.speed * self._step_s
        if self._in_real_time and count == 1:  # every period alike, though all of them cost more
            self.path_s = min(self.path_s + step, self._segments.duration_s)
            return self._segments.position(self.path_s)[None]
        if self._batch is None or self._taken + count > len(self._batch):
            size = max(_BATCH // count, 1) * count
            self._batch_from_s, self._taken = self.path_s, 0
            at: Array = self.path_s + step * np.arange(1.0, size + 1)
            self._batch = self._segments.positions(at)
        block = self._batch[self._taken : self._taken + count]
        self._taken += count
        self.path_s = min(self._batch_from_s + step * self._taken, self._segments.duration_s)
        return block

    def _new_track(self, segments: Segments) -> Track:
        return Track(
            segments.times,
            segments.coefficients,
            self._limits,
            cycle_s=self._step_s,
            peaks=segments.peaks,
        )

    def _new_governor(self, track: Track) -> Governor:
        return Governor(track, self.speed, prepares=not self._in_real_time)

    def _govern(self) -> None:
        if self._governor is None:
            self._track = self._track or self._new_track(self._segments)
            self._governor = self._new_governor(self._track)
        self._governor.stand_in(self.path_s, self.speed)
        self._governing = True
