"""The page between an arm's node and its servo: trajectories one way, measured motion the other.

The node (ROS, not real-time) writes a trajectory and asks for it by a new order number; the servo
(real-time, no ROS) follows it, and writes what it measures and how the order ended. Each word has
one writer. The trajectory is the servo's setpoint horizon: it holds the whole motion, so a node
that is late or dead never starves a motion that has begun.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.execution.segments import Segments

Array = NDArray[np.float64]

MAX_SEGMENTS: Final = 40_000
_HEAD_BYTES: Final = 4096


class Outcome(IntEnum):
    """How the last order ended."""

    RUNNING = 0
    DONE = 1
    STOPPED = 2
    PATH_TOLERANCE = 3
    GOAL_TOLERANCE = 4
    DEVICE_FAULT = 5


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
        self._words = np.frombuffer(self._map, np.int64, 64)
        head = np.frombuffer(self._map, np.float64, (_HEAD_BYTES - 512) // 8, 512)
        self._tolerances = head[: 3 * dof].reshape(3, dof)
        self._measured = head[64 : 64 + 3 * dof].reshape(3, dof)
        self._result = head[128 : 128 + 2 * dof].reshape(2, dof)
        count = MAX_SEGMENTS + 1 + MAX_SEGMENTS * 6 * dof
        body = np.frombuffer(self._map, np.float64, count, _HEAD_BYTES)
        self._times = body[: MAX_SEGMENTS + 1]
        self._coefficients = body[MAX_SEGMENTS + 1 :].reshape(MAX_SEGMENTS, 6, dof)

    # -- the node's side ------------------------------------------------------------------------

    def follow(
        self,
        segments: Segments,
        *,
        path_tolerance: Array,
        goal_tolerance: Array,
        stopped_velocity: Array,
        goal_time_tolerance_s: float,
    ) -> int:
        """Order a trajectory.

        Tolerances (n,) in rad and rad/s; a path tolerance of 0 is not checked. Returns the order's
        number.
        """
        count = len(segments.coefficients)
        self._times[: count + 1] = segments.times
        self._coefficients[:count] = segments.coefficients
        self._tolerances[0] = path_tolerance
        self._tolerances[1] = goal_tolerance
        self._tolerances[2] = stopped_velocity
        words = self._words
        words[2] = count
        words[3] = int(goal_time_tolerance_s * 1e9)
        words[0] += 1
        return int(words[0])

    def stop(self) -> None:
        """Void every order so far: one that runs stops on its path, one not begun never does."""
        self._words[1] = self._words[0]

    def measured(self) -> Measured | None:
        """The last measurement, None before the first one."""
        while True:
            version = int(self._words[8])
            if version == 0:
                return None
            values = self._measured.copy()
            time_ns = int(self._words[9])
            if version % 2 == 0 and version == self._words[8]:
                return Measured(time_ns, values[0], values[1], values[2])

    def result(self) -> Result:
        """How the last finished order ended."""
        while True:
            version = int(self._words[10])
            values = self._result.copy()
            order, outcome, time_ns = (int(word) for word in self._words[11:14])
            if version % 2 == 0 and version == self._words[10]:
                return Result(order, Outcome(outcome), time_ns, values[0], values[1])

    @property
    def connected(self) -> bool:
        """Whether the servo has its device."""
        return bool(self._words[14])

    # -- the servo's side -----------------------------------------------------------------------

    def order(self) -> int:
        """The number of the newest order."""
        return int(self._words[0])

    def stopped(self) -> int:
        """The number up to which orders are void."""
        return int(self._words[1])

    def trajectory(self) -> tuple[Segments, Array, int]:
        """Copies of the ordered segments and tolerances (3, n), and the goal's time in ns."""
        count = int(self._words[2])
        segments = Segments(self._times[: count + 1].copy(), self._coefficients[:count].copy())
        return segments, self._tolerances.copy(), int(self._words[3])

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
