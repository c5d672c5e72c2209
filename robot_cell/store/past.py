"""What a journal says of orders and operations that are over, and which of them were over last.

Found by name, by cell or by when it was, through indexes: an answer costs what it tells, and not
what the journal has. Where something is counted over all of it, the database counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    union,
)

from robot_cell.store.accept import orders_where
from robot_cell.store.id_lists import id_lists
from robot_cell.store.records import OperationRecord, OrderRecord
from robot_cell.store.tables import job_orders, operations, steps
from robot_cell.store.work import UNMEASURED

AT_WORK: Final = ("leased", "running", "uncertain")
STOPS_A_UNIT: Final = ("failed", "cancelled")
"""What was planned of a work unit stays so for ever behind one of these, unless it is repeated."""


def open_orders(connection: Connection) -> set[str]:
    """Orders of which something is at work, waits for a person or can still be begun."""
    earlier = operations.alias()
    stopped = exists().where(
        earlier.c.order_id == operations.c.order_id,
        earlier.c.unit == operations.c.unit,
        earlier.c.status.in_(STOPS_A_UNIT),
    )
    query = union(
        select(operations.c.order_id).where(operations.c.status.in_(AT_WORK)),
        select(operations.c.order_id).where(operations.c.status == "planned", ~stopped),
    )
    return set(connection.scalars(query))


def over_last(
    connection: Connection, opened: set[str], opened_operations: int, count: int, since_ns: int
) -> list[str]:
    """The orders that were over last, the newest first, with `count` operations at most.

    `opened` are the orders that are not over, with so many operations. What was over before
    `since_ns`, plant time, is left out.
    """
    if count <= 0:
        return []
    ends = (
        select(operations.c.order_id, operations.c.actual_end_ns)
        .where(operations.c.actual_end_ns >= since_ns)
        .order_by(operations.c.actual_end_ns.desc())
        .limit(count + opened_operations)
    )
    cancels = (
        select(job_orders.c.order_id, job_orders.c.cancelled_ns)
        .where(job_orders.c.cancelled_ns >= since_ns)
        .order_by(job_orders.c.cancelled_ns.desc())
        .limit(count + len(opened))
    )
    over_ns: dict[str, int] = {}
    for query in (ends, cancels):
        for order_id, at_ns in connection.execute(query):
            if order_id not in opened:
                over_ns[order_id] = max(at_ns, over_ns.get(order_id, at_ns))
    newest = sorted(over_ns, key=lambda one: (-over_ns[one], one))
    sizes: dict[str, int] = {}
    for some in id_lists(newest):
        counted = (
            select(operations.c.order_id, func.count())
            .where(operations.c.order_id.in_(some))
            .group_by(operations.c.order_id)
        )
        sizes.update((order_id, size) for order_id, size in connection.execute(counted))
    found: list[str] = []
    for order_id in newest:
        count -= sizes[order_id]
        if count < 0:
            break
        found.append(order_id)
    return found


# -- by name ---------------------------------------------------------------------------------------


def known_orders(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The product of each of these orders that there is."""
    found: dict[str, str] = {}
    for some in id_lists(ids):
        query = select(job_orders.c.order_id, job_orders.c.product)
        query = query.where(job_orders.c.order_id.in_(some))
        found.update((order_id, product) for order_id, product in connection.execute(query))
    return found


def orders_named(connection: Connection, ids: Iterable[str]) -> dict[str, OrderRecord]:
    """Those of these orders that there are, by their ids."""
    found: dict[str, OrderRecord] = {}
    for some in id_lists(ids):
        records = orders_where(connection, job_orders.c.order_id.in_(some))
        found.update((record.order.order_id, record) for record in records)
    return found


