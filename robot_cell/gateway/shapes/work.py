"""An operation, its steps, and what of it is in the plan."""

from __future__ import annotations

from typing_extensions import TypedDict


class Operation(TypedDict):
    """One operation of one work unit, planned and actual.

    `setup_s` is how long its cell is set up right before it, after what it makes before; 0 where
    that is the same product, or takes no time.
    """

    id: str
    order_id: str
    unit: int
    position: int
    name: str
    cell: str | None
    program: str | None
    status: str
    planned_start_ms: int | None
    planned_end_ms: int | None
    actual_start_ms: int | None
    actual_end_ms: int | None
    setup_s: float
    attempt: int
    message: str


class PlannedRow(TypedDict):
    """One operation of a plan, whatever became of it.

    `setup_s` is how long its cell is set up right before it; 0 for the first row of a cell.
    """

    id: str
    order_id: str
    unit: int
    name: str
    cell: str
    program: str
    planned_start_ms: int
    planned_end_ms: int
    setup_s: float


class Operations(TypedDict):
    """Operations that have changed since a version, or all that are at hand (`full`).

    `gone` are those that were let go since: over, and too long ago for the live feed.
    """

    boot: str
    version: int
    full: bool
    operations: list[Operation]
    gone: list[str]


class PastOperations(TypedDict):
    """A page of the operations that were under way in a span, by when they began."""

    items: list[Operation]
    next: str | None


class Step(TypedDict):
    """A step that was about to be done, and what became of it."""

    id: int
    operation_id: str
    attempt: int
    index: int
    label: str
    intent_ms: int | None
    outcome: str | None
    outcome_ms: int | None
    message: str


class Steps(TypedDict):
    """Steps of an operation, of all attempts, oldest first."""

    items: list[Step]
