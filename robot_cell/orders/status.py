"""What has become of an order, told from its operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal

from robot_cell.model import JobOrder
from robot_cell.store import OperationRecord, OrderRecord
from robot_cell.store.ran import Stand

JobStatus = Literal[
    "accepted", "planned", "running", "complete", "uncertain", "failed", "cancelled"
]


Standing = OperationRecord | Stand
"""An operation, as a whole or as much of it as is read of many."""


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
    return [job_view(order, by_order.get(order.order.order_id, []), start) for order in orders]


def job_view(order: OrderRecord, operations: Sequence[Standing], start: datetime) -> JobView:
    """What has become of one order."""
    status = _status(order, operations)
    starts = [
        at
        for r in operations
        if (at := r.planned_start_ns if r.actual_start_ns is None else r.actual_start_ns)
        is not None
    ]
    promised = _promised_end_ns(operations) if status not in ("cancelled", "failed") else None
    due_ns = (order.order.due - start) // timedelta(microseconds=1) * 1000
    units = groupby(sorted(operations, key=lambda r: r.unit), key=lambda r: r.unit)
    return JobView(
        order=order.order,
        status=status,
        units_complete=sum(all(r.status == "complete" for r in unit) for _, unit in units),
        units_failed=len({r.unit for r in operations if r.status == "failed"}),
        operations_complete=sum(r.status == "complete" for r in operations),
        operations_total=len(operations),
        planned_start_ns=min(starts, default=None),
        promised_end_ns=promised,
        late_ns=None if promised is None else promised - due_ns,
    )


def _status(order: OrderRecord, operations: Sequence[Standing]) -> JobStatus:
    found = {record.status for record in operations}
    if found == {"complete"}:
        return "complete"
    if "running" in found:
        return "running"
    if "uncertain" in found:
        return "uncertain"
    if order.cancelled_ns is not None:
        return "cancelled"
    if "failed" in found:
        return "failed"
    if found & {"leased", "complete"}:
        return "running"
    planned = all(r.planned_end_ns is not None for r in operations if r.status == "planned")
    return "planned" if planned else "accepted"


def _promised_end_ns(operations: Sequence[Standing]) -> int | None:
    """The latest end, actual where there is one; None if an operation has no place in the plan."""
    ends = [
        record.actual_end_ns if record.status == "complete" else record.planned_end_ns
        for record in operations
    ]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None
