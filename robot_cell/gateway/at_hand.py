"""Orders and operations that are open or were over lately, and sums of all that there were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection

from robot_cell.gateway import shapes
from robot_cell.gateway.promises import FirstPromises
from robot_cell.gateway.setups import Lanes
from robot_cell.gateway.totals import Totals, totals_of
from robot_cell.gateway.versions import Versions
from robot_cell.gateway.views import operation_view, order_view
from robot_cell.gateway.window import Over, Window
from robot_cell.orders.setups import SetupTimes, Turn
from robot_cell.orders.status import job_view, tally_of
from robot_cell.store import Journal, OperationRecord, OrderRecord
from robot_cell.store.log import last_at_ns
from robot_cell.store.past import STOPS_A_UNIT, begun_before, last_begun, open_orders, over_last
from robot_cell.store.tallies import Tally
from robot_cell.store.working_set import work_of

Records = tuple[OperationRecord, ...]
"""Of one order, by unit and position."""


@dataclass
class OfCell:
    """What a cell has done and has to do."""

    done: int = 0
    next: shapes.Operation | None = None


class AtHand:
    """What the mirror keeps of the work; changed by one thread, read by any.

    What is handed out is never changed afterwards.

    Attributes:
        orders: those that are at hand, in the turn of their acceptance.
        operations: of these orders.
        totals: of all orders that there are.
        orders_version: another whenever something of an order is.
    """

    def __init__(self, journal: Journal, setups: SetupTimes, window: Window) -> None:
        self.setups, self._window = setups, window
        self.promises = FirstPromises(journal)
        self.versions = Versions()
        self._lanes = Lanes(setups)
        self._over = Over(window)
        self._records: dict[str, OperationRecord] = {}
        self._of_orders: dict[str, Records] = {}
        self._order_views: dict[str, tuple[OrderRecord, Records, shapes.Order]] = {}
        self._packed: tuple[int, orjson.Fragment] | None = None
        self._next: tuple[int, dict[str, shapes.Operation]] | None = None
        self.orders_version = 0
        self.orders: dict[str, OrderRecord] = {}
        self.operations: dict[str, shapes.Operation] = {}
        self.totals = Totals()

    def packed(self) -> orjson.Fragment:
        """All operations at hand as JSON, made once for each version."""
        version, operations = self.versions.now, self.operations
        if self._packed is None or self._packed[0] != version:
            made = orjson.dumps(list(operations.values()))
            self._packed = version, orjson.Fragment(made)
        return self._packed[1]

    def of_cell(self, cell: str) -> OfCell:
        """What a cell has done and has to do."""
        version, totals = self.versions.now, self.totals
        if self._next is None or self._next[0] != version:
            made: dict[str, shapes.Operation] = {}
            for start_ms, one in self._to_do():
                first = made.get(one["cell"] or "")
                if first is None or start_ms < (first["planned_start_ms"] or 0):
                    made[one["cell"] or ""] = one
            self._next = version, made
        return OfCell(totals.done(cell), self._next[1].get(cell))

    def _to_do(self) -> Iterable[tuple[int, shapes.Operation]]:
        """What has a place in the plan and can be begun, with when that is."""
        operations = self.operations
        for records in self.open_orders().values():
            stopped = {o.unit for o in records if o.status in STOPS_A_UNIT}
            for record in records:
                if record.status in ("planned", "leased") and record.unit not in stopped:
                    shown = operations.get(record.operation_id)
                    start_ms = None if shown is None else shown["planned_start_ms"]
                    if shown is not None and start_ms is not None:
                        yield start_ms, shown

    def record(self, operation_id: str) -> OperationRecord | None:
        """An operation at hand as the journal has it, without what was measured in it."""
        return self._records.get(operation_id)

    @property
    def products(self) -> dict[str, str]:
        """The product of each order at hand."""
        return {name: one.order.product for name, one in self.orders.items()}

    def of_order(self, order_id: str) -> Records | None:
        """The operations of an order at hand, by unit and position."""
        return self._of_orders.get(order_id)

    def open_orders(self) -> dict[str, Records]:
        """The operations of each order that is not over, in the turn of their acceptance."""
        return {
            one: records
            for one in self.orders
            if one not in self._over and (records := self._of_orders.get(one)) is not None
        }

    def last_begun(self) -> list[Turn]:
        """What each cell that is set up between products has begun last, at hand or not."""
        return self._lanes.last_begun()

    def ends_ns(self) -> int:
        """When the last is planned to end of what is open, plant time; 0 if nothing is."""
        ends = (o.planned_end_ns or 0 for rows in self.open_orders().values() for o in rows)
        return max(ends, default=0)

    def order_view(
        self, order_id: str, start: datetime | None, *, promised: bool
    ) -> shapes.Order | None:
        """An order at hand and what has become of it.

        Args:
            order_id: its id.
            start: the instant of plant time 0.
            promised: whether there is a plan at all.
        """
        record, records = self.orders.get(order_id), self._of_orders.get(order_id)
        if record is None or records is None or start is None:
            return None
        known = self._order_views.get(order_id)
        if known is None or known[0] is not record or known[1] is not records:
            view = self.view_of(record, tally_of(records), start, promised=promised)
            known = record, records, view
            # What was not promised yet will be, with no change of the order itself.
            if view["promised_first_ms"] is not None:
                self._order_views[order_id] = known
        return known[2]

    def view_of(
        self,
        record: OrderRecord,
        tally: Tally,
        start: datetime,
        *,
        promised: bool,
    ) -> shapes.Order:
        """An order, at hand or not, and what has become of it."""
        first_ns = None
        if promised:
            first_ns = self.promises.of(record.batch_id, record.order.order_id)
        return order_view(record, job_view(record, tally, start), first_ns, start)

    # -- changed by the mirror alone ---------------------------------------------------------------

    def load(self, tx: Connection, start: datetime) -> None:
        """Read open orders and what was over last in the place of all that is at hand."""
        work = work_of(tx, opened := open_orders(tx))
        count = len(work.operations)
        since_ns = last_at_ns(tx) - self._window.ns
        over = work_of(tx, over_last(tx, opened, count, self._window.over(count), since_ns))
        orders = sorted([*work.orders, *over.orders], key=lambda one: one.position)
        records = {o.operation_id: o for o in (*work.operations, *over.operations)}
        by_cell = self.setups.by_cell
        begun = [
            o.operation_id
            for o in records.values()
            if o.cell in by_cell and o.actual_start_ns is not None
        ]
        before = [*begun_before(tx, begun).values(), *last_begun(tx, by_cell)]
        self._lanes = Lanes(self.setups)
        self._lanes.stand_in(one for one in before if one.operation_id not in records)
        of_orders = _by_order(records.values())
        totals = totals_of(tx, start)
        self.orders = {one.order.order_id: one for one in orders}
        self._lanes.take(records.values(), self.products)
        setups_s = self._lanes.setups_s
        views = {
            key: operation_view(one, start, setups_s.get(key, 0.0)) for key, one in records.items()
        }
        changed = {key for key, view in views.items() if self.operations.get(key) != view}
        changed |= self.operations.keys() - views.keys()
        self._over = Over(self._window)
        for one in orders:
            self._over.note(one, of_orders[one.order.order_id])
        self._records, self._of_orders, self.operations = records, of_orders, views
        self._order_views = {}
        self.totals = totals
        first = not self.versions.now
        self._changed(changed)
        if first:
            self.versions.forget()

    def _changed(self, ids: Iterable[str]) -> None:
        self.orders_version += 1
        self.versions.changed(ids)

    def take(
        self, orders: list[OrderRecord], records: Iterable[OperationRecord], start: datetime
    ) -> None:
        """Put orders and operations in the place of older ones."""
        changed = {o.operation_id: o for o in records if self._records.get(o.operation_id) != o}
        others = {
            one.order.order_id: one for one in orders if self.orders.get(one.order.order_id) != one
        }
        if not changed and not others:
            return
        touched = others.keys() | {o.order_id for o in changed.values()}
        before = {one: self._of_orders.get(one, ()) for one in touched}
        totals = self.totals.copy()
        for one in touched & self.orders.keys():
            totals.add(self.orders[one], before[one], start, -1)
        self._records = {**self._records, **changed}
        after = _by_order(
            [o for rows in before.values() for o in rows if o.operation_id not in changed]
            + list(changed.values())
        )
        self.orders = {**self.orders, **others}
        self._of_orders.update(after)
        for one in touched:
            totals.add(self.orders[one], after[one], start)
            self._over.note(self.orders[one], after[one])
        self.totals = totals
        behind = self._set_up_otherwise(changed.values())
        setups_s = self._lanes.setups_s
        views = {
            one: operation_view(self._records[one], start, setups_s.get(one, 0.0))
            for one in (*changed, *behind)
        }
        self.operations = {**self.operations, **views}
        self._changed(views)

    def let_go_surplus(self, now_ns: int) -> None:
        """Keep no more of orders that have left the window; the totals count them all the same.

        `now_ns` is plant time of the newest event.
        """
        ids = self._over.surplus(len(self._records), now_ns)
        if not ids:
            return
        gone = {o.operation_id for one in ids for o in self._of_orders.get(one, ())}
        self._over.forget(ids)
        # First what is asked first: whoever finds no order here asks the journal.
        kept = self.orders.keys() - set(ids)
        self.orders = {name: one for name, one in self.orders.items() if name in kept}
        for one in ids:
            self._of_orders.pop(one, None)
            self._order_views.pop(one, None)
        self.operations = {name: o for name, o in self.operations.items() if name not in gone}
        self._records = {name: o for name, o in self._records.items() if name not in gone}
        self._lanes.let_go(gone)
        self._changed(gone)

    def _set_up_otherwise(self, changed: Iterable[OperationRecord]) -> set[str]:
        """Work out the setups anew, and say before which operations they are others now."""
        if not self.setups.by_cell:
            return set()
        units = {(record.order_id, record.unit) for record in changed}
        orders = {order_id for order_id, _ in units}
        records = [
            record
            for order_id in orders
            for record in self._of_orders.get(order_id, ())
            if (record.order_id, record.unit) in units
        ]
        return self._lanes.take(records, self.products)


def _by_order(records: Iterable[OperationRecord]) -> dict[str, Records]:
    """Operations by order, those of an order by unit and position."""
    found: dict[str, list[OperationRecord]] = {}
    for record in records:
        found.setdefault(record.order_id, []).append(record)
    return {
        one: tuple(sorted(listed, key=lambda record: (record.unit, record.position)))
        for one, listed in found.items()
    }
