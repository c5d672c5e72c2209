"""What ran in a span of plant time, as little of it as key figures are made of.

Columns, not records: the database gathers them, and they are summed up as arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    union,
    union_all,
)

from robot_cell.store.at_once import gathered
from robot_cell.store.past import AT_WORK, at_work_between, from_its_end
from robot_cell.store.tables import commands, job_orders, operations, steps

Column = NDArray[np.int64]
NEVER: Final = -1
"""A time that there is none of."""

WAITING: Final = 0
FAILED: Final = 1
COMPLETE: Final = 2
"""How operations ended, or did not (`Ran.ended`)."""

NEITHER: Final = 0
WELL: Final = 1
BADLY: Final = 2
"""How steps came out (`Stepped.outcome`): well are those that their operation counts."""

_FROM: Final = bindparam("from_ns", type_=BigInteger)
_TO: Final = bindparam("to_ns", type_=BigInteger)


class Kind(NamedTuple):
    """What operations have in common, which are gathered."""

    cell: str | None
    program: str | None
    product: str


@dataclass(frozen=True, slots=True)
class Ran:
    """Operations, all of them (n,); plant times and durations in ns.

    Attributes:
        kinds: the different kinds of them. kind: which of these.
        order: the order's turn among those accepted. unit: of the order.
        ended: WAITING, FAILED or COMPLETE.
        attempt: which the last one is, from 1.
        planned_ns: how long it was to take.
        start_ns: NEVER where it has not begun. end_ns: NEVER where it has not ended.
    """

    kinds: tuple[Kind, ...]
    kind: Column
    order: Column
    unit: Column
    ended: Column
    attempt: Column
    planned_ns: Column
    start_ns: Column
    end_ns: Column


@dataclass(frozen=True, slots=True)
class Stepped:
    """Steps, all of them (n,); plant times in ns.

    Attributes:
        cells: the different cells of their operations. cell: which of these.
        intent_ns: when it was begun. outcome_ns: NEVER where it goes on.
        outcome: WELL, BADLY or NEITHER.
    """

    cells: tuple[str | None, ...]
    cell: Column
    intent_ns: Column
    outcome_ns: Column
    outcome: Column


class Obeyed(NamedTuple):
    """A command that was obeyed. Named as `CommandRecord` is."""

    command_id: int
    target: str
    what: str
    outcome: str
    at_ns: int


_OBEYED: Final = select(*(commands.c[name] for name in Obeyed._fields))


def _ran(*, at_end: bool) -> Select[Any]:
    """All operations of the orders that say what cells did in a span."""
    of = at_work_between(_FROM, _TO, bindparam("cells", expanding=True), at_end=at_end).cte("of")
    o = operations.c
    by = (o.cell, o.program, job_orders.c.product)
    return (
        select(
            *by,
            gathered(job_orders.c.position),
            gathered(o.unit),
            gathered(case({"complete": COMPLETE, "failed": FAILED}, value=o.status, else_=WAITING)),
            gathered(o.attempt),
            gathered(func.coalesce(o.planned_end_ns - o.planned_start_ns, 0)),
            gathered(func.coalesce(o.actual_start_ns, NEVER)),
            gathered(func.coalesce(o.actual_end_ns, NEVER)),
        )
        .select_from(of)
        .join(operations, o.order_id == of.c.order_id)
        .join(job_orders, job_orders.c.order_id == of.c.order_id)
        .group_by(*by)
    )


def _stepped() -> Select[Any]:
    o, s = operations.c, steps.c
    # By nothing that has an index: it is looked by when it was.
    cell = func.coalesce(o.cell, "")
    # What was left open by an operation that goes on no more took no time.
    goes_on = case((o.status.in_(AT_WORK), NEVER), else_=s.intent_ns)
    well = and_(s.outcome == "done", s.attempt == o.attempt)
    badly = s.outcome.in_(("failed", "uncertain", "not_done"))
    columns: list[ColumnElement[Any]] = [
        cell,
        gathered(s.intent_ns),
        gathered(func.coalesce(s.outcome_ns, goes_on)),
        gathered(case((well, WELL), (badly, BADLY), else_=NEITHER)),
    ]
    return (
        select(*columns)
        .join_from(steps, operations, o.operation_id == s.operation_id)
        .group_by(cell)
    )


def _went_on(*, at_end: bool) -> Select[Any]:
    """Steps that were begun before a span and went on into it."""
    o, s = operations.c, steps.c
    repeated = select(o.operation_id).where(o.attempt > literal_column("1"))  # as its index says
    at_work = select(o.operation_id).where(
        o.status.in_(AT_WORK), o.actual_end_ns.is_(None), o.actual_start_ns < _FROM
    )
    over = select(o.operation_id).where(
        and_(o.actual_end_ns >= _FROM, o.actual_start_ns + 0 < _FROM)
        if at_end
        else and_(o.actual_start_ns < _FROM, o.actual_end_ns + 0 >= _FROM)
    )
    return _stepped().where(
        s.operation_id.in_(union(repeated, at_work, over)),
        s.intent_ns < _FROM,
        or_(s.outcome_ns > _FROM, s.outcome_ns.is_(None)),
    )


_RAN: Final = {at_end: _ran(at_end=at_end) for at_end in (False, True)}
_WENT_ON: Final = {at_end: _went_on(at_end=at_end) for at_end in (False, True)}
_BEGUN: Final = _stepped().where(steps.c.intent_ns >= _FROM, steps.c.intent_ns < _TO)


def ran_at_work(connection: Connection, from_ns: int, to_ns: int, cells: Sequence[str]) -> Ran:
    """All operations of the orders that say what cells did in a span (`at_work_between`)."""
    query = _RAN[from_its_end(connection, from_ns, to_ns)]
    given = {"from_ns": from_ns, "to_ns": to_ns, "cells": list(cells)}
    rows = connection.execute(query, given).all()
    kinds = tuple(Kind(*row[:3]) for row in rows)
    return Ran(kinds, *_columns([row[3:] for row in rows], 7))


def stepped_between(connection: Connection, from_ns: int, to_ns: int) -> Stepped:
    """Steps that were under way in a span of plant time."""
    given = {"from_ns": from_ns, "to_ns": to_ns}
    went_on = _WENT_ON[from_its_end(connection, from_ns, to_ns)]
    rows = [row for query in (went_on, _BEGUN) for row in connection.execute(query, given)]
    return Stepped(tuple(row[0] for row in rows), *_columns([row[1:] for row in rows], 3))


def _columns(groups: Sequence[Sequence[list[int]]], count: int) -> Iterable[Column]:
    """Which group each row is of, and the columns of all groups, one behind the other."""
    sizes = [len(group[0]) for group in groups]
    yield np.repeat(np.arange(len(groups), dtype=np.int64), sizes)
    for at in range(count):
        whole = chain.from_iterable(group[at] for group in groups)
        yield np.fromiter(whole, np.int64, sum(sizes))


@lru_cache(maxsize=64)
def _obeyed(cells: tuple[str, ...], what: tuple[str, ...]) -> tuple[Select[Any], Select[Any]]:
    """What each cell obeyed last before a span, and what within it."""
    wanted = (commands.c.outcome == "obeyed", func.lower(commands.c.what).in_(what))
    asked = union_all(*(select(literal(one).label("cell")) for one in cells)).cte("asked")
    last_before = (
        select(commands.c.command_id)
        .where(commands.c.target == asked.c.cell, *wanted, commands.c.at_ns < _FROM)
        .order_by(commands.c.command_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    before = _OBEYED.where(commands.c.command_id.in_(select(last_before).select_from(asked)))
    within = _OBEYED.where(
        commands.c.target.in_(cells), *wanted, commands.c.at_ns >= _FROM, commands.c.at_ns < _TO
    )
    return before, within.order_by(commands.c.command_id)


def obeyed_by(
    connection: Connection, cells: Sequence[str], what: Sequence[str], from_ns: int, to_ns: int
) -> Mapping[str, list[Obeyed]]:
    """What of these each cell obeyed in a span of plant time, after the last of them before it.

    `what` are names of commands, in lower case.
    """
    found: dict[str, list[Obeyed]] = {one: [] for one in cells}
    for query in _obeyed(tuple(cells), tuple(what)):
        for row in connection.execute(query, {"from_ns": from_ns, "to_ns": to_ns}):
            found[row.target].append(Obeyed._make(row))
    return found
