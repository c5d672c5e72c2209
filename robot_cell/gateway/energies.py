"""What operations took of electrical energy, by the model of the arms: no arm here has a meter.

The energy of a program is made in the worker, once, and takes seconds; who asks before that hears
that it is not known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from robot_cell.errors import RobotCellError
from robot_cell.gateway.element_sums import Used
from robot_cell.gateway.worker import Worker
from robot_cell.programs import ProgramKey
from robot_cell.programs.energy import ProgramEnergy
from robot_cell.store.ran import Kind

AGAIN_S: Final = 60.0
"""How often the energy of programs that were not planned yet is asked for again."""

_log: Final = structlog.get_logger("gateway.energies")


class Energies:
    """The energy of programs, as far as it is known."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self._asked_s = float("-inf")
        self._asked: frozenset[ProgramKey] = frozenset()
        self.known: Mapping[ProgramKey, ProgramEnergy] = {}

    def ask(self, keys: Iterable[ProgramKey]) -> None:
        """Have made what is not known of these; does not wait."""
        wanted = frozenset(keys) - self.known.keys()
        with self._lock:
            again = time.monotonic() - self._asked_s >= AGAIN_S
            if not wanted or not (again or wanted - self._asked):
                return
            self._asked_s, self._asked = time.monotonic(), wanted
        # A thread for which nobody waits, not even the end of the process.
        threading.Thread(
            target=self._make, args=(sorted(wanted),), name="energies", daemon=True
        ).start()

    def _make(self, wanted: list[ProgramKey]) -> None:
        try:
            found = self._worker.energies(wanted)
        except RobotCellError as error:
            _log.warning("the energy of programs is not known", reason=str(error))
        else:
            with self._lock:
                self.known = {**self.known, **found}

    def ask_of(self, kinds: Iterable[Kind]) -> None:
        """Have made what is not known of these; does not wait."""
        self.ask(key for one in kinds if (key := key_of(one)) is not None)

    def of(self, used: Iterable[Used]) -> float | None:
        """What operations that have ended took, J; None where one's is not known.

        What is not known yet is asked for.
        """
        listed = list(used)
        self.ask_of(one.kind for one in listed)
        return energy_j(self.known, listed)


def key_of(kind: Kind) -> ProgramKey | None:
    """What an operation ran; None where that is not known."""
    if kind.cell is None or kind.program is None:
        return None
    return ProgramKey(kind.cell, kind.program, kind.product)


def energy_j(energies: Mapping[ProgramKey, ProgramEnergy], used: Iterable[Used]) -> float | None:
    """Energy of operations that have ended: motions as planned, the base power as long as it took.

    None where that of one is not known.
    """
    total = 0.0
    for kind, times, took_ns in used:
        key = key_of(kind)
        energy = None if key is None else energies.get(key)
        if energy is None:
            return None
        total += energy.of(took_ns * 1e-9, times)
    return total
