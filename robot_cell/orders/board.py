"""What the scheduler knows of its work: the journal's records, kept in memory between changes.

That is what is open, and what ended a short while ago; the rest is in the journal alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from drivers.clock import PlantClock
from robot_cell.model import JobOrder, PlannedOperation, Plant, unavailable
from robot_cell.orders.dispatching import WorkState
from robot_cell.orders.setups import SetupTimes, with_setups
from robot_cell.store import Journal, OperationRecord, OrderRecord, UnknownOrder
from robot_cell.store.working_set import last_products, working_set

HORIZON: Final = timedelta(days=60)
"""How far ahead calendars are laid out for dispatching."""

KEPT_NS: Final = 2 * 3_600_000_000_000
"""For how long an order stays on the board after its last operation has ended, plant time."""


class Board:
    """Orders and operations by id, with what must come before what."""

    def __init__(self, plant: Plant, journal: Journal, clock: PlantClock) -> None:
        self._plant = plant
        self._journal = journal
        self._clock = clock
        self.orders: dict[str, OrderRecord] = {}
        self.operations: dict[str, OperationRecord] = {}
        self._before: dict[str, tuple[str, ...]] = {}
        self._closed: dict[str, list[tuple[int, int]]] = {}
        self._closed_from: datetime | None = None
        self._with_setups, self._setups = with_setups(plant), SetupTimes.of(plant)
        self._last_product: dict[str, str] = {}

    def refresh(self) -> None:
        """Read everything again."""
        since_ns = self._clock.now_ns() - KEPT_NS
        found = self._journal.look(lambda connection: working_set(connection, since_ns))
        self.orders = {record.order.order_id: record for record in found.orders}
        self.operations = {record.operation_id: record for record in found.operations}
        if self._with_setups:
            self._last_product = self._journal.look(
                lambda connection: last_products(connection, self._with_setups)
            )
        units: dict[tuple[str, int], list[OperationRecord]] = defaultdict(list)
        for record in self.operations.values():
            units[record.order_id, record.unit].append(record)
        self._before = {}
        for (order_id, _), records in units.items():
            product = self._plant.products[self.orders[order_id].order.product]
            by_position = {record.position: record.operation_id for record in records}
            for record in records:
                self._before[record.operation_id] = tuple(
                    by_position[i] for i in product.predecessors(record.position)
                )

    def asked_for(
        self, order_ids: Collection[str]
    ) -> tuple[list[OrderRecord], list[OperationRecord]]:
        """Orders by their ids, old ones from the journal, or all that are on the board."""
        orders, operations = self.orders, self.operations
        if not order_ids:
            return list(orders.values()), list(operations.values())
        here = {one for one in order_ids if one in orders}
        found = [orders[one] for one in here]
        records = [record for record in operations.values() if record.order_id in here]
        for order_id in set(order_ids) - here:
            with suppress(UnknownOrder):
                found.append(self._journal.order(order_id))
                records += self._journal.operations(order_id)
        return sorted(found, key=lambda record: record.position), records

    def order(self, order_id: str) -> JobOrder:
        """One order."""
        return self.orders[order_id].order

    def product(self, order_id: str) -> str:
        """Product of an order."""
        return self.order(order_id).product

    def set_running(self, row: PlannedOperation, at_ns: int) -> None:
        """An operation has been taken by its cell."""
        self._change(row.operation_id, status="running", actual_start_ns=at_ns)
        self._begun(row)

    def set_ended(self, row: PlannedOperation, started_ns: int, ended_ns: int) -> None:
        """An operation is complete."""
        self._change(
            row.operation_id,
            status="complete",
            actual_start_ns=started_ns,
            actual_end_ns=ended_ns,
        )
        self._begun(row)

    def _begun(self, row: PlannedOperation) -> None:
        """A cell has begun a product: from now on it is set up for it."""
        if row.cell in self._with_setups:
            self._last_product[row.cell] = self.product(row.order_id)

    def work(self) -> WorkState:
        """What the dispatcher needs."""
        start = self._clock.start()
        return WorkState(
            status={key: record.status for key, record in self.operations.items()},
            before=self._before,
            release_ns={
                key: plant_ns(record.order.release, start) for key, record in self.orders.items()
            },
            closed=self._calendars(start),
            product={
                key: record.order.product
                for key, record in self.orders.items()
                if self._with_setups
            },
            last_product=self._last_product,
            setups=self._setups,
        )

    def _calendars(self, start: datetime) -> Mapping[str, Sequence[tuple[int, int]]]:
        if self._closed_from != start:
            self._closed_from = start
            self._closed = {
                name: [
                    (plant_ns(opens, start), plant_ns(closes, start))
                    for opens, closes in unavailable(
                        cell.calendar, self._plant.zone, start, start + HORIZON
                    )
                ]
                for name, cell in self._plant.cells.items()
            }
        return self._closed

    def _change(self, operation_id: str, **values: object) -> None:
        record = self.operations[operation_id]
        self.operations[operation_id] = replace(record, **values)  # type: ignore[arg-type]


def plant_ns(instant: datetime, start: datetime) -> int:
    """Plant time of a calendar instant, ns."""
    return (instant - start) // timedelta(microseconds=1) * 1000
