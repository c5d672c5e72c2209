"""What is open and what was over lately, in memory, followed event by event.

A journal keeps years; this keeps what is asked often: open orders whole, and those that were over
last (`window.py`). Of what it lets go it keeps sums (`totals.py`); `known.py` answers for it from
the journal.

Every change has a version. Who has missed some asks for all operations that have changed since, and
for those that are not here any more; a gateway that was started anew has another `boot`, and knows
nothing of older versions.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from robot_cell.gateway import shapes
from robot_cell.gateway.at_hand import AtHand
from robot_cell.gateway.versions import MANY
from robot_cell.gateway.window import Window
from robot_cell.model import PlannedOperation
from robot_cell.model.packml import Mode
from robot_cell.orders.setups import SetupTimes
from robot_cell.reporting.plan_changes import BACK, DRAFTED, LOST
from robot_cell.store import Journal, OrderRecord
from robot_cell.store.alarms import AlarmRecord
from robot_cell.store.log import told_of
from robot_cell.store.looks import (
    Changed,
    changes,
    last_event,
    operations_named,
    plant_start_us,
    waiting_draft,
)
from robot_cell.store.records import TokenRecord, from_us
from robot_cell.store.token_book import tokens_in_use
from robot_cell.store.work import latest
from robot_cell.store.working_set import work_of

_OF_OPERATION: Final = frozenset(
    {
        "operation_leased", "operation_begun", "operation_ended", "operation_put_back",
        "operation_resolved",
    }
)  # fmt: skip
_OF_ORDER: Final = frozenset(
    {"order_accepted", "order_allowed", "order_cancelled", "order_prioritised"}
)
_ORDER_OF_ROW: Final = PlannedOperation.__slots__.index("order_id")
_OF_TOKEN: Final = frozenset({"token_added", "token_revoked"})


class Mirror:
    """Orders, operations, tokens and the published plan, as of the last `refresh`.

    Reading is safe from any thread; what is handed out is never changed afterwards.

    Args:
        told_start: the instant of plant time 0 where the journal does not say it.
        setups: how long the plant's cells are set up.
        window: how much of what is over is kept.

    Attributes:
        work: orders and operations, as far as they are at hand.
        start: the instant of plant time 0, once it is known.
    """

    def __init__(
        self,
        journal: Journal,
        told_start: Callable[[], datetime | None] = lambda: None,
        setups: SetupTimes | None = None,
        window: Window | None = None,
    ) -> None:
        self._journal, self._told_start = journal, told_start
        self.setups = setups or SetupTimes()
        self.work = AtHand(journal, self.setups, window or Window())
        self._lock = threading.Lock()
        self._last_event, self._read_s = -1, 0.0
        self.start: datetime | None = None
        self.revision, self.engine, self.published_ns = 0, "", None  # type: tuple[int, str, int | None]
        self.plan_ends_ns: int | None = None
        self.draft: tuple[int, int, Any] | None = None
        self.lost: frozenset[str] = frozenset()
        self.alarms: list[AlarmRecord] = []
        self.alarms_version = 0
        self.modes: dict[str, Mode] = {}
        self.tokens: dict[str, TokenRecord] = {}
        self.tokens_changed: Callable[[], None] = lambda: None

    @property
    def boot(self) -> str:
        """Another for every start of a gateway."""
        return self.work.versions.boot

    @property
    def version(self) -> int:
        """Of the operations at hand."""
        return self.work.versions.now

    @property
    def orders_version(self) -> int:
        """Another whenever something of an order is."""
        return self.work.orders_version

    @property
    def orders(self) -> Mapping[str, OrderRecord]:
        """The orders at hand, in the turn of their acceptance."""
        return self.work.orders

    @property
    def operations(self) -> Mapping[str, shapes.Operation]:
        """The operations at hand."""
        return self.work.operations

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
                self._journal.look(self._load)
            else:
                self._journal.look(self._follow)
            self._read_s = time.monotonic()

    def since(self, version: int, boot: str) -> shapes.Operations:
        """The operations that changed after a version, or all where that is not known any more."""
        return self.work.versions.since(version, boot, lambda: self.work.operations)

    def delta(self, version: int) -> tuple[int, list[shapes.Operation] | None, list[str]]:
        """Version, operations that changed after one that is not old, and the ids of those let go.

        None for too many.
        """
        found = self.since(version, self.boot)
        changed, gone = found["operations"], found["gone"]
        if found["full"] or len(changed) + len(gone) > MANY:
            return found["version"], None, []
        return found["version"], changed, gone

    def order_view(self, order_id: str) -> shapes.Order | None:
        """An order at hand and what has become of it."""
        return self.work.order_view(order_id, self.start, promised=self.revision != 0)

    def ends_ns(self) -> int | None:
        """When the published plan ends, and what is still open of those before it; plant time."""
        return max(self.work.ends_ns(), self.plan_ends_ns or 0) or None

    # -- following ------------------------------------------------------------------------------

    def _load(self, tx: Connection) -> None:
        """Read what is kept."""
        last, start_us = last_event(tx), plant_start_us(tx)
        # A simulated plant starts again at every start: its journal does not say when.
        self.start = self._told_start() if start_us is None else from_us(start_us)
        self._load_tokens(tx)
        self._load_plan(tx)
        self._load_notes(tx)
        self._load_alarms()
        self.modes = self._journal.modes()
        if self.start is not None:
            self.work.load(tx, self.start)
        self._last_event = last

    def _load_tokens(self, tx: Connection) -> None:
        self.tokens = {one.token_id: one for one in tokens_in_use(tx, int(time.time() * 1e6))}
        self.tokens_changed()

    def _load_alarms(self) -> None:
        self.alarms = self._journal.alarms.standing()
        self.alarms_version += 1

    def _load_plan(self, tx: Connection) -> None:
        published = latest(tx)
        if published is not None:
            self.revision, self.engine = published.revision, published.engine
            self.published_ns = published.published_ns
            self.plan_ends_ns = max((row.end_ns for row in published.rows), default=None)

    def _load_notes(self, tx: Connection) -> None:
        """What the notes come to: which cells are lost, and whether a draft waits."""
        lost = set[str]()
        for event in told_of(tx, (LOST, BACK)):
            self._note(event.what, event.event_id, event.at_ns, event.data, lost)
        self.lost = frozenset(lost)
        draft = waiting_draft(tx, DRAFTED)
        self.draft = None if draft is None else (draft.event_id, draft.at_ns, draft.data)

    def _note(self, what: str, event_id: int, at_ns: int, data: Any, lost: set[str]) -> None:
        if what == LOST:
            lost.add(data["cell"])
        elif what == BACK:
            lost.discard(data["cell"])
        elif what == DRAFTED:
            self.draft = (event_id, at_ns, data)

    def _follow(self, tx: Connection) -> None:
        """Take over the events since the last time."""
        happened = changes(tx, self._last_event)
        if not happened:
            return
        kinds = {one.kind for one in happened}
        lost = set(self.lost)
        for one in happened:
            if one.kind == "note":
                self._note(one.what, one.event_id, one.at_ns, json.loads(one.data), lost)
            elif one.kind == "schedule_published" or one.what in ("approve", "refuse"):
                self.draft = None
        self.lost = frozenset(lost)
        if kinds & _OF_TOKEN:
            self._load_tokens(tx)
        if any(kind.startswith("alarm_") for kind in kinds):
            self._load_alarms()
        if "mode_changed" in kinds:
            self.modes = self._journal.modes()
        if "schedule_published" in kinds:
            self._load_plan(tx)
        if self.start is not None:
            self._follow_work(tx, happened, self.start)
        self._last_event = happened[-1].event_id

    def _follow_work(self, tx: Connection, happened: list[Changed], start: datetime) -> None:
        """Read anew what events are about; what was let go comes back if it is open."""
        orders, operations = set[str](), set[str]()
        new = False
        for one in happened:
            if one.kind in _OF_OPERATION:
                operations.add(json.loads(one.data)["operation_id"])
            elif one.kind in _OF_ORDER:
                orders.add(json.loads(one.data)["order_id"])
            elif one.kind == "schedule_published":
                # What is not at hand is over, and no plan changes that.
                planned = {row[_ORDER_OF_ROW] for row in json.loads(one.data)["rows"]}
                orders |= planned & self.orders.keys()
            new = new or one.kind == "imported"
        accepted = {
            json.loads(one.data)["order_id"] for one in happened if one.kind == "order_accepted"
        }
        named = operations_named(tx, operations)
        asked = orders | {o.order_id for o in named}
        if new or asked - self.orders.keys() - accepted:
            self.work.load(tx, start)
            return
        if not asked:
            return
        work = work_of(tx, orders)
        whole = {o.operation_id for o in work.operations}
        records = [*work.operations, *(o for o in named if o.operation_id not in whole)]
        self.work.take(work.orders, records, start)
        self.work.let_go_surplus(happened[-1].at_ns)
