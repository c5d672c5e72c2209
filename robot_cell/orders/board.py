"""What the scheduler knows of its work: the journal's records, kept in memory between changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from drivers.clock import PlantClock
from robot_cell.model import JobOrder, PlannedOperation, Plant, unavailable
from robot_cell.orders.dispatching import WorkState
from robot_cell.store import Journal, OperationRecord, OrderRecord

HORIZON: Final = timedelta(days=60)
"""How far ahead calendars are laid out for dispatching."""


class Board:
    """Orders and operations by id, with what must come before what."""

    def __init__(self, plant: Plant, journal: Journal) -> None:
        self._plant = plant
        self._journal = journal
        self.orders: dict[str, OrderRecord] = {}
        self.operations: dict[str, OperationRecord] = {}
        self._before: dict[str, tuple[str, ...]] = {}
        self._closed: dict[str, list[tuple[int, int]]] = {}
        self._closed_from: datetime | None = None

    def refresh(self) -> None:
        """Read everything again."""
        self.orders = {record.order.order_id: record for record in self._journal.orders()}
        self.operations = {o.operation_id: o for o in self._journal.operations()}
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

    def order(self, order_id: str) -> JobOrder:
        """One order."""
        return self.orders[order_id].order

    def product(self, order_id: str) -> str:
        """Product of an order."""
        return self.order(order_id).product

    def set_running(self, row: PlannedOperation, at_ns: int) -> None:
        """An operation has been taken by its cell."""
        self._change(row.operation_id, status="running", actual_start_ns=at_ns)

    def set_ended(self, operation_id: str, started_ns: int, ended_ns: int) -> None:
        """An operation is complete."""
        self._change(
            operation_id,
            status="complete",
            actual_start_ns=started_ns,
            actual_end_ns=ended_ns,
        )

    def work(self, clock: PlantClock) -> WorkState:
        """What the dispatcher needs."""
        start = clock.start()
        return WorkState(
            status={key: record.status for key, record in self.operations.items()},
            before=self._before,
            release_ns={
                key: plant_ns(record.order.release, start) for key, record in self.orders.items()
            },
            closed=self._calendars(start),
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
