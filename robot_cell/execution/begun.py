"""The operation that a cell is to run: leased to it now, or found begun in the journal."""

from __future__ import annotations

from dataclasses import dataclass

from robot_cell.errors import RobotCellError
from robot_cell.execution.by_hand import told_since
from robot_cell.store import Journal, StepRecord


class TakenBackError(RobotCellError):
    """The lease was void before the operation had begun: nothing of it was done."""


@dataclass(frozen=True)
class Order:
    """What is to be run.

    Attributes:
        token: fencing token of the lease.
        begun: the steps that the journal has of this attempt, oldest first; none of a new one.
        started_ns: plant time at which it began.
        taken_up: whether it was found in the journal.
        by_hand: what devices of the cell were told by hand since its last step, in words.
    """

    operation_id: str
    order_id: str
    unit: int
    program: str
    product: str
    token: int
    started_ns: int
    begun: tuple[StepRecord, ...] = ()
    taken_up: bool = False
    by_hand: str = ""


def begun_operation(journal: Journal, cell: str) -> Order | None:
    """The operation of a cell that the journal has running, though nobody runs it."""
    found = journal.operations(status="running", cell=cell)
    if not found:
        return None
    record = found[0]
    assert record.program is not None
    steps = journal.steps(record.operation_id)
    begun = tuple(step for step in steps if step.attempt == record.attempt)
    return Order(
        record.operation_id,
        record.order_id,
        record.unit,
        record.program,
        journal.order(record.order_id).order.product,
        record.token,
        record.actual_start_ns or 0,
        begun,
        taken_up=True,
        by_hand=told_since(journal.by_hand(cell), begun, record.actual_start_ns or 0),
    )
