"""The job orders of the receiver: those of the journal, and those that are stored and not started.

A plant has no orders that may not start: what it accepts, it plans. So an order that is only stored
is kept here, in the audit trail: each method is a command there, with who called it, what was given
and what came of it, and at a start the trail is read again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

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
from robot_cell.store.records import CommandRecord
from robot_cell.store.trail import obeyed_by, targets_last_asked

PREFIX: Final = "job "
"""Before the method's name in the audit trail."""

OBEYED: Final = "obeyed"
MOST_STORED: Final = 1000
MOST_SHOWN: Final = 500
"""So many orders are in JobOrderList; what is open goes first, then what was accepted last."""

MOST_LOOKED_AT: Final = 2000
"""Among so many of the orders that were accepted last those are found that are over and shown."""

_PAGE: Final = 250
_METHODS: Final = {PREFIX + one.label: one for one in Method}
_LEAVES_STORED: Final = (Method.STORE, Method.UPDATE, Method.REVOKE_START, Method.ABORT)
_TAKES_AWAY: Final = (Method.CANCEL, Method.CLEAR)


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
        self.version = 0
        for record in gateway.journal.look(_unsettled):
            method = _METHODS[record.what]
            self.note(method, record.target, record.data)

    def note(self, method: Method, order_id: str, data: Any) -> None:
        """Take over what a method has done."""
        with self._lock:
            self.version += 1
            if method is Method.STORE or (method is Method.UPDATE and order_id in self._stored):
                self._stored[order_id] = JobOrder.model_validate(data["order"])
            elif method in (Method.START, Method.CANCEL):
                self._stored.pop(order_id, None)
            elif method is Method.REVOKE_START:
                self._stored[order_id] = JobOrder.model_validate(data["order"])
            elif method is Method.ABORT:
                order = self._stored.pop(order_id, None)
                if order is not None:
                    self._aborted[order_id] = order
            elif method is Method.CLEAR:
                self._aborted.pop(order_id, None)

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
            or self._gateway.known.order(order_id) is not None
        )

    def job(self, order_id: str) -> Job | None:
        """An order and where it stands; None if there is none."""
        kept = self._kept(order_id)
        if kept is not None:
            return kept
        found = self._jobs([order_id], self._at_work())
        return found[0] if found else None

    def _kept(self, order_id: str) -> Job | None:
        """An order that was not started, and where it stands."""
        order = self._stored.get(order_id)
        if order is not None:
            return Job(order, Standing(JobState.NOT_ALLOWED_TO_START, STORED))
        order = self._aborted.get(order_id)
        return None if order is None else Job(order, Standing(JobState.ABORTED))

    def _jobs(self, ids: Sequence[str], at_work: Mapping[str, frozenset[State]]) -> list[Job]:
        """Orders of the plant and where they stand; without those that were cleared."""
        known = self._gateway.known
        away = self._gateway.journal.look(lambda tx: _away(tx, ids))
        left = [one for one in ids if one not in away]
        orders = known.orders(left)
        return [
            Job(
                orders[view["order_id"]].order,
                standing(view["status"], view["done"], at_work.get(view["order_id"], frozenset())),
            )
            for view in known.views(left)
            if view["order_id"] in orders
        ]

    def jobs(self) -> list[Job]:
        """The orders that are shown: open ones first, and no more than `MOST_SHOWN`."""
        kept = {one: job for one in (*self._stored, *self._aborted) if (job := self._kept(one))}
        at_work = self._at_work()
        opened = [one for one in self._gateway.mirror.work.open_orders() if one not in kept]
        found = [*kept.values(), *self._jobs(opened[::-1], at_work)]
        first = [job for job in found if not _is_over(job)][:MOST_SHOWN]
        over = [job for job in kept.values() if _is_over(job)]
        before: int | None = None
        looked_at = 0
        while len(first) + len(over) < MOST_SHOWN and looked_at < MOST_LOOKED_AT:
            newest = self._gateway.known.newest(before, _PAGE)
            ids = [one for one, _ in newest if one not in kept]
            over += [job for job in self._jobs(ids, at_work) if _is_over(job)]
            looked_at += len(newest)
            if len(newest) < _PAGE:
                break
            before = newest[-1][1]
        return [*first, *over][:MOST_SHOWN]

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


def _is_over(job: Job) -> bool:
    return job.standing.state in (JobState.ENDED, JobState.ABORTED)


def _unsettled(tx: Connection) -> list[CommandRecord]:
    """What was done to the orders that are stored, or were aborted before they were started.

    All that was done to any order since the receiver is used is in the trail: the rest stays there.
    """
    last = [PREFIX + one.label for one in _LEAVES_STORED]
    return obeyed_by(tx, targets_last_asked(tx, last, list(_METHODS)), list(_METHODS))


def _away(tx: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these orders were cleared or cancelled, and are told of no more."""
    newest = {one.target: one.what for one in obeyed_by(tx, ids, list(_METHODS))}
    return {target for target, what in newest.items() if _METHODS[what] in _TAKES_AWAY}
