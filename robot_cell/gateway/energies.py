"""What operations took of electrical energy, by the model of the arms: no arm here has a meter.

The energy of a program is made in the worker, once, and takes seconds; who asks before that hears
that it is not known.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from robot_cell.errors import RobotCellError
from robot_cell.gateway.kpis import Worked
from robot_cell.gateway.worker import Worker
from robot_cell.programs import ProgramKey
from robot_cell.programs.energy import ProgramEnergy

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

    def ask_of(self, ran: Iterable[Worked], products: Mapping[str, str]) -> None:
        """Have made what is not known of the programs of some operations; does not wait."""
        different = {(o.cell, o.program, o.order_id): o for o in ran}
        self.ask({key for o in different.values() if (key := key_of(o, products)) is not None})

    def of(self, ended: Sequence[Worked], products: Mapping[str, str]) -> float | None:
        """What operations that have ended took, J; None where one's is not known.

        What is not known yet is asked for. `products` are those of the orders.
        """
        self.ask_of(ended, products)
        return energy_j(self.known, ended, products)


def key_of(one: Worked, products: Mapping[str, str]) -> ProgramKey | None:
    """What an operation ran; None where that is not known."""
    if one.cell is None or one.program is None or one.order_id not in products:
        return None
    return ProgramKey(one.cell, one.program, products[one.order_id])


def energy_j(
    energies: Mapping[ProgramKey, ProgramEnergy],
    ended: Iterable[Worked],
    products: Mapping[str, str],
) -> float | None:
    """Energy of operations that have ended: motions as planned, the base power as long as it took.

    None where that of one is not known.
    """
    total = 0.0
    of: dict[tuple[str | None, str | None, str], ProgramEnergy] = {}
    for one in ended:
        ran = one.cell, one.program, one.order_id
        if ran not in of:
            key = key_of(one, products)
            if key is None or key not in energies:
                return None
            of[ran] = energies[key]
        if one.actual_start_ns is None or one.actual_end_ns is None:
            return None
        total += of[ran].of((one.actual_end_ns - one.actual_start_ns) * 1e-9)
    return total
