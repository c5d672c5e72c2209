"""Faults that a run is asked for: at an instant a cell loses its power, or gets it back.

What happens is real: the cell's processes are killed by whoever started them, and started again.
The rest of the plant finds it out for itself. Plant time stands still from the instant of a fault
until the plant's scheduler has acted upon it, so a run with faults is the same at any speed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from drivers.clock import LockstepClock
from robot_cell.model.device_fault import BadFaultError

PARTICIPANT: Final = "faults"
SCHEDULER: Final = "scheduler"
FORM: Final = "CELL:off@TIME[,on@TIME...], for example cell_b:off@30s or cell_b:off@30s,on@90s"

_ACTED_WITHIN_S: Final = {"off": 30.0, "on": 90.0}
"""Wall time for which the plant's time is held for the scheduler to act; a cell has to start up."""

_POLL_S: Final = 0.01
_EVENT: Final = re.compile(r"(off|on)@([0-9]+(?:\.[0-9]+)?)(s|min)")
_UNIT_S: Final = {"s": 1.0, "min": 60.0}

Verb = Literal["off", "on"]


@dataclass(frozen=True, order=True)
class Fault:
    """At an instant of plant time a cell goes off or comes back on."""

    at_ns: int
    cell: str
    verb: Verb

    def __str__(self) -> str:
        return f"{self.cell}:{self.verb}@{self.at_ns * 1e-9:g}s"


def read_fault(text: str, cells: Collection[str]) -> tuple[Fault, ...]:
    """Read `cell_b:off@30s,on@90s` for a plant with these cells.

    Raises:
        BadFaultError: it is something else; says what was expected.
    """
    cell, colon, rest = text.partition(":")
    if not colon or not cell:
        raise BadFaultError(text, f"expected {FORM}")
    if cell not in cells:
        raise BadFaultError(
            text, f"the plant has no cell {cell!r}; it has {', '.join(sorted(cells))}"
        )
    faults: list[Fault] = []
    for word in rest.split(","):
        found = _EVENT.fullmatch(word.strip())
        if found is None:
            raise BadFaultError(
                text,
                f"{word.strip()!r} is not off@TIME or on@TIME with a time such as 30s or 1.5min; "
                f"expected {FORM}",
            )
        verb: Verb = "off" if found[1] == "off" else "on"
        wanted = "on" if faults and faults[-1].verb == "off" else "off"
        if verb != wanted:
            raise BadFaultError(
                text,
                f"{word.strip()!r} comes where {wanted}@TIME was expected: a cell runs at first, "
                "and goes off and on in turns",
            )
        at_ns = round(float(found[2]) * _UNIT_S[found[3]] * 1e9)
        if faults and at_ns <= faults[-1].at_ns:
            raise BadFaultError(
                text, f"{word.strip()!r} is not after {faults[-1].at_ns * 1e-9:g}s: times must grow"
            )
        faults.append(Fault(at_ns, cell, verb))
    return tuple(faults)


def read_faults(texts: Iterable[str], cells: Collection[str]) -> tuple[Fault, ...]:
    """Read several, each for a cell of its own; in the order of time.

    Raises:
        BadFaultError: one cannot be read, or a cell comes twice.
    """
    faults: list[Fault] = []
    for text in texts:
        one = read_fault(text, cells)
        if any(other.cell == one[0].cell for other in faults):
            raise BadFaultError(
                text, f"{one[0].cell} has a fault already; write all of its times in one"
            )
        faults += one
    return tuple(sorted(faults))


def refuse_standstill(faults: Iterable[Fault], cells: Collection[str]) -> None:
    """See that some cell is always on: a plant's time passes in its cells.

    Raises:
        BadFaultError: at some time all of them are off.
    """
    off: set[str] = set()
    for fault in sorted(faults):
        (off.add if fault.verb == "off" else off.discard)(fault.cell)
        if off.issuperset(cells):
            raise BadFaultError(
                str(fault), "then every cell would be off, and no simulated time would pass"
            )


class Switch(Protocol):
    """What can end and start the processes of a cell, from another thread."""

    def power(self, cell: str, *, on: bool) -> None:
        """Start a cell's processes, or kill them; returns when that has been done."""


class FaultInjector:
    """Takes part in the plant's time, and does to the cells what was asked for at its instant.

    Args:
        run_dir: of the plant; must be made before any of its processes has been started.
        faults: what is to happen.
        switch: who does it.
    """

    def __init__(self, run_dir: Path, faults: Sequence[Fault], switch: Switch) -> None:
        self._clock = LockstepClock(run_dir / "time.page", PARTICIPANT)
        self._faults = sorted(faults)
        self._switch = switch
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._inject, name="faults", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first instant."""
        self._thread.start()

    def close(self) -> None:
        """Do nothing any more."""
        self._end.set()
        self._thread.join()

    def _inject(self) -> None:
        clock = self._clock
        try:
            for fault in self._faults:
                if not clock.sleep_until(fault.at_ns, self._end.is_set):
                    return
                acted = clock.seq(SCHEDULER)
                self._switch.power(fault.cell, on=fault.verb == "on")
                left = int(_ACTED_WITHIN_S[fault.verb] / _POLL_S)
                while clock.seq(SCHEDULER) == acted and left and not self._end.wait(_POLL_S):
                    left -= 1
        finally:
            clock.close()
