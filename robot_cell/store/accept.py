"""Accepting and cancelling orders: all or nothing, and the same again is the same as once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, func, insert, select, update

from robot_cell.model import JobOrder, Plant, operation_id
from robot_cell.store.errors import BatchTooLarge, JournalError, OrderConflict, UnknownOrder
from robot_cell.store.records import Accepted, OrderRecord, from_us, to_us
from robot_cell.store.tables import batches, job_orders, operations

MAX_OPERATIONS_PER_BATCH: Final = 5_000_000
"""Nobody else can write while a batch is stored; more than this would take minutes."""

_CHUNK: Final = 500
_INSERT_CHUNK: Final = 10_000
_T = TypeVar("_T")


def accept_batch(
    connection: Connection,
    orders: Sequence[JobOrder],
    *,
    source: str,
    submitted_by: str,
    plant: Plant,
    at_ns: int,
) -> Accepted:
    """Store the orders that are new, with a row per operation of each work unit."""
    _check(orders, plant)
    known_ids: list[str] = []
    new: list[int] = []
    conflicts: dict[str, tuple[str, ...]] = {}
    for chunk in _chunks(enumerate(orders), _CHUNK):
        ids = [order.order_id for _, order in chunk]
        stored = {
            row.order_id: _content(row)
            for row in connection.execute(select(job_orders).where(job_orders.c.order_id.in_(ids)))
        }
        for index, order in chunk:
            row = stored.get(order.order_id)
            content = _row(order)
            if row is None:
                new.append(index)
            elif row == content:
                known_ids.append(order.order_id)
            else:
                conflicts[order.order_id] = tuple(
                    name.removesuffix("_us")
                    for name, value in content.items()
                    if row[name] != value
                )
    if conflicts:
        raise OrderConflict(conflicts)
    batch_id = _insert_batch(connection, source, submitted_by, at_ns, len(new), len(known_ids))
    first = connection.scalar(select(func.coalesce(func.max(job_orders.c.position), 0)))
    assert first is not None
    for start in range(0, len(new), _INSERT_CHUNK):
        part = [orders[index] for index in new[start : start + _INSERT_CHUNK]]
        connection.execute(
            insert(job_orders),
            [
                _row(order) | {"batch_id": batch_id, "position": first + start + n}
                for n, order in enumerate(part, start=1)
            ],
        )
        for rows in _chunks(_operation_rows(part, plant), _INSERT_CHUNK):
            connection.execute(insert(operations), rows)
    return Accepted(batch_id, tuple(orders[i].order_id for i in new), tuple(known_ids))


def _check(orders: Sequence[JobOrder], plant: Plant) -> None:
    seen: set[str] = set()
    total = 0
    for order in orders:
        if order.product not in plant.products:
            known = ", ".join(sorted(plant.products))
            raise JournalError(
                f"{order.order_id}: unknown product {order.product!r}; the plant makes: {known}"
            )
        if order.order_id in seen:
            raise JournalError(f"{order.order_id} is in the batch twice; nothing was stored")
        seen.add(order.order_id)
        total += order.quantity * len(plant.products[order.product].operations)
    if total > MAX_OPERATIONS_PER_BATCH:
        raise BatchTooLarge(
            f"the batch makes {total} operations; at most {MAX_OPERATIONS_PER_BATCH} go into one "
            "batch. Split it."
        )


def _insert_batch(
    connection: Connection, source: str, submitted_by: str, at_ns: int, new: int, known: int
) -> int:
    key = connection.execute(
        insert(batches).values(
            source=source,
            submitted_by=submitted_by,
            accepted_ns=at_ns,
            accepted_wall_us=time.time_ns() // 1000,
            orders_new=new,
            orders_known=known,
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def _row(order: JobOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "product": order.product,
        "quantity": order.quantity,
        "release_us": to_us(order.release),
        "due_us": to_us(order.due),
        "priority": order.priority,
        "customer": order.customer,
    }


def _content(row: Row[Any]) -> dict[str, Any]:
    return {
        name: getattr(row, name)
        for name in (
            "order_id",
            "product",
            "quantity",
            "release_us",
            "due_us",
            "priority",
            "customer",
        )
    }


def _operation_rows(orders: Iterable[JobOrder], plant: Plant) -> Iterator[dict[str, Any]]:
    for order in orders:
        recipe = plant.products[order.product].operations
        for unit in range(1, order.quantity + 1):
            for position, operation in enumerate(recipe):
                yield {
                    "operation_id": operation_id(order.order_id, unit, operation.name),
                    "order_id": order.order_id,
                    "unit": unit,
                    "position": position,
                    "name": operation.name,
                    "status": "planned",
                }


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def orders(connection: Connection, order_id: str | None = None) -> list[OrderRecord]:
    """All accepted orders, in the order of acceptance, or the one asked for."""
    query = select(job_orders).order_by(job_orders.c.position)
    if order_id is not None:
        query = query.where(job_orders.c.order_id == order_id)
    return [
        OrderRecord(
            JobOrder.model_construct(
                order_id=row.order_id,
                product=row.product,
                quantity=row.quantity,
                release=from_us(row.release_us),
                due=from_us(row.due_us),
                priority=row.priority,
                customer=row.customer,
            ),
            row.batch_id,
            row.cancelled_ns,
            row.cancelled_by,
            row.cancel_reason,
        )
        for row in connection.execute(query)
    ]


def earliest_release(connection: Connection) -> datetime | None:
    """When the first order may start, None without orders."""
    value = connection.scalar(select(func.min(job_orders.c.release_us)))
    return None if value is None else from_us(value).astimezone(timezone.utc)


def cancel_order(
    connection: Connection, order_id: str, *, who: str, reason: str, at_ns: int
) -> list[str]:
    """Cancel what has not begun of an order; what runs may finish.

    Returns:
        The operations that this call cancelled; none if the order had been cancelled before.
    """
    known = connection.execute(
        select(job_orders.c.cancelled_ns).where(job_orders.c.order_id == order_id)
    ).one_or_none()
    if known is None:
        raise UnknownOrder(f"there is no order {order_id!r}")
    if known.cancelled_ns is None:
        connection.execute(
            update(job_orders)
            .where(job_orders.c.order_id == order_id)
            .values(cancelled_ns=at_ns, cancelled_by=who, cancel_reason=reason)
        )
    return list(
        connection.scalars(
            update(operations)
            .where(
                operations.c.order_id == order_id,
                operations.c.status.in_(("planned", "leased")),
            )
            .values(status="cancelled", message=f"cancelled by {who}: {reason}")
            .returning(operations.c.operation_id)
        )
    )
