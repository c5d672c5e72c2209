"""What is counted over all orders of a journal, without holding them: those let go are sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from robot_cell.orders.status import job_view, tally_of
from robot_cell.store import OperationRecord, OrderRecord
from robot_cell.store.counted import count_operations, count_orders
from robot_cell.store.ran import Kind
from robot_cell.store.records import to_us


@dataclass
class Totals:
    """Sums over orders.

    Attributes:
        orders: how many. complete: of which all is complete. late: complete after they were due.
        operations: how many, by cell ("" for none) and status.
        runs: of complete operations, how many.
        took_ns: and how long they took, plant time.
    """

    orders: int = 0
    complete: int = 0
    late: int = 0
    operations: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: Counter[Kind] = field(default_factory=Counter)
    took_ns: Counter[Kind] = field(default_factory=Counter)

    def copy(self) -> Totals:
        """The same in another place: what readers have is not changed."""
        return Totals(
            self.orders, self.complete, self.late,
            self.operations.copy(), self.runs.copy(), self.took_ns.copy(),
        )  # fmt: skip

    def add(
        self,
        order: OrderRecord,
        records: Iterable[OperationRecord],
        start: datetime,
        sign: int = 1,
    ) -> None:
        """Count an order, or with -1 count it no more; `start` is the instant of plant time 0."""
        listed = list(records)
        job = job_view(order, tally_of(listed), start)
        complete = job.status == "complete"
        self.orders += sign
        self.complete += sign * complete
        self.late += sign * (complete and (job.late_ns or 0) > 0)
        for one in listed:
            self.operations[one.cell or "", one.status] += sign
            if one.status == "complete":
                run = Kind(one.cell, one.program, order.order.product)
                self.runs[run] += sign
                if one.actual_start_ns is not None and one.actual_end_ns is not None:
                    self.took_ns[run] += sign * (one.actual_end_ns - one.actual_start_ns)

    def done(self, cell: str) -> int:
        """How many operations of a cell are complete."""
        return self.operations[cell, "complete"]


def totals_of(connection: Connection, start: datetime) -> Totals:
    """The totals of the whole journal, counted by the database."""
    found = Totals(*count_orders(connection, to_us(start)))
    for one in count_operations(connection):
        found.operations[one.cell or "", one.status] += one.count
        if one.status == "complete":
            run = Kind(one.cell, one.program, one.product)
            found.runs[run] += one.count
            found.took_ns[run] += one.took_ns
    return found