def orders_after(connection: Connection, position: int, limit: int) -> list[tuple[str, int]]:
    """Ids and positions of orders in the turn of their acceptance."""
    query = (
        select(job_orders.c.order_id, job_orders.c.position)
        .where(job_orders.c.position > position)
        .order_by(job_orders.c.position)
        .limit(limit)
    )
    return [(order_id, at) for order_id, at in connection.execute(query)]


def newest_orders(connection: Connection, before: int | None, limit: int) -> list[tuple[str, int]]:
    """Ids and positions of the orders that were accepted last, or last before one; newest first."""
    query = select(job_orders.c.order_id, job_orders.c.position)
    if before is not None:
        query = query.where(job_orders.c.position < before)
    query = query.order_by(job_orders.c.position.desc()).limit(limit)
    return [(order_id, at) for order_id, at in connection.execute(query)]


def orders_of_batch(connection: Connection, batch_id: int) -> list[str]:
    """Ids of the orders that came with a batch."""
    query = select(job_orders.c.order_id).where(job_orders.c.batch_id == batch_id)
    return list(connection.scalars(query))


@dataclass(frozen=True, slots=True)
class OrderLine:
    """What an order is looked for by. `bad` is whether an operation failed or was cancelled."""

    order_id: str
    position: int
    product: str
    customer: str
    cancelled: bool
    bad: bool


def all_order_lines(connection: Connection) -> Iterator[OrderLine]:
    """A line of every order in the turn of their acceptance."""
    bad = set(
        connection.scalars(
            select(operations.c.order_id).where(operations.c.status.in_(STOPS_A_UNIT)).distinct()
        )
    )
    names = ("order_id", "position", "product", "customer", "cancelled_ns")
    query = select(*(job_orders.c[name] for name in names)).order_by(job_orders.c.position)
    for order_id, position, product, customer, cancelled_ns in connection.execute(query):
        yield OrderLine(
            order_id, position, product, customer, cancelled_ns is not None, order_id in bad
        )


# -- by when it was --------------------------------------------------------------------------------


def _overlaps(connection: Connection, from_ns: int, to_ns: int) -> ColumnElement[bool]:
    """What had begun before the end of a span and has ended after its begin.

    No index finds both at once: it is looked from that end of the journal that is nearer.
    """
    begun, ended = operations.c.actual_start_ns, operations.c.actual_end_ns
    # Each alone is read from an index's end, both at once are not.
    first = connection.scalar(select(func.min(begun)))
    last = connection.scalar(select(func.max(ended)))
    if first is None or last is None or last - from_ns <= to_ns - first:
        return and_(ended >= from_ns, begun + 0 < to_ns)
    return and_(begun < to_ns, ended + 0 >= from_ns)


def _under_way(to_ns: int) -> ColumnElement[bool]:
    return and_(
        operations.c.status.in_(AT_WORK),
        operations.c.actual_end_ns.is_(None),
        operations.c.actual_start_ns < to_ns,
    )


def orders_at_work(
    connection: Connection, from_ns: int, to_ns: int, cells: Sequence[str]
) -> set[str]:
    """The orders that say what cells did in a span of plant time.

    Those with an operation that was under way in it or a step that was begun; and where an order
    was under way all the time with nothing done meanwhile, one of these, which stands for all.
    """
    query = union(
        select(operations.c.order_id).where(_overlaps(connection, from_ns, to_ns)),
        select(operations.c.order_id).where(_under_way(to_ns)),
        select(operations.c.order_id)
        .join(steps, steps.c.operation_id == operations.c.operation_id)
        .where(steps.c.intent_ns >= from_ns, steps.c.intent_ns < to_ns),
    )
    found = set(connection.scalars(query))
    earlier = operations.alias()
    before = exists().where(
        earlier.c.order_id == operations.c.order_id,
        earlier.c.actual_end_ns + 0 < from_ns,  # not by its index: an order has few operations
        earlier.c.cell.in_(cells),
    )
    behind = (
        select(operations.c.order_id)
        .where(operations.c.actual_start_ns >= to_ns, operations.c.cell.in_(cells), before)
        .limit(1)
    )
    found.update(connection.scalars(behind))
    return found


