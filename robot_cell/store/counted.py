"""What is counted over all of a journal: the database counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from robot_cell.store.tables import job_orders, operations


@dataclass(frozen=True, slots=True)
class Counted:
    """Operations of one cell, status, program and product: how many, and how long they took."""

    cell: str | None
    status: str
    program: str | None
    product: str
    count: int
    took_ns: int


def count_operations(connection: Connection) -> list[Counted]:
    """Every operation, counted; `took_ns` is that of complete ones."""
    by = (operations.c.cell, operations.c.status, operations.c.program, job_orders.c.product)
    took = operations.c.actual_end_ns - operations.c.actual_start_ns
    query = (
        select(
            *by, func.count(), func.sum(case((operations.c.status == "complete", took), else_=0))
        )
        .join(job_orders, job_orders.c.order_id == operations.c.order_id)
        .group_by(*by)
    )
    return [
        Counted(cell, status, program, product, int(count), int(took_ns or 0))
        for cell, status, program, product, count, took_ns in connection.execute(query)
    ]


def count_orders(connection: Connection, start_us: int) -> tuple[int, int, int]:
    """How many orders there are, are complete, and were complete after they were due.

    `start_us` is the instant of plant time 0, microseconds since 1970.
    """
    end_ns = func.max(operations.c.actual_end_ns).label("end_ns")
    complete = (
        select(operations.c.order_id, end_ns)
        .group_by(operations.c.order_id)
        .having(
            func.min(operations.c.status) == "complete", func.max(operations.c.status) == "complete"
        )
        .subquery()
    )
    due_ns = (job_orders.c.due_us - start_us) * 1000
    late = func.sum(case((complete.c.end_ns > due_ns, 1), else_=0))
    query = select(func.count(), late).select_from(
        complete.join(job_orders, job_orders.c.order_id == complete.c.order_id)
    )
    of_complete, of_late = connection.execute(query).one()
    orders = connection.scalar(select(func.count()).select_from(job_orders))
    return int(orders or 0), int(of_complete), int(of_late or 0)
