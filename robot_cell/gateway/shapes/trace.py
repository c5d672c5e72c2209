"""The whole history of a work unit."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.events import Event
from robot_cell.gateway.shapes.orders import Order
from robot_cell.gateway.shapes.vector import Vector
from robot_cell.gateway.shapes.work import Operation, Step


class BatchView(TypedDict):
    """The batch in which an order came."""

    id: int
    source: str
    submitted_by: str
    accepted_ms: int


class TracedOperation(Operation):
    """An operation with all its steps and what was measured."""

    steps: list[Step]
    joint_error_rad: Vector | None
    duration_s: float | None
    planned_duration_s: float | None


class Trace(TypedDict):
    """The whole history of a work unit."""

    order: Order
    unit: int
    status: str
    batch: BatchView | None
    operations: list[TracedOperation]
    events: list[Event]
