"""Accepting and cancelling orders: all or nothing, and the same again is the same as once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select, true

from robot_cell.model import JobOrder, Plant
from robot_cell.store.derive import ORDER_FIELDS
from robot_cell.store.errors import BatchTooLarge, JournalError, OrderConflict, UnknownOrder
from robot_cell.store.id_lists import id_lists
from robot_cell.store.log import Entry, Transaction
from robot_cell.store.records import Accepted, OrderRecord, from_us, to_us
from robot_cell.store.tables import batches, job_orders, operations

MAX_OPERATIONS_PER_BATCH: Final = 5_000_000
"""Nobody else can write while a batch is stored; more than this would take minutes."""

_INSERT_CHUNK: Final = 10_000


def accept_batch(
    transaction: Transaction,
    orders: Sequence[JobOrder],
    *,
    source: str,
    submitted_by: str,
    plant: Plant,
    at_ns: int,
) -> Accepted:
    """Store the orders that are new, with a row per operation of each work unit."""
    _check(orders, plant)
    connection = transaction.connection
    new, known_ids = _compare(connection, orders)
    batch_id = int(connection.scalar(select(func.coalesce(func.max(batches.c.batch_id), 0))) or 0)
    batch_id += 1
    data = {
        "batch_id": batch_id,
        "source": source,
        "orders_new": len(new),
        "orders_known": len(known_ids),
    }
    transaction.record("batch_accepted", at_ns, submitted_by, data)
    first = int(connection.scalar(select(func.coalesce(func.max(job_orders.c.position), 0))) or 0)
    for begin in range(0, len(new), _INSERT_CHUNK):
        some = new[begin : begin + _INSERT_CHUNK]
        transaction.record_all(
            [
                Entry(
                    "order_accepted",
                    at_ns,
                    submitted_by,
                    {
                        **_row(order),
                        "batch_id": batch_id,
                        "position": position,
                        "operations": [o.name for o in plant.products[order.product].operations],
                    },
                )
                for position, order in enumerate(some, start=first + begin + 1)
            ]
        )
    return Accepted(batch_id, tuple(order.order_id for order in new), tuple(known_ids))


def _compare(
    connection: Connection, orders: Sequence[JobOrder]
) -> tuple[list[JobOrder], list[str]]:
    """The orders that are new, and the ids of those that are known with the same content."""
    new: list[JobOrder] = []
    known_ids: list[str] = []
    conflicts: dict[str, tuple[str, ...]] = {}
    stored = {
        row.order_id: {name: getattr(row, name) for name in ORDER_FIELDS}
        for some in id_lists(order.order_id for order in orders)
        for row in connection.execute(select(job_orders).where(job_orders.c.order_id.in_(some)))
    }
    for order in orders:
        row = stored.get(order.order_id)
        content = _row(order)
        if row is None:
            new.append(order)
        elif row == content:
            known_ids.append(order.order_id)
        else:
            conflicts[order.order_id] = tuple(
                name.removesuffix("_us") for name, value in content.items() if row[name] != value
            )
    if conflicts:
        raise OrderConflict(conflicts)
    return new, known_ids


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


def orders(connection: Connection, order_id: str | None = None) -> list[OrderRecord]:
    """All accepted orders, in the order of acceptance, or the one asked for."""
    return orders_where(
        connection, true() if order_id is None else job_orders.c.order_id == order_id
    )


def orders_where(connection: Connection, which: ColumnElement[bool]) -> list[OrderRecord]:
    """The accepted orders of which something is true, in the order of acceptance."""
    query = select(job_orders).where(which).order_by(job_orders.c.position)
    return [
        OrderRecord(
            JobOrder.model_construct(
                order_id=row.order_id,
                product=row.product,
                quantity=row.quantity,
                release=from_us(row.release_us),
                due=from_us(row.due_us),
                priority=row.priority_given or row.priority,
                customer=row.customer,
            ),
            row.batch_id,
            row.cancelled_ns,
            row.cancelled_by,
            row.cancel_reason,
            row.position,
        )
        for row in connection.execute(query)
    ]


def earliest_release(connection: Connection) -> datetime | None:
    """When the first order may start, None without orders."""
    value = connection.scalar(select(func.min(job_orders.c.release_us)))
    return None if value is None else from_us(value).astimezone(timezone.utc)


def cancel_order(
    transaction: Transaction, order_id: str, *, who: str, reason: str, at_ns: int
) -> list[str]:
    """Cancel what has not begun of an order; what runs may finish.

    Returns:
        The operations that this call cancelled; none if the order had been cancelled before.
    """
    connection = transaction.connection
    known = connection.execute(
        select(job_orders.c.cancelled_ns).where(job_orders.c.order_id == order_id)
    ).one_or_none()
    if known is None:
        raise UnknownOrder(f"there is no order {order_id!r}")
    waiting = list(
        connection.scalars(
            select(operations.c.operation_id).where(
                operations.c.order_id == order_id,
                operations.c.status.in_(("planned", "leased")),
            )
        )
    )
    if waiting or known.cancelled_ns is None:
        data = {"order_id": order_id, "reason": reason, "operations": len(waiting)}
        transaction.record("order_cancelled", at_ns, who, data)
    return waiting


REVOKED: Final = "start revoked"
"""The reason with which an order is cancelled that may be allowed again."""


def revoke_order(transaction: Transaction, order_id: str, *, who: str, at_ns: int) -> None:
    """Take an order back of which nothing has begun: cancelled, until it is allowed again.

    Raises:
        UnknownOrder: there is none with this id.
        JournalError: some of it has begun, or is over.
    """
    found = _statuses(transaction, order_id)
    if set(found) != {"planned"}:
        states = ", ".join(sorted(set(found)))
        raise JournalError(f"{order_id} cannot be taken back: operations of it are {states}")
    cancel_order(transaction, order_id, who=who, reason=REVOKED, at_ns=at_ns)


def allow_order(transaction: Transaction, order_id: str, *, who: str, at_ns: int) -> None:
    """Have an order made that was taken back, as if it were new.

    Raises:
        UnknownOrder: there is none with this id.
        JournalError: it was not taken back, but is at work, over, or cancelled for good.
    """
    found = _statuses(transaction, order_id)
    reason = transaction.connection.scalar(
        select(job_orders.c.cancel_reason).where(job_orders.c.order_id == order_id)
    )
    if reason != REVOKED or set(found) != {"cancelled"}:
        raise JournalError(f"{order_id} was not taken back: there is nothing to allow")
    transaction.record("order_allowed", at_ns, who, {"order_id": order_id})


def _statuses(transaction: Transaction, order_id: str) -> list[str]:
    """Statuses of an order's operations."""
    found = list(
        transaction.connection.scalars(
            select(operations.c.status).where(operations.c.order_id == order_id)
        )
    )
    if not found:
        raise UnknownOrder(f"there is no order {order_id!r}")
    return found


def prioritise_order(
    transaction: Transaction, order_id: str, priority: int, *, who: str, at_ns: int
) -> bool:
    """Give an order another priority; whether that changes anything.

    Raises:
        UnknownOrder: there is none with this id.
        JournalError: it is no priority, or the order was cancelled.
    """
    if not 1 <= priority <= 9:
        raise JournalError(f"{order_id}: a priority is 1 (can wait) to 9 (urgent), not {priority}")
    found = orders(transaction.connection, order_id)
    if not found:
        raise UnknownOrder(f"there is no order {order_id!r}")
    if found[0].cancelled_ns is not None:
        raise JournalError(f"{order_id} was cancelled: its priority changes nothing")
    if found[0].order.priority == priority:
        return False
    data = {"order_id": order_id, "priority": priority, "before": found[0].order.priority}
    transaction.record("order_prioritised", at_ns, who, data)
    return True
