"""What ran in a span of plant time, as little of it as key figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, String, column, func, select, values

from robot_cell.store.at_once import rows_at_once
from robot_cell.store.id_lists import FEW, id_lists
from robot_cell.store.records import Status, StepOutcome
from robot_cell.store.tables import commands, job_orders, operations, steps


class Ran(NamedTuple):
    """An operation of a work unit; times are plant times in ns. Named as `OperationRecord` is."""

    order_id: str
    unit: int
    position: int
    operation_id: str
    status: Status
    cell: str | None
    program: str | None
    attempt: int
    planned_start_ns: int | None
    planned_end_ns: int | None
    actual_start_ns: int | None
    actual_end_ns: int | None


class Stand(NamedTuple):
    """How an operation stands, plant times in ns. Named as `OperationRecord` is."""

    order_id: str
    unit: int
    status: Status
    planned_start_ns: int | None
    planned_end_ns: int | None
    actual_start_ns: int | None
    actual_end_ns: int | None


class StepSpan(NamedTuple):
    """When a step was begun and came out, plant times in ns. Named as `StepRecord` is."""

    operation_id: str
    attempt: int
    intent_ns: int
    outcome: StepOutcome | None
    outcome_ns: int | None


class Obeyed(NamedTuple):
    """A command that was obeyed. Named as `CommandRecord` is."""

    command_id: int
    target: str
    what: str
    outcome: str
    at_ns: int


_RAN: Final = select(*(operations.c[name] for name in Ran._fields))
_STAND: Final = select(*(operations.c[name] for name in Stand._fields))
_STEP: Final = select(*(steps.c[name] for name in StepSpan._fields))
_OBEYED: Final = select(*(commands.c[name] for name in Obeyed._fields))


def ran_of_orders(connection: Connection, ids: Iterable[str]) -> list[Ran]:
    """All operations of these orders, by order, unit and position."""
    found: list[Ran] = []
    for some in id_lists(ids, FEW):
        query = _RAN.where(operations.c.order_id.in_(some))
        found += map(Ran._make, rows_at_once(connection, query))
    found.sort(key=lambda one: one[:3])
    return found


def stands_of_orders(connection: Connection, ids: Iterable[str]) -> dict[str, list[Stand]]:
    """How the operations of each of these orders stand, in no order."""
    found: dict[str, list[Stand]] = {}
    for some in id_lists(ids, FEW):
        for row in rows_at_once(connection, _STAND.where(operations.c.order_id.in_(some))):
            found.setdefault(row[0], []).append(Stand._make(row))
    return found


def orders_of(connection: Connection, operation_ids: Iterable[str]) -> set[str]:
    """The orders of these operations."""
    query = select(operations.c.order_id)
    return {
        order_id
        for some in id_lists(operation_ids)
        for order_id in connection.scalars(query.where(operations.c.operation_id.in_(some)))
    }


def products_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The product of each of these orders that there is, in the turn of their acceptance."""
    query = select(job_orders.c.position, job_orders.c.order_id, job_orders.c.product)
    found = sorted(
        tuple(row)
        for some in id_lists(ids)
        for row in rows_at_once(connection, query.where(job_orders.c.order_id.in_(some)))
    )
    return {order_id: product for _, order_id, product in found}


def steps_begun(connection: Connection, from_ns: int, to_ns: int) -> list[StepSpan]:
    """Steps that were begun in a span of plant time, in no order."""
    query = _STEP.where(steps.c.intent_ns >= from_ns, steps.c.intent_ns < to_ns)
    return list(map(StepSpan._make, rows_at_once(connection, query)))


def obeyed_by(
    connection: Connection, cells: Sequence[str], what: Sequence[str], from_ns: int, to_ns: int
) -> dict[str, list[Obeyed]]:
    """What of these each cell obeyed in a span of plant time, after the last of them before it.

    `what` are names of commands, in lower case.
    """
    wanted = (commands.c.outcome == "obeyed", func.lower(commands.c.what).in_(list(what)))
    asked = values(column("cell", String), name="asked").data([(one,) for one in cells])
    asked_cells = asked.cte("asked_cells")
    last_before = (
        select(commands.c.command_id)
        .where(commands.c.target == asked_cells.c.cell, *wanted, commands.c.at_ns < from_ns)
        .order_by(commands.c.command_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    before = _OBEYED.where(commands.c.command_id.in_(select(last_before).select_from(asked_cells)))
    within = _OBEYED.where(
        commands.c.target.in_(list(cells)),
        *wanted,
        commands.c.at_ns >= from_ns,
        commands.c.at_ns < to_ns,
    ).order_by(commands.c.command_id)
    found: dict[str, list[Obeyed]] = {one: [] for one in cells}
    for query in (before, within):
        for row in connection.execute(query):
            found[row.target].append(Obeyed._make(row))
    return found
