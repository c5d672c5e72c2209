"""The job orders of the receiver: those of the journal, and those that are stored and not started.

A plant has no orders that may not start: what it accepts, it plans. So an order that is only stored
is kept here, in the audit trail: each method is a command there, with who called it, what was given
and what came of it, and at a start the trail is read again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from robot_cell.gateway.opcua.job_states import (
    STORED,
    JobState,
    Method,
    Standing,
    standing,
)
from robot_cell.gateway.service import Gateway
from robot_cell.model import JobOrder
from robot_cell.model.packml import State
from robot_cell.store import Journal
from robot_cell.store.records import CommandRecord

PREFIX: Final = "job "
"""Before the method's name in the audit trail."""

OBEYED: Final = "obeyed"
MOST_STORED: Final = 1000
MOST_SHOWN: Final = 500
"""So many orders are in JobOrderList; what is open goes first, then what was accepted last."""

_PAGE: Final = 1000


@dataclass(frozen=True)
class Job:
    """A job order and where it stands."""

    order: JobOrder
    standing: Standing


class JobBook:
    """What methods have done to job orders, and where each stands."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = threading.Lock()
        self._stored: dict[str, JobOrder] = {}
        self._aborted: dict[str, JobOrder] = {}
        self._away: set[str] = set()
        self.version = 0
        for record, method in _asked_before(gateway.journal):
            if record.outcome == OBEYED:
                self.note(method, record.target, record.data)

    def note(self, method: Method, order_id: str, data: Any) -> None:
        """Take over what a method has done."""
        with self._lock:
            self.version += 1
            if method is Method.STORE or (method is Method.UPDATE and order_id in self._stored):
                self._stored[order_id] = JobOrder.model_validate(data["order"])
                self._away.discard(order_id)
            elif method is Method.START:
                self._stored.pop(order_id, None)
            elif method is Method.REVOKE_START:
                self._stored[order_id] = JobOrder.model_validate(data["order"])
                self._away.discard(order_id)
            elif method is Method.CANCEL:
                stored = self._stored.pop(order_id, None)
                if stored is None or order_id in self._gateway.mirror.orders:
                    self._away.add(order_id)
            elif method is Method.ABORT:
                order = self._stored.pop(order_id, None)
                if order is not None:
                    self._aborted[order_id] = order
            elif method is Method.CLEAR and self._aborted.pop(order_id, None) is None:
                self._away.add(order_id)

    def stored(self, order_id: str) -> JobOrder | None:
        """An order that is stored and was not started."""
        return self._stored.get(order_id)

    @property
    def full(self) -> bool:
        """Whether no more are stored."""
        return len(self._stored) + len(self._aborted) >= MOST_STORED

    def known(self, order_id: str) -> bool:
        """Whether the plant or this book has an order of that id, even one that was cleared."""
        return (
            order_id in self._stored
            or order_id in self._aborted
            or order_id in self._gateway.mirror.orders
        )

    def job(self, order_id: str) -> Job | None:
        """An order and where it stands; None if there is none."""
        return self._job(order_id, self._at_work())

    def _job(self, order_id: str, at_work: Mapping[str, frozenset[State]]) -> Job | None:
        if order_id in self._stored:
            return Job(self._stored[order_id], Standing(JobState.NOT_ALLOWED_TO_START, STORED))
        if order_id in self._aborted:
            return Job(self._aborted[order_id], Standing(JobState.ABORTED))
        record = self._gateway.mirror.orders.get(order_id)
        view = self._gateway.mirror.order_view(order_id)
        if record is None or view is None or order_id in self._away:
            return None
        at = standing(view["status"], view["done"], at_work.get(order_id, frozenset()))
        return Job(record.order, at)

    def jobs(self) -> list[Job]:
        """The orders that are shown: open ones first, and no more than `MOST_SHOWN`."""
        ids = dict.fromkeys((*self._stored, *self._aborted, *reversed(self._gateway.mirror.orders)))
        at_work = self._at_work()
        found = [job for one in ids if (job := self._job(one, at_work)) is not None]
        found.sort(key=lambda job: job.standing.state in (JobState.ENDED, JobState.ABORTED))
        return found[:MOST_SHOWN]

    def cells_of(self, order_id: str) -> list[str]:
        """The cells that are at work on an order now."""
        return [
            name
            for name in self._gateway.plant.cells
            if self._gateway.hub.cell(name)["order_id"] == order_id
        ]

    def _at_work(self) -> dict[str, frozenset[State]]:
        """PackML states of the cells that are at work, by the order that they work on."""
        found: dict[str, frozenset[State]] = {}
        for name in self._gateway.plant.cells:
            live = self._gateway.hub.cell(name)
            if live["order_id"] and live["state"]:
                state = State[live["state"].upper()]
                found[live["order_id"]] = found.get(live["order_id"], frozenset()) | {state}
        return found


def _method(record: CommandRecord) -> Method | None:
    if not record.what.startswith(PREFIX):
        return None
    label = record.what.removeprefix(PREFIX)
    return next((one for one in Method if one.label == label), None)


def _asked_before(journal: Journal) -> Iterator[tuple[CommandRecord, Method]]:
    """The methods that are in the audit trail, oldest first."""
    last = 0
    while page := journal.commands(after=last, limit=_PAGE):
        last = page[-1].command_id
        for record in page:
            method = _method(record)
            if method is not None:
                yield record, method
