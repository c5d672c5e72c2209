"""What a journal says of orders and operations that are over, and which of them were over last.

Found by name, by cell or by when it was, through indexes: an answer costs what it tells, and not
what the journal has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
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


def from_its_end(connection: Connection, from_ns: int, to_ns: int) -> bool:
    """Whether what overlaps a span is found sooner by when it ended than by when it had begun.

    No index finds both at once: it is looked from that end of the journal that is nearer.
    """
    # Each alone is read from an index's end, both at once are not.
    first = connection.scalar(_FIRST)
    last = connection.scalar(_LAST)
    return first is None or last is None or bool(last - from_ns <= to_ns - first)


_FIRST: Final = select(func.min(operations.c.actual_start_ns))
_LAST: Final = select(func.max(operations.c.actual_end_ns))
_Instant = int | BindParameter[int]


def _overlaps(from_ns: _Instant, to_ns: _Instant, *, at_end: bool) -> ColumnElement[bool]:
    """What had begun before the end of a span and has ended after its begin."""
    begun, ended = operations.c.actual_start_ns, operations.c.actual_end_ns
    if at_end:
        return and_(ended >= from_ns, begun + 0 < to_ns)
    return and_(begun < to_ns, ended + 0 >= from_ns)


def _under_way(to_ns: _Instant) -> ColumnElement[bool]:
    return and_(
        operations.c.status.in_(AT_WORK),
        operations.c.actual_end_ns.is_(None),
        operations.c.actual_start_ns < to_ns,
    )


def at_work_between(
    from_ns: _Instant, to_ns: _Instant, cells: Sequence[str] | BindParameter[Any], *, at_end: bool
) -> CompoundSelect[Any]:
    """The orders that say what cells did in a span of plant time, a query.

    Those with an operation that was under way in it or a step that was begun; and where an order
    was under way all the time with nothing done meanwhile, one of these, which stands for all.
    `at_end` is `from_its_end`, which changes no answer.
    """
    before, after = operations.alias(), operations.alias()
    # Found by when it was: where an index has cells or orders in their turn, it is not used.
    over_before = (before.c.actual_end_ns < from_ns, func.coalesce(before.c.cell, "").in_(cells))
    begun_after = (after.c.actual_start_ns >= to_ns, func.coalesce(after.c.cell, "").in_(cells))
    # The orders on that side of the span where there are fewer, each looked at once.
    near, far = (after, before) if at_end else (before, after)
    of_near, of_far = (begun_after, over_before) if at_end else (over_before, begun_after)
    order_id = func.coalesce(near.c.order_id, "").label("order_id")
    orders = select(order_id).where(*of_near).distinct().subquery()
    goes_over = exists().where(far.c.order_id == orders.c.order_id, *of_far)
    behind = select(orders.c.order_id).where(goes_over).limit(1).subquery()
    return union(
        select(operations.c.order_id).where(_overlaps(from_ns, to_ns, at_end=at_end)),
        select(operations.c.order_id).where(_under_way(to_ns)),
        select(operations.c.order_id)
        .join(steps, steps.c.operation_id == operations.c.operation_id)
        .where(steps.c.intent_ns >= from_ns, steps.c.intent_ns < to_ns),
        select(behind.c.order_id),
    )


def orders_at_work(
    connection: Connection, from_ns: int, to_ns: int, cells: Sequence[str]
) -> set[str]:
    """The ids of the orders that say what cells did in a span of plant time."""
    at_end = from_its_end(connection, from_ns, to_ns)
    return set(connection.scalars(at_work_between(from_ns, to_ns, cells, at_end=at_end)))


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
    at_end = from_its_end(connection, from_ns, to_ns)

    def part(which: ColumnElement[bool]) -> Select[Any]:
        query = select(*UNMEASURED).where(which)
        if after is not None:
            query = query.where(begun >= after[0], or_(begun > after[0], key > after[1]))
        return query.order_by(begun, key).limit(limit)

    found = {
        row[0]: OperationRecord(*row)
        for which in (_overlaps(from_ns, to_ns, at_end=at_end), _under_way(to_ns))
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


def begun_within(
    connection: Connection, cells: Iterable[str], from_ns: int, to_ns: int
) -> list[Begun]:
    """What these cells have begun in a span of plant time, in no order."""
    query = _BEGUN.where(
        operations.c.cell.in_(list(cells)),
        operations.c.actual_start_ns >= from_ns,
        operations.c.actual_start_ns < to_ns,
    )
    return [Begun(*row) for row in connection.execute(query)]


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


_BEGUN: Final = select(
    operations.c.operation_id,
    operations.c.order_id,
    operations.c.cell,
    operations.c.actual_start_ns,
    job_orders.c.product,
).join(job_orders, job_orders.c.order_id == operations.c.order_id)


def _begun(connection: Connection, ids: Iterable[str]) -> dict[str, Begun]:
    return {
        row[0]: Begun(*row)
        for some in id_lists(ids)
        for row in connection.execute(_BEGUN.where(operations.c.operation_id.in_(some)))
    }
