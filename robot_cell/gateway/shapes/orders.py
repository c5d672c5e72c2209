"""Orders and their work units."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.work import Operation


class Order(TypedDict):
    """An order and what has become of it."""

    order_id: str
    product: str
    quantity: int
    done: int
    failed: int
    status: str
    release_ms: int
    due_ms: int
    promised_ms: int | None
    promised_first_ms: int | None
    finished_ms: int | None
    late_s: float | None
    priority: int
    customer: str
    operations_done: int
    operations_total: int
    planned_start_ms: int | None
    batch_id: int
    cancelled_by: str | None
    cancel_reason: str | None


class Unit(TypedDict):
    """A work unit of an order."""

    unit: int
    status: str
    operations: list[Operation]


class OrderDetail(Order):
    """An order with its work units."""

    units: list[Unit]


class Orders(TypedDict):
    """A page of orders."""

    items: list[Order]
    next: str | None
    total: int
    version: int
