"""How a plan differs from the one before, in the words of people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robot_cell.model import PlannedOperation
from robot_cell.store import OperationRecord


@dataclass(frozen=True)
class Moved:
    """An operation that another cell does now."""

    operation_id: str
    from_cell: str
    to_cell: str


@dataclass(frozen=True)
class PlanChange:
    """What a repair changed.

    Attributes:
        moved: operations on another cell than before.
        waiting: operations that have no place in the plan: only a lost cell can do them, or they
            come after such work.
        open: operations of the new plan.
        end_before_s, end_after_s: plant time at which the last operation ends, in both plans.
        orders_later_s: how much later orders end, on average over those in both plans.
    """

    moved: tuple[Moved, ...]
    waiting: tuple[str, ...]
    open: int
    end_before_s: float
    end_after_s: float
    orders_later_s: float


def compare(
    before: Sequence[PlannedOperation],
    after: Sequence[PlannedOperation],
    operations: Iterable[OperationRecord],
) -> PlanChange:
    """What changed from one published plan to the next; operations as they are now."""
    cells = {row.operation_id: row.cell for row in before}
    placed = {row.operation_id for row in after}
    return PlanChange(
        moved=tuple(
            Moved(row.operation_id, cells[row.operation_id], row.cell)
            for row in after
            if cells.get(row.operation_id, row.cell) != row.cell
        ),
        waiting=tuple(
            record.operation_id
            for record in operations
            if record.status == "planned" and record.operation_id not in placed
        ),
        open=len(after),
        end_before_s=max((row.end_ns for row in before), default=0) * 1e-9,
        end_after_s=max((row.end_ns for row in after), default=0) * 1e-9,
        orders_later_s=_later_s(_order_ends(before), _order_ends(after)),
    )


def placements(
    before: Sequence[PlannedOperation], after: Sequence[PlannedOperation]
) -> list[list[str | int]]:
    """The operations that a plan puts elsewhere in place or time, or for the first time.

    Returns:
        For each: operation id, cell, start and end (plant time in ns), by start.
    """
    known = {row.operation_id: (row.cell, row.start_ns, row.end_ns) for row in before}
    return [
        [row.operation_id, row.cell, row.start_ns, row.end_ns]
        for row in sorted(after, key=lambda row: (row.start_ns, row.operation_id))
        if known.get(row.operation_id) != (row.cell, row.start_ns, row.end_ns)
    ]


def _order_ends(rows: Sequence[PlannedOperation]) -> dict[str, int]:
    ends: dict[str, int] = {}
    for row in rows:
        ends[row.order_id] = max(ends.get(row.order_id, 0), row.end_ns)
    return ends


def _later_s(before: dict[str, int], after: dict[str, int]) -> float:
    both = before.keys() & after.keys()
    if not both:
        return 0.0
    return round(sum(after[one] - before[one] for one in both) / len(both) * 1e-9, 3)
