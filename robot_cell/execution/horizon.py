"""The page between an arm's node and its servo: trajectories one way, measured motion the other.

The node (ROS, not real-time) writes a trajectory and asks for it by a new order number; the servo
(real-time, no ROS) follows it, and writes what it measures and how the order ended. Each word has
one writer. The trajectory is the servo's setpoint horizon. As a rule it holds the whole motion, so
a node that is late or dead never starves a motion that has begun. One that is handed over in pieces
says by when its next piece has to be there; if it is not, the servo stops on the path in time.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.motion.track import JointLimits, peaks_of
from robot_cell.execution.segments import Segments

Array = NDArray[np.float64]

MAX_SEGMENTS: Final = 40_000
_HEAD_BYTES: Final = 8192
_FLOATS_AT: Final = 512
_STATISTICS_AT: Final = 4096


class Outcome(IntEnum):
    """How the last order ended."""

    RUNNING = 0
    DONE = 1
    STOPPED = 2
    PATH_TOLERANCE = 3
    GOAL_TOLERANCE = 4
    DEVICE_FAULT = 5
    STARVED = 6
    STALLED = 7


@dataclass(frozen=True)
class Measured:
    """What the servo measured last: positions (n,) rad, velocities (n,) rad/s, setpoint (n,)."""

    time_ns: int
    positions: Array
    velocities: Array
    setpoint: Array


@dataclass(frozen=True)
class Result:
    """How an order ended: `error` (n,) is the measured minus the last commanded position, rad."""

    order: int
    outcome: Outcome
    time_ns: int
    error: Array
    positions: Array


class Horizon:
    """The mapped page for an arm of `dof` joints."""

    def __init__(self, path: Path, dof: int, *, create: bool = False) -> None:
        self.path = path
        self.dof = dof
        size = _HEAD_BYTES + 8 * (MAX_SEGMENTS + 1 + MAX_SEGMENTS * 6 * dof)
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".part")
            with fresh.open("wb") as file:
                file.truncate(size)
            fresh.replace(path)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._words = memoryview(self._map)[:_FLOATS_AT].cast("q")
        head = np.frombuffer(self._map, np.float64, (_STATISTICS_AT - _FLOATS_AT) // 8, _FLOATS_AT)
        self._tolerances = head[: 3 * dof].reshape(3, dof)
        self._measured = head[64 : 64 + 3 * dof].reshape(3, dof)
        self._result = head[128 : 128 + 2 * dof].reshape(2, dof)
        self._limits = head[192 : 192 + 3 * dof].reshape(3, dof)
        self._peaks = head[224 : 224 + 2 * dof].reshape(2, dof)
        self._numbers = memoryview(self._map)[_FLOATS_AT + 8 * 256 : _STATISTICS_AT].cast("d")
        if create:
            self._numbers[0] = self._numbers[4] = 1.0
        self.statistics = memoryview(self._map)[_STATISTICS_AT:_HEAD_BYTES].cast("q")
        """What the servo counts of its own loop (`loop_statistics`)."""
        count = MAX_SEGMENTS + 1 + MAX_SEGMENTS * 6 * dof
        body = np.frombuffer(self._map, np.float64, count, _HEAD_BYTES)
        self._times = body[: MAX_SEGMENTS + 1]
        self._coefficients = body[MAX_SEGMENTS + 1 :].reshape(MAX_SEGMENTS, 6, dof)

    # -- the node's side ------------------------------------------------------------------------

    def follow(
        self,
        segments: Segments,
        limits: JointLimits,
        *,
        path_tolerance: Array,
        goal_tolerance: Array,
        stopped_velocity: Array,
        goal_time_tolerance_s: float,
        latest_stop_s: float = np.inf,
    ) -> int:
        """Order a trajectory, from rest, to rest unless `latest_stop_s` is finite.

        Changes of the path speed keep to the limits. Tolerances (n,) are in rad and rad/s; a path
        tolerance of 0 is not checked. `latest_stop_s` is the path time at which the servo begins to
        stop unless more of the trajectory has come (`extend`, `motion.latest_stop_s`). Returns the
        order's number.
        """
        self._write(segments, 0)
        count = len(segments.coefficients)
        self._limits[0] = limits.velocity
        self._limits[1] = limits.acceleration
        self._limits[2] = limits.jerk
        self._numbers[1] = latest_stop_s
        self._tolerances[0] = path_tolerance
        self._tolerances[1] = goal_tolerance
        self._tolerances[2] = stopped_velocity
        words = self._words
        words[2] = count
        words[3] = int(goal_time_tolerance_s * 1e9)
        words[0] += 1
        return words[0]

    def extend(self, segments: Segments, latest_stop_s: float = np.inf) -> None:
        """Continue the newest order's trajectory, where it ends, in position, speed, acceleration.

        Raises:
            ValueError: the two do not meet.
        """
        count = self._words[2]
        old = Segments(self._times[: count + 1], self._coefficients[:count])
        for name, here, there, most in zip(
            ("position", "velocity", "acceleration"),
            old.evaluate(old.times[-1:]),
            segments.evaluate(np.zeros(1)),
            (1e-6, 1e-6, 1e-5),
            strict=True,
        ):
            gap = float(np.max(np.abs(here - there)))
            if gap > most:
                raise ValueError(f"the continuation does not meet the horizon: {name} by {gap:.3g}")
        self._write(segments, count)
        self._words[2] = count + len(segments.coefficients)
        self._numbers[1] = latest_stop_s
        self._words[15] += 1

    def ask_speed(self, speed: float) -> None:
        """The path speed that is asked for, 0 (hold on the path) to 1 (as planned), until changed.

        It holds for every order, also for later ones.
        """
        self._numbers[0] = speed

    def progress(self) -> tuple[float, float]:
        """Path time (s) and path speed of the newest motion's last setpoint."""
        return self._numbers[2], self._numbers[3]

    def permitted_speed(self) -> float:
        """The share of the planned speed that the arm's own controller permits, as last heard."""
        return self._numbers[4]

    def stop(self) -> None:
        """Void every order so far: one that runs stops on its path, one not begun never does."""
        self._words[1] = self._words[0]

    def measured(self) -> Measured | None:
        """The last measurement, None before the first one."""
        while True:
            version = self._words[8]
            if version == 0:
                return None
            values = self._measured.copy()
            time_ns = self._words[9]
            if version % 2 == 0 and version == self._words[8]:
                return Measured(time_ns, values[0], values[1], values[2])

    def result(self) -> Result:
        """How the last finished order ended."""
        while True:
            version = self._words[10]
            values = self._result.copy()
            order, outcome, time_ns = self._words[11:14]
            if version % 2 == 0 and version == self._words[10]:
                return Result(order, Outcome(outcome), time_ns, values[0], values[1])

    @property
    def connected(self) -> bool:
        """Whether the servo has its device."""
        return bool(self._words[14])

    def _write(self, segments: Segments, first: int) -> None:
        count = len(segments.coefficients)
        begin_s = float(self._times[first]) if first else 0.0
        self._times[first : first + count + 1] = segments.times + begin_s
        self._coefficients[first : first + count] = segments.coefficients
        # Found here, so that the loop in real time need not.
        peaks = np.stack(segments.peaks or peaks_of(segments.times, segments.coefficients))
        self._peaks[:] = np.maximum(self._peaks, peaks) if first else peaks

    # -- the servo's side -----------------------------------------------------------------------

    def order(self) -> int:
        """The number of the newest order."""
        return self._words[0]

    def stopped(self) -> int:
        """The number up to which orders are void."""
        return self._words[1]

    def segments(self) -> Segments:
        """A copy of the ordered trajectory, as far as it is known."""
        count = self._words[2]
        acceleration, jerk = self._peaks.copy()
        return Segments(
            self._times[: count + 1].copy(),
            self._coefficients[:count].copy(),
            (acceleration, jerk),
        )

    def judgement(self) -> tuple[Array, int]:
        """Copies of the tolerances (3, n): path, goal, velocity at rest; the goal's time in ns."""
        return self._tolerances.copy(), self._words[3]

    def limits(self) -> JointLimits:
        """A copy of the limits that changes of the path speed keep to."""
        velocity, acceleration, jerk = self._limits.copy()
        return JointLimits(velocity, acceleration, jerk)

    def extensions(self) -> int:
        """How often trajectories have been continued."""
        return self._words[15]

    def asked_speed(self) -> float:
        """The path speed that is asked for."""
        return self._numbers[0]

    def latest_stop_s(self) -> float:
        """Path time at which a stop has to begin, unless the trajectory is continued."""
        return self._numbers[1]

    def set_progress(self, path_s: float, speed: float) -> None:
        """Publish where on its path the motion is."""
        self._numbers[2] = path_s
        self._numbers[3] = speed

    def set_permitted_speed(self, fraction: float) -> None:
        """Publish the share of the planned speed that the arm's controller permits."""
        self._numbers[4] = fraction

    def set_connected(self, connected: bool) -> None:
        """Say whether the device is there."""
        self._words[14] = int(connected)

    def set_measured(
        self, time_ns: int, positions: Array, velocities: Array, setpoint: Array
    ) -> None:
        """Publish one measurement."""
        self._words[8] += 1
        self._words[9] = time_ns
        self._measured[0] = positions
        self._measured[1] = velocities
        self._measured[2] = setpoint
        self._words[8] += 1

    def finish(
        self, order: int, outcome: Outcome, time_ns: int, error: Array, positions: Array
    ) -> None:
        """Publish how an order ended."""
        self._words[10] += 1
        self._words[11] = order
        self._words[12] = outcome
        self._words[13] = time_ns
        self._result[0] = error
        self._result[1] = positions
        self._words[10] += 1