def orders_due(connection: Connection, from_us: int, to_us: int) -> set[str]:
    """Orders that were due in a span of wall time, microseconds since 1970."""
    query = select(job_orders.c.order_id)
    return set(
        connection.scalars(query.where(job_orders.c.due_us >= from_us, job_orders.c.due_us < to_us))
    )


def ran_between(
    connection: Connection, from_ns: int, to_ns: int, after: tuple[int, str] | None, limit: int
) -> list[OperationRecord]:
    """Operations that were under way in a span, by when they began and by id.

    `after` is the begin, in ns, and the id of the last that is known already.
    """
    begun, key = operations.c.actual_start_ns, operations.c.operation_id

    def part(which: ColumnElement[bool]) -> Select[Any]:
        query = select(*UNMEASURED).where(which)
        if after is not None:
            query = query.where(begun >= after[0], or_(begun > after[0], key > after[1]))
        return query.order_by(begun, key).limit(limit)

    found = {
        row[0]: OperationRecord(*row)
        for which in (_overlaps(connection, from_ns, to_ns), _under_way(to_ns))
        for row in connection.execute(part(which))
    }
    return sorted(found.values(), key=lambda o: (o.actual_start_ns or 0, o.operation_id))[:limit]


def count_ended(connection: Connection, from_ns: int, to_ns: int) -> int:
    """How many operations have ended in a span of plant time."""
    query = select(func.count()).where(
        operations.c.actual_end_ns >= from_ns, operations.c.actual_end_ns < to_ns
    )
    return int(connection.scalar(query) or 0)


# -- by cell ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """An operation that a cell has begun, and of which product it was."""

    operation_id: str
    order_id: str
    cell: str
    start_ns: int
    product: str


def begun_before(connection: Connection, ids: Iterable[str]) -> dict[str, Begun]:
    """What the cell of each of these operations, which have begun, had begun right before it."""
    before = operations.alias()
    query = select(
        operations.c.operation_id,
        select(before.c.operation_id)
        .where(
            before.c.cell == operations.c.cell,
            before.c.actual_start_ns <= operations.c.actual_start_ns,
            or_(
                before.c.actual_start_ns < operations.c.actual_start_ns,
                before.c.operation_id < operations.c.operation_id,
            ),
        )
        .order_by(before.c.actual_start_ns.desc(), before.c.operation_id.desc())
        .limit(1)
        .scalar_subquery(),
    )
    pairs = [
        (one, other)
        for some in id_lists(ids)
        for one, other in connection.execute(query.where(operations.c.operation_id.in_(some)))
        if other is not None
    ]
    found = _begun(connection, {other for _, other in pairs})
    return {one: found[other] for one, other in pairs}


def last_begun(connection: Connection, cells: Iterable[str]) -> list[Begun]:
    """What each of these cells has begun last."""
    ids: list[str] = []
    for cell in cells:
        query = (
            select(operations.c.operation_id)
            .where(operations.c.cell == cell, operations.c.actual_start_ns.is_not(None))
            .order_by(operations.c.actual_start_ns.desc(), operations.c.operation_id.desc())
            .limit(1)
        )
        ids += connection.scalars(query).all()
    return list(_begun(connection, ids).values())


def _begun(connection: Connection, ids: Iterable[str]) -> dict[str, Begun]:
    names = ("operation_id", "order_id", "cell", "actual_start_ns")
    columns = [*(operations.c[name] for name in names), job_orders.c.product]
    query = select(*columns).join(job_orders, job_orders.c.order_id == operations.c.order_id)
    return {
        row[0]: Begun(*row)
        for some in id_lists(ids)
        for row in connection.execute(query.where(operations.c.operation_id.in_(some)))
    }


# -- counted ---------------------------------------------------------------------------------------


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
