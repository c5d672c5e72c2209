"""The journal in memory, followed event by event: what is asked often is not read anew.

Every change has a version. Who has missed some asks for all operations that have changed since a
version; a gateway that was started anew has another `boot`, and knows nothing of older versions.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from robot_cell.gateway import shapes
from robot_cell.gateway.setups import Lanes
from robot_cell.gateway.views import operation_view, order_view
from robot_cell.model import PlannedOperation
from robot_cell.model.packml import Mode
from robot_cell.orders.setups import SetupTimes
from robot_cell.orders.status import job_view
from robot_cell.reporting.plan_changes import BACK, DRAFTED, LOST
from robot_cell.store import Journal, OperationRecord, OrderRecord
from robot_cell.store.alarms import AlarmRecord
from robot_cell.store.looks import (
    all_operations,
    changes,
    first_revision_after,
    last_event,
    operations_named,
    plant_start_us,
)
from robot_cell.store.records import TokenRecord, from_us
from robot_cell.store.token_book import all_tokens

KEPT_CHANGES: Final = 3000
"""How many changes are remembered for whoever comes back; five minutes of ten a second."""

MANY: Final = 500
"""More changed operations than this are not sent to everybody: who wants them asks."""

_OF_OPERATION: Final = frozenset(
    {
        "operation_leased", "operation_begun", "operation_ended", "operation_put_back",
        "operation_resolved",
    }
)  # fmt: skip
_OF_ORDER: Final = frozenset(
    {"order_accepted", "order_allowed", "order_cancelled", "order_prioritised"}
)
_OF_TOKEN: Final = frozenset({"token_added", "token_revoked"})


@dataclass(frozen=True)
class Change:
    """Which operations changed from one version to the next."""

    before: int
    version: int
    ids: frozenset[str]


@dataclass
class OfCell:
    """What a cell has done and has to do."""

    done: int = 0
    next: shapes.Operation | None = None

    def count(self, one: shapes.Operation) -> None:
        """Take an operation of the cell in."""
        self.done += one["status"] == "complete"
        start_ms = one["planned_start_ms"]
        if one["status"] in ("planned", "leased") and start_ms is not None:
            first_ms = self.next["planned_start_ms"] if self.next is not None else None
            if first_ms is None or start_ms < first_ms:
                self.next = one


class Mirror:
    """Orders, operations, tokens and the published plan, as of the last `refresh`.

    Reading is safe from any thread; what is handed out is never changed afterwards.

    Args:
        told_start: the instant of plant time 0 where the journal does not say it.
        setups: how long the plant's cells are set up.
    """

    def __init__(
        self,
        journal: Journal,
        told_start: Callable[[], datetime | None] = lambda: None,
        setups: SetupTimes | None = None,
    ) -> None:
        self._journal, self._told_start = journal, told_start
        self.setups = setups or SetupTimes()
        self._lanes = Lanes(self.setups)
        self._lock = threading.Lock()
        self._last_event, self._read_s = -1, 0.0
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._records: dict[str, OperationRecord] = {}
        self._by_order: dict[str, list[str]] = {}
        self._order_views: dict[str, shapes.Order] = {}
        self._packed: tuple[int, orjson.Fragment] | None = None
        self._of_cells: tuple[int, dict[str | None, OfCell]] | None = None
        self._first_promise: dict[int, dict[str, int]] = {}
        self.boot = secrets.token_urlsafe(9)
        self.version = 0
        self.orders_version = 0
        self.start: datetime | None = None
        self.revision, self.engine, self.published_ns = 0, "", None  # type: tuple[int, str, int | None]
        self.draft: tuple[int, int, Any] | None = None
        self.lost: frozenset[str] = frozenset()
        self.alarms: list[AlarmRecord] = []
        self.alarms_version = 0
        self.modes: dict[str, Mode] = {}
        self.orders: dict[str, OrderRecord] = {}
        self.operations: dict[str, shapes.Operation] = {}
        self.tokens: dict[str, TokenRecord] = {}
        self.tokens_changed: Callable[[], None] = lambda: None

    @property
    def events_last(self) -> int:
        """Id of the newest event that is known here."""
        return max(0, self._last_event)

    def alarms_of(self, source: str) -> int:
        """How many alarms of a cell a person is to look at: those that are not shelved."""
        return sum(one.source == source and not one.state.shelved for one in self.alarms)

    def is_fresh(self, not_older_than_s: float) -> bool:
        """Whether the journal was read within that time."""
        return time.monotonic() - self._read_s < not_older_than_s

    def refresh(self, not_older_than_s: float = 0.0) -> None:
        """Take over what has happened since; nothing to do if that was done a moment ago."""
        if self.is_fresh(not_older_than_s):
            return
        with self._lock:
            if self.is_fresh(not_older_than_s):
                return
            if self._last_event < 0 or self.start is None:
                self._load()
            else:
                self._follow()
            self._read_s = time.monotonic()

    def since(self, version: int, boot: str) -> shapes.Operations:
        """The operations that changed after a version, or all where that is not known any more."""
        with self._lock:
            now, operations = self.version, self.operations
            found = list(self._changes)
        known = boot == self.boot and (
            version == now or any(change.before == version for change in found)
        )
        if not known:
            return {
                "boot": self.boot, "version": now, "full": True,
                "operations": list(operations.values()),
            }  # fmt: skip
        ids = {one for change in found if change.before >= version for one in change.ids}
        changed = [operations[one] for one in ids if one in operations]
        return {"boot": self.boot, "version": now, "full": False, "operations": changed}

    def delta(self, version: int) -> tuple[int, list[shapes.Operation] | None]:
        """Version and operations that changed after one that is not old; None for too many."""
        found = self.since(version, self.boot)
        changed = found["operations"]
        if found["full"] or len(changed) > MANY:
            return found["version"], None
        return found["version"], changed

    def packed(self) -> orjson.Fragment:
        """All operations as JSON, made once for each version."""
        version, operations = self.version, self.operations
        if self._packed is None or self._packed[0] != version:
            made = orjson.dumps(list(operations.values()))
            self._packed = version, orjson.Fragment(made)
        return self._packed[1]

    def of_cell(self, cell: str) -> OfCell:
        """What a cell has done and has to do."""
        version, operations = self.version, self.operations
        if self._of_cells is None or self._of_cells[0] != version:
            made: dict[str | None, OfCell] = {}
            for one in operations.values():
                made.setdefault(one["cell"], OfCell()).count(one)
            self._of_cells = version, made
        return self._of_cells[1].get(cell, OfCell())

    def record(self, operation_id: str) -> OperationRecord | None:
        """An operation as the journal has it, without what was measured in it."""
        return self._records.get(operation_id)

    @property
    def products(self) -> dict[str, str]:
        """The product of each order."""
        return {name: one.order.product for name, one in self.orders.items()}

    def of_order(self, order_id: str) -> list[OperationRecord]:
        """The operations of an order by unit and position."""
        records = [self._records[one] for one in self._by_order.get(order_id, ())]
        return sorted(records, key=lambda record: (record.unit, record.position))

    def order_view(self, order_id: str) -> shapes.Order | None:
        """An order and what has become of it."""
        record, start = self.orders.get(order_id), self.start
        if record is None or start is None:
            return None
        view = self._order_views.get(order_id)
        if view is None:
            job = job_view(record, self.of_order(order_id), start)
            view = order_view(record, job, self._promised_first(record), start)
            self._order_views[order_id] = view
        return view

    def _promised_first(self, record: OrderRecord) -> int | None:
        """What the first plan after an order's batch said, plant time in ns."""
        if self.revision == 0:
            return None
        if record.batch_id not in self._first_promise:
            first = self._journal.look(lambda tx: first_revision_after(tx, record.batch_id))
            if first is None:
                return None
            self._first_promise[record.batch_id] = planned_ends(first.rows)
        return self._first_promise[record.batch_id].get(record.order.order_id)

    # -- following ------------------------------------------------------------------------------

    def _load(self) -> None:
        """Read everything, after the number of the last event: what comes later is taken twice."""
        last = self._journal.look(last_event)
        start_us = self._journal.look(plant_start_us)
        # A simulated plant starts again at every start: its journal does not say when.
        self.start = self._told_start() if start_us is None else from_us(start_us)
        self._load_orders()
        self._load_tokens()
        self._load_plan()
        self._load_notes()
        self._load_alarms()
        self.modes = self._journal.modes()
        self._take(self._journal.look(all_operations), whole=True)
        self._last_event = last

    def _load_orders(self) -> None:
        self.orders = {record.order.order_id: record for record in self._journal.orders()}
        self._order_views = {}
        self.orders_version += 1

    def _load_tokens(self) -> None:
        found = self._journal.look(lambda tx: all_tokens(tx, sessions=True))
        self.tokens = {one.token_id: one for one in found}
        self.tokens_changed()

    def _load_alarms(self) -> None:
        self.alarms = self._journal.alarms.standing()
        self.alarms_version += 1

    def _load_plan(self) -> None:
        published = self._journal.schedule()
        if published is not None:
            self.revision, self.engine = published.revision, published.engine
            self.published_ns = published.published_ns

    def _load_notes(self) -> None:
        """What the notes come to: which cells are lost, and whether a draft waits."""
        after, lost = 0, set[str]()
        while events := self._journal.events(after=after):
            after = events[-1].event_id
            for event in events:
                if event.kind == "note":
                    self._note(event.what, event.event_id, event.at_ns, event.data, lost)
        self.lost = frozenset(lost)

    def _note(self, what: str, event_id: int, at_ns: int, data: Any, lost: set[str]) -> None:
        if what == LOST:
            lost.add(data["cell"])
        elif what == BACK:
            lost.discard(data["cell"])
        elif what == DRAFTED:
            self.draft = (event_id, at_ns, data)

    def _follow(self) -> None:
        """Take over the events since the last time."""
        happened = self._journal.look(lambda tx: changes(tx, self._last_event))
        if not happened:
            return
        kinds = {one.kind for one in happened}
        touched: set[str] = set()
        lost = set(self.lost)
        for one in happened:
            if one.kind in _OF_OPERATION:
                touched.add(json.loads(one.data)["operation_id"])
            elif one.kind == "note":
                self._note(one.what, one.event_id, one.at_ns, json.loads(one.data), lost)
            elif one.kind == "schedule_published" or one.what in ("approve", "refuse"):
                self.draft = None
        self.lost = frozenset(lost)
        if kinds & _OF_TOKEN:
            self._load_tokens()
        if any(kind.startswith("alarm_") for kind in kinds):
            self._load_alarms()
        if "mode_changed" in kinds:
            self.modes = self._journal.modes()
        if kinds & _OF_ORDER:
            self._load_orders()
        if "schedule_published" in kinds:
            self._load_plan()
        if kinds & {
            "schedule_published", "order_accepted", "order_allowed", "order_cancelled", "imported",
        }:  # fmt: skip
            self._take(self._journal.look(all_operations), whole=True)
        elif touched:
            self._take(self._journal.look(lambda tx: operations_named(tx, touched)), whole=False)
        self._last_event = happened[-1].event_id

    def _take(self, records: Iterable[OperationRecord], *, whole: bool) -> None:
        """Put records in the place of older ones; what differs makes a new version."""
        if self.start is None:
            return
        changed = {
            record.operation_id: record
            for record in records
            if self._records.get(record.operation_id) != record
        }
        if not changed:
            return
        start = self.start
        for one, record in changed.items():
            if one not in self._records:
                self._by_order.setdefault(record.order_id, []).append(one)
            self._order_views.pop(record.order_id, None)
        self._records = {**self._records, **changed}
        others = self._set_up_otherwise(changed.values())
        setups_s = self._lanes.setups_s
        views = {
            one: operation_view(self._records[one], start, setups_s.get(one, 0.0))
            for one in (*changed, *others)
        }
        self.operations = {**self.operations, **views}
        before, self.version = self.version, self.version + 1
        self.orders_version += 1
        self._changes.append(Change(before, self.version, frozenset(views)))
        if whole and before == 0:
            self._changes.clear()

    def _set_up_otherwise(self, changed: Iterable[OperationRecord]) -> set[str]:
        """Work out the setups anew, and say before which operations they are others now."""
        if not self.setups.by_cell:
            return set()
        units = {(record.order_id, record.unit) for record in changed}
        orders = {order_id for order_id, _ in units}
        records = [
            record
            for order_id in orders
            for one in self._by_order.get(order_id, ())
            if ((record := self._records[one]).order_id, record.unit) in units
        ]
        return self._lanes.take(records, self.products)


def planned_ends(rows: Iterable[PlannedOperation]) -> dict[str, int]:
    """When a plan ends each order, plant time in ns."""
    ends: dict[str, int] = {}
    for row in rows:
        ends[row.order_id] = max(ends.get(row.order_id, 0), row.end_ns)
    return ends
