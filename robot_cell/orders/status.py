"""What has become of an order, told from its operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from robot_cell.model import JobOrder
from robot_cell.store import OperationRecord, OrderRecord
from robot_cell.store.tallies import Tally

JobStatus = Literal[
    "accepted", "planned", "running", "complete", "uncertain", "failed", "cancelled"
]


@dataclass(frozen=True, slots=True)
class JobView:
    """An order as people want to see it. Plant times are in ns.

    Attributes:
        status: `accepted` has no plan yet; `uncertain` waits for a person; `failed` has a unit
            that will not be finished; `cancelled` was cancelled before all of it was done.
        units_complete: work units of which every operation is complete.
        units_failed: work units of which an operation failed.
        operations_complete, operations_total: for a progress bar.
        planned_start_ns: when the first operation starts or has started.
        promised_end_ns: when the order will be, or was, complete; None while that is unknown.
        late_ns: how much later than due that is; negative if it is early.
    """

    order: JobOrder
    status: JobStatus
    units_complete: int
    units_failed: int
    operations_complete: int
    operations_total: int
    planned_start_ns: int | None
    promised_end_ns: int | None
    late_ns: int | None

    @property
    def order_id(self) -> str:
        """Id of the order."""
        return self.order.order_id


def job_views(
    orders: Iterable[OrderRecord], operations: Iterable[OperationRecord], start: datetime
) -> list[JobView]:
    """One view per order, in the given order; `start` is the instant of plant time 0."""
    by_order: dict[str, list[OperationRecord]] = {}
    for record in operations:
        by_order.setdefault(record.order_id, []).append(record)
    return [
        job_view(order, tally_of(by_order.get(order.order.order_id, ())), start) for order in orders
    ]


def tally_of(operations: Sequence[OperationRecord]) -> Tally:
    """The operations of one order, counted."""
    status = Counter(record.status for record in operations)
    starts = [
        at
        for r in operations
        if (at := r.planned_start_ns if r.actual_start_ns is None else r.actual_start_ns)
        is not None
    ]
    ends = [r.actual_end_ns if r.status == "complete" else r.planned_end_ns for r in operations]
    known = [end for end in ends if end is not None]
    left = {r.unit for r in operations if r.status != "complete"}
    return Tally(
        total=len(operations),
        complete=status["complete"],
        running=status["running"],
        uncertain=status["uncertain"],
        leased=status["leased"],
        failed=status["failed"],
        unplanned=sum(r.status == "planned" and r.planned_end_ns is None for r in operations),
        units_complete=len({r.unit for r in operations} - left),
        units_failed=len({r.unit for r in operations if r.status == "failed"}),
        start_ns=min(starts, default=None),
        end_ns=max(known) if known and len(known) == len(ends) else None,
    )


def job_view(order: OrderRecord, tally: Tally, start: datetime) -> JobView:
    """What has become of one order; `start` is the instant of plant time 0."""
    status = _status(order, tally)
    promised = tally.end_ns if status not in ("cancelled", "failed") else None
    due_ns = (order.order.due - start) // timedelta(microseconds=1) * 1000
    return JobView(
        order=order.order,
        status=status,
        units_complete=tally.units_complete,
        units_failed=tally.units_failed,
        operations_complete=tally.complete,
        operations_total=tally.total,
        planned_start_ns=tally.start_ns,
        promised_end_ns=promised,
        late_ns=None if promised is None else promised - due_ns,
    )


def _status(order: OrderRecord, tally: Tally) -> JobStatus:
    if tally.total and tally.complete == tally.total:
        return "complete"
    if tally.running:
        return "running"
    if tally.uncertain:
        return "uncertain"
    if order.cancelled_ns is not None:
        return "cancelled"
    if tally.failed:
        return "failed"
    if tally.leased or tally.complete:
        return "running"
    return "accepted" if tally.unplanned else "planned"
