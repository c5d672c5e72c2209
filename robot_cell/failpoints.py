"""Named places at which a process can be made to die, to fail or to wait.

There is one at each durable boundary, so that a test can stop the world exactly there.

`ROBOT_CELL_FAILPOINT=NAME:ACTION[:N]`, several separated by commas. Actions: `kill` (SIGKILL of the
process) and `error` (an exception), at the N-th pass, and `delay` by N seconds; N is 1 unless
given. Each fires once in a run directory, whichever process comes first, so a process that was
killed there gets past it when it is started again. `ROBOT_CELL_FAILPOINT=watch` has them set while
the plant runs: by `set_failpoint`, which writes a file that the firing process takes away.

Without the variable `reach` is a function that does nothing.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from robot_cell.errors import RobotCellError

VARIABLE: Final = "ROBOT_CELL_FAILPOINT"
WATCH: Final = "watch"
ACTIONS: Final = ("kill", "error", "delay")

FAILPOINTS: Final[Mapping[str, str]] = {
    "scheduler.batch-accepted": "a batch is in the journal; nobody has been told, nothing planned",
    "scheduler.lease-written": "a lease is in the journal; its cell has not been told",
    "scheduler.lease-taken": "the cell has taken the lease; the board does not show it yet",
    "scheduler.end-heard": "an operation's end has come from its cell; it is not acted upon yet",
    "cell.lease-heard": "the cell has taken a lease; the journal does not say that it has begun",
    "cell.operation-begun": "the operation's beginning is in the journal; no step has been",
    "cell.step-intended": "a step's intent is in the journal; no command has gone out",
    "cell.step-commanded": "the command is with its device; its outcome is not known",
    "cell.step-ended": "the step's outcome is known; the journal does not have it",
    "cell.operation-ended": "the operation's end is in the journal; the scheduler does not know",
    "cell.step-resolved": "a person's word on an uncertain step is in the journal, not acted upon",
    "arm.goal-taken": "the arm's node has a goal; the servo does not",
    "arm.goal-begun": "the servo has the goal and moves",
    "arm.goal-ended": "the arm stands; whoever asked for the motion does not know",
    "fixtures.command-taken": "the fixtures' node has a command; the device does not",
    "fixtures.command-sent": "the device has begun; its outcome is not known",
    "fixtures.command-ended": "the outcome is known to the fixtures' node alone",
    "journal.changed": "a process holds the journal's write lock and has not committed",
    "journal.committed": "a change is visible to all; its disk is not waited for, nobody was told",
}
"""Every failpoint: PROCESS.PLACE, and what is durable there and what is not."""


class FailpointError(RobotCellError):
    """A failpoint that was set to `error` has been reached."""


class BadFailpointError(RobotCellError):
    """A failpoint cannot be read; says what was expected."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{VARIABLE}: {text!r}: {reason}; write NAME:ACTION[:N]")
        self.text = text


@dataclass(frozen=True)
class Failpoint:
    """One that is set; `number` is the pass at which it fires, or the seconds of a delay."""

    name: str
    action: str
    number: float = 1.0

    def __str__(self) -> str:
        return f"{self.name}:{self.action}:{self.number:g}"


def read_failpoint(text: str) -> Failpoint:
    """Read NAME:ACTION[:N].

    Raises:
        BadFailpointError: it is something else.
    """
    name, _, rest = text.strip().partition(":")
    action, _, count = rest.partition(":")
    if name not in FAILPOINTS:
        raise BadFailpointError(text, f"there is no {name!r}, see `robot-cell failpoints`")
    if action not in ACTIONS:
        raise BadFailpointError(text, f"{action!r} is none of {', '.join(ACTIONS)}")
    try:
        number = float(count or 1.0)
    except ValueError:
        number = 0.0
    if not 0.0 < number < 1e6 or (action != "delay" and number != int(number)):
        raise BadFailpointError(text, f"{count!r} is no pass from 1 on, or no time in seconds")
    return Failpoint(name, action, number)


def set_failpoint(run_dir: Path, point: Failpoint) -> Path:
    """Set a failpoint in a plant that runs with `watch`; the file is gone once it has fired."""
    path = run_dir / "failpoints" / point.name
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(str(point))
    part.replace(path)
    return path


def _nothing(name: str) -> None:
    """Failpoints are off."""


reach: Callable[[str], None] = _nothing
"""A failpoint is passed; set by `switch_on`."""


def switch_on(run_dir: Path, text: str | None = None) -> bool:
    """Read the environment's failpoints for this process; whether there are any.

    Raises:
        BadFailpointError: they cannot be read.
    """
    global reach
    given = os.environ.get(VARIABLE, "") if text is None else text
    if not given:
        reach = _nothing
        return False
    folder = run_dir / "failpoints"
    folder.mkdir(parents=True, exist_ok=True)
    if given == WATCH:
        reach = _Watched(folder).reach
    else:
        reach = _Given(folder, [read_failpoint(word) for word in given.split(",")]).reach
    return True


class _Given:
    """Failpoints of the environment; who makes the file `NAME.fired` first fires."""

    def __init__(self, folder: Path, points: list[Failpoint]) -> None:
        self._folder = folder
        self._points = {point.name: point for point in points}
        self._passes: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        point = self._points.get(name)
        if point is None:
            return
        self._passes[name] += 1
        if point.action != "delay" and self._passes[name] < point.number:
            return
        try:
            (self._folder / f"{name}.fired").touch(exist_ok=False)
        except FileExistsError:
            return
        _fire(point)


class _Watched:
    """Failpoints that are set by files while the plant runs; who takes the file away fires."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._passes: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        path = self._folder / name
        try:
            point = read_failpoint(path.read_text())
        except OSError:
            self._passes[name] = 0
            return
        self._passes[name] += 1
        if point.action != "delay" and self._passes[name] < point.number:
            return
        try:
            path.rename(self._folder / f"{name}.fired")
        except OSError:
            return  # another process was quicker
        _fire(point)


def _fire(point: Failpoint) -> None:
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif point.action == "delay":
        time.sleep(point.number)
    else:
        raise FailpointError(f"failpoint {point.name} was set to fail here")
