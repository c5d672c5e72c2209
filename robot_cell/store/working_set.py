"""The part of the journal that planning works with: what is open, and what ended a short while ago.

A journal keeps years. What is read again at every change must not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, or_, select

from robot_cell.store.accept import orders_where
from robot_cell.store.at_once import rows_at_once
from robot_cell.store.id_lists import FEW, id_lists
from robot_cell.store.records import OperationRecord, OrderRecord, Status
from robot_cell.store.tables import job_orders, operations
from robot_cell.store.work import UNMEASURED

OPEN: Final[tuple[Status, ...]] = ("planned", "leased", "running", "uncertain")
"""Operations that a cell or a person has still to do something about."""

RUNS: Final = 5000
"""So many of the last runs say how long programs take."""


@dataclass(frozen=True, slots=True)
class WorkingSet:
    """Orders in the order of their acceptance, and their operations by order, unit and position.

    The operations are without what was measured in them.
    """

    orders: list[OrderRecord]
    operations: list[OperationRecord]


@dataclass(frozen=True, slots=True)
class Run:
    """A complete operation: how long a program took, plant time in ns."""

    cell: str
    program: str
    product: str
    start_ns: int
    end_ns: int


def working_set(connection: Connection, ended_since_ns: int) -> WorkingSet:
    """The orders of which something is open, or has ended or was cancelled since an instant."""
    lively = or_(operations.c.status.in_(OPEN), operations.c.actual_end_ns >= ended_since_ns)
    ids = set(connection.scalars(select(operations.c.order_id).where(lively).distinct()))
    cancelled = job_orders.c.cancelled_ns >= ended_since_ns
    ids |= set(connection.scalars(select(job_orders.c.order_id).where(cancelled)))
    return work_of(connection, ids)


_OF_ORDERS: Final = select(*UNMEASURED).where(
    operations.c.order_id.in_(bindparam("ids", expanding=True))
)


def work_of(connection: Connection, ids: Iterable[str]) -> WorkingSet:
    """The orders with these ids that there are, and all their operations."""
    orders: list[OrderRecord] = []
    records: list[OperationRecord] = []
    for some in id_lists(ids, FEW):
        orders += orders_where(connection, job_orders.c.order_id.in_(some))
        rows = rows_at_once(connection, _OF_ORDERS, {"ids": some})
        records += [OperationRecord(*row) for row in rows]
    orders.sort(key=lambda record: record.position)
    records.sort(key=lambda record: (record.order_id, record.unit, record.position))
    return WorkingSet(orders, records)


def last_runs(connection: Connection, count: int = RUNS) -> list[Run]:
    """The operations that were completed last, the newest first."""
    query = (
        select(
            operations.c.cell,
            operations.c.program,
            job_orders.c.product,
            operations.c.actual_start_ns,
            operations.c.actual_end_ns,
        )
        .join(job_orders, job_orders.c.order_id == operations.c.order_id)
        .where(operations.c.status == "complete", operations.c.actual_end_ns.is_not(None))
        .order_by(operations.c.actual_end_ns.desc())
        .limit(count)
    )
    return [Run(*row) for row in connection.execute(query)]


def last_products(connection: Connection, cells: Iterable[str]) -> dict[str, str]:
    """The product that each cell has begun last, of those cells that have begun anything."""
    found: dict[str, str] = {}
    for cell in cells:
        begun = (
            select(operations.c.actual_start_ns, job_orders.c.product)
            .join(job_orders, job_orders.c.order_id == operations.c.order_id)
            .where(operations.c.cell == cell, operations.c.actual_start_ns.is_not(None))
        )
        at_work = begun.where(operations.c.status.in_(("running", "uncertain")))
        ended = (
            begun.where(operations.c.actual_end_ns.is_not(None))
            .order_by(operations.c.actual_end_ns.desc())
            .limit(1)
        )
        rows = [*connection.execute(at_work), *connection.execute(ended)]
        if rows:
            found[cell] = max((row.actual_start_ns, row.product) for row in rows)[1]
    return found
