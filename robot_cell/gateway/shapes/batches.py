"""Batches, before and when they are handed in."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.work import PlannedRow


class OrderIn(TypedDict):
    """An order of a batch file."""

    order_id: str
    product: str
    quantity: int
    release_ms: int
    due_ms: int
    priority: int
    customer: str
    known: bool


class BatchProblem(TypedDict):
    """One thing that is wrong in a batch file."""

    row: int
    column: str
    value: str
    expected: str
    message: str


class Validation(TypedDict):
    """Whether a batch file can be used."""

    valid: bool
    name: str
    format: str | None
    orders: list[OrderIn]
    total: int
    problems: list[BatchProblem]
    total_problems: int


class Promise(TypedDict):
    """When an order of a plan would be complete."""

    order_id: str
    due_ms: int
    promised_ms: int | None
    late_s: float | None


class PromiseChange(TypedDict):
    """An order that a plan would make earlier or later."""

    order_id: str
    before_ms: int | None
    after_ms: int | None
    later_s: float | None
    late_before_s: float | None
    late_after_s: float | None


class Preview(TypedDict):
    """What a plan would be; nothing was changed."""

    orders: list[Promise]
    total: int
    late: int
    first_late: Promise | None
    others: list[PromiseChange]
    others_newly_late: int
    ends_before_ms: int | None
    ends_after_ms: int | None
    engine: str
    planned_in_s: float
    operations: list[PlannedRow]


class Submitted(TypedDict):
    """What became of a batch."""

    accepted: bool
    order_ids: list[str]
    already_known: list[str]
    message: str
