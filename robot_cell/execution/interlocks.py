"""The interlocks of a cell at work: which guard the step in work, and whether they hold.

Devices are read all the time (`nodes/fixture_watch.py`), and what a command's outcome reads counts
at once; of two readings of a device the one with the greater sequence is the newer. Where nothing
is heard for a while, nothing is known, and a condition that is not known to hold does not hold.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from robot_cell.model import CartesianPose, Cell, FixtureStep, MoveStep, Step
from robot_cell.programs import ProgramCycle

SILENT_S: Final = 15.0
"""After so long without a word from the watch nothing is known of the devices, wall time: the
devices' node may be started again meanwhile, as it may when it is asked for an outcome."""


@dataclass(frozen=True)
class Reading:
    """What a device said; empty where it said nothing, or nothing that is believed."""

    sequence: int
    values: Mapping[str, str]


@dataclass(frozen=True)
class Broken:
    """An interlock that does not hold."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"interlock {self.name} is broken: {self.why}"


class Interlocks:
    """Shared by the thread that runs an operation and the one that hears of the devices."""

    def __init__(self, cell: Cell, now_s: Callable[[], float] = time.monotonic) -> None:
        self._cell = cell
        self._now_s = now_s
        self._readings: dict[str, Reading] = {}
        self._guards: tuple[str, ...] = ()
        self._heard_s = now_s()
        self._changed = threading.Condition()

    def guards(self, steps: Sequence[Step], cycle: ProgramCycle, index: int) -> tuple[str, ...]:
        """The interlocks of a step, and of those that its motion runs through without a stop."""
        if not self._cell.interlocks:
            return ()
        step = steps[index]
        if isinstance(step, FixtureStep):
            return self.of_command(step.fixture, step.command)
        if not isinstance(step, MoveStep):
            return ()
        arm = self._cell.mover(step)
        frames = {self._frame(self._before(arm, steps, index))}
        for at in cycle.blended(steps, index):
            then = steps[at]
            assert isinstance(then, MoveStep)
            frames.add(self._frame(then.to))
        frames.discard("")
        locks = self._cell.interlocks.items()
        return tuple(name for name, one in locks if one.guards_move(arm, frames))

    def of_command(self, fixture: str, command: str) -> tuple[str, ...]:
        """The interlocks of a fixture's command."""
        locks = self._cell.interlocks.items()
        return tuple(name for name, one in locks if one.guards_command(fixture, command))

    def enter(self, guards: tuple[str, ...]) -> Broken | None:
        """A step is about to begin: what forbids it; it is watched from here on.

        Waits for devices of which nothing has been heard yet.
        """
        with self._changed:
            self._guards = guards
            return self.look(guards)

    def look(self, guards: tuple[str, ...]) -> Broken | None:
        """What forbids what these guard, now; nothing is watched from here on.

        Waits for devices of which nothing has been heard yet.
        """
        with self._changed:
            needed = {device for name in guards for device in self._cell.interlocks[name].devices}
            until_s = self._now_s() + SILENT_S
            while not needed <= set(self._readings) and (left_s := until_s - self._now_s()) > 0.0:
                self._changed.wait(left_s)
            return self._broken(guards)

    def leave(self) -> None:
        """The step is over."""
        with self._changed:
            self._guards = ()

    def note(self, device: str, reading: Reading) -> None:
        """A device was read; an older reading than the last changes nothing."""
        with self._changed:
            known = self._readings.get(device)
            if known is None or known.sequence < reading.sequence:
                self._readings[device] = reading
                self._changed.notify_all()

    def watched(self) -> None:
        """The watch has spoken: what is known is no older than that."""
        self._heard_s = self._now_s()

    def broken(self) -> Broken | None:
        """The first interlock of the step in work that does not hold."""
        with self._changed:
            return self._broken(self._guards)

    def _broken(self, guards: tuple[str, ...]) -> Broken | None:
        silent = guards and self._now_s() - self._heard_s > SILENT_S
        readings = {} if silent else {d: r.values for d, r in self._readings.items()}
        for name in guards:
            why = self._cell.interlocks[name].contradiction(readings)
            if why:
                return Broken(name, why)
        return None

    def _before(self, arm: str, steps: Sequence[Step], index: int) -> str:
        """The pose at which a move of an arm begins."""
        for step in reversed(steps[:index]):
            if isinstance(step, MoveStep) and self._cell.mover(step) == arm:
                return step.to
        return self._cell.arms[arm].home

    def _frame(self, pose: str) -> str:
        found = self._cell.poses[pose]
        return found.frame if isinstance(found, CartesianPose) else ""
