"""Orders and operations whenever they were: from what is at hand, and the rest from the journal.

Whoever answers for an order asks here, and need not know how long ago it was. What is not at hand
is over; it is read when it is asked for, and kept nowhere. These calls may read the journal: they
are for threads, unless `at_hand` says that it is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from robot_cell.gateway import shapes
from robot_cell.gateway.mirror import Mirror
from robot_cell.gateway.views import operation_view
from robot_cell.store import Journal, OperationRecord, OrderRecord
from robot_cell.store.looks import operations_named
from robot_cell.store.past import (
    OrderLine,
    all_order_lines,
    begun_before,
    known_orders,
    newest_orders,
    orders_after,
    orders_named,
    ran_between,
)
from robot_cell.store.tallies import Tally, tallies_of_orders
from robot_cell.store.working_set import work_of

OVER: Final = frozenset({"complete", "failed", "cancelled"})
"""What an order can be that is not at hand."""


class Known:
    """Answers about orders and operations of any age."""

    def __init__(self, journal: Journal, mirror: Mirror) -> None:
        self._journal, self._mirror = journal, mirror

    # -- orders ---------------------------------------------------------------------------------

    def at_hand(self, order_id: str) -> bool:
        """Whether an order is answered for without the journal."""
        return order_id in self._mirror.orders

    def products(self, ids: Iterable[str]) -> dict[str, str]:
        """The product of each of these orders that there is."""
        orders = self._mirror.orders
        asked = set(ids)
        found = {one: record.order.product for one in asked if (record := orders.get(one))}
        if missing := asked - found.keys():
            found |= self._journal.look(lambda tx: known_orders(tx, missing))
        return found

    def orders(self, ids: Iterable[str]) -> dict[str, OrderRecord]:
        """Those of these orders that there are, as they were accepted."""
        orders = self._mirror.orders
        asked = set(ids)
        found = {one: record for one in asked if (record := orders.get(one)) is not None}
        if missing := asked - found.keys():
            found |= self._journal.look(lambda tx: orders_named(tx, missing))
        return found

    def order(self, order_id: str) -> OrderRecord | None:
        """An order as it was accepted."""
        return self.orders([order_id]).get(order_id)

    def of_order(self, order_id: str) -> Sequence[OperationRecord]:
        """The operations of an order by unit and position, without what was measured in them."""
        records = self._mirror.work.of_order(order_id)
        if records is None:
            return self._journal.look(lambda tx: work_of(tx, [order_id])).operations
        return records

    def view(self, order_id: str) -> shapes.Order | None:
        """An order and what has become of it."""
        found = self.views([order_id])
        return found[0] if found else None

    def views(self, ids: Collection[str]) -> list[shapes.Order]:
        """Orders and what has become of them, in that turn, as far as there are such orders."""
        mirror, start = self._mirror, self._mirror.start
        if start is None:
            return []
        found = {one: view for one in ids if (view := mirror.order_view(one)) is not None}
        promised = mirror.revision != 0
        if missing := [one for one in ids if one not in found]:
            orders, tallies = self._journal.look(
                lambda tx: (orders_named(tx, missing), tallies_of_orders(tx, missing))
            )
            for one, order in orders.items():
                tally = tallies.get(one, Tally())
                found[one] = mirror.work.view_of(order, tally, start, promised=promised)
        return [found[one] for one in ids if one in found]

    # -- lists of orders ------------------------------------------------------------------------

    def page(
        self, after: int, limit: int, statuses: frozenset[str] | None = None, text: str = ""
    ) -> shapes.Orders:
        """A page of all orders in the turn of their acceptance, or of those that are looked for.

        Args:
            after: the position of the last one before the page.
            limit: how many at most.
            statuses: only with one of these.
            text: only with this in id, product or customer, whatever the case.
        """
        mirror = self._mirror
        total = count = mirror.work.totals.orders
        if statuses is None and not text:
            chosen = self._journal.look(lambda tx: orders_after(tx, after, limit))
        else:
            matching = self._matching(statuses, text.casefold())
            total = len(matching)
            chosen = [one for one in matching if one[1] > after][:limit]
        items = self.views([order_id for order_id, _ in chosen])
        more = len(chosen) == limit and chosen[-1][1] < count
        return {
            "items": items,
            "next": str(chosen[-1][1]) if more else None,
            "total": total,
            "version": mirror.orders_version,
        }

    def live_page(self, after: int, limit: int) -> shapes.Orders:
        """A page of the orders that are at hand: those of the live feed's operations."""
        mirror = self._mirror
        orders = mirror.orders
        listed = [one for one, record in orders.items() if record.position > after]
        chosen = listed[:limit]
        more = len(listed) > limit
        return {
            "items": self.views(chosen),
            "next": str(orders[chosen[-1]].position) if more else None,
            "total": len(orders),
            "version": mirror.orders_version,
        }

    def _matching(self, statuses: frozenset[str] | None, text: str) -> list[tuple[str, int]]:
        """Ids and positions of the orders that are looked for, by position."""
        mirror = self._mirror
        orders = mirror.orders
        found: list[tuple[str, int]] = []
        for one, record in orders.items():
            order = record.order
            if text and not _has(text, (one, order.product, order.customer)):
                continue
            view = mirror.order_view(one)
            if view is not None and (statuses is None or view["status"] in statuses):
                found.append((one, record.position))
        if statuses is None or statuses & OVER:
            found += self._journal.look(
                lambda tx: [
                    (line.order_id, line.position)
                    for line in all_order_lines(tx)
                    if line.order_id not in orders
                    and (statuses is None or _status(line) in statuses)
                    and (not text or _has(text, (line.order_id, line.product, line.customer)))
                ]
            )
            found.sort(key=lambda one: one[1])
        return found

    def newest(self, before: int | None, limit: int) -> list[tuple[str, int]]:
        """Ids and positions of the orders that were accepted last, the newest first."""
        return self._journal.look(lambda tx: newest_orders(tx, before, limit))

    # -- operations -----------------------------------------------------------------------------

    def record(self, operation_id: str) -> OperationRecord | None:
        """An operation without what was measured in it."""
        record = self._mirror.work.record(operation_id)
        if record is None:
            named = self._journal.look(lambda tx: operations_named(tx, [operation_id]))
            record = named[0] if named else None
        return record

    def setups_s(self, records: Iterable[OperationRecord]) -> dict[str, float]:
        """Seconds of setup before operations, by operation id."""
        operations = self._mirror.operations
        found: dict[str, float] = {}
        products: dict[str, OperationRecord] = {}
        for one in records:
            shown = operations.get(one.operation_id)
            if shown is not None:
                found[one.operation_id] = shown["setup_s"]
            elif one.cell in self._mirror.setups.by_cell and one.actual_start_ns is not None:
                products[one.operation_id] = one
        if products:
            before = self._journal.look(lambda tx: begun_before(tx, products))
            made = self.products({one.order_id for one in products.values()})
            for key, one in products.items():
                if key in before and one.cell is not None:
                    product = made.get(one.order_id)
                    ms = self._mirror.setups.ms(one.cell, before[key].product, product)
                    found[key] = ms * 1e-3
        return found

    def shown(self, records: Sequence[OperationRecord]) -> list[shapes.Operation]:
        """Operations as people see them, in that turn; nothing while there is no plant time."""
        start = self._mirror.start
        if start is None:
            return []
        setups_s = self.setups_s(records)
        return [operation_view(o, start, setups_s.get(o.operation_id, 0.0)) for o in records]

    def ran(
        self, from_ns: int, to_ns: int, after: tuple[int, str] | None, limit: int
    ) -> list[OperationRecord]:
        """Operations that were under way in a span of plant time, by when they began and by id."""
        return self._journal.look(lambda tx: ran_between(tx, from_ns, to_ns, after, limit))


def _has(text: str, among: Iterable[str]) -> bool:
    return any(text in one.casefold() for one in among)


def _status(line: OrderLine) -> str:
    """What became of an order that is over (`robot_cell.orders.status`)."""
    if not line.bad:
        return "complete"
    return "cancelled" if line.cancelled else "failed"
