"""The operations of an order, counted: what its state and its promise are told from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, case, cast, func, select

from robot_cell.store.at_once import rows_at_once
from robot_cell.store.id_lists import FEW, id_lists
from robot_cell.store.tables import operations


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of an order's operations, plant times in ns.

    Attributes:
        total: all of them.
        complete, running, uncertain, leased, failed: with that status.
        unplanned: planned, and without a place in the plan.
        units_complete: work units of which every operation is complete.
        units_failed: work units of which an operation failed.
        start_ns: when the first starts or has started.
        end_ns: when the last ends or has ended; None while that of one is not known.
    """

    total: int = 0
    complete: int = 0
    running: int = 0
    uncertain: int = 0
    leased: int = 0
    failed: int = 0
    unplanned: int = 0
    units_complete: int = 0
    units_failed: int = 0
    start_ns: int | None = None
    end_ns: int | None = None


_COUNTED: Final = ("complete", "running", "uncertain", "leased", "failed")


def _count(which: ColumnElement[bool]) -> ColumnElement[Any]:
    return cast(func.sum(case((which, 1), else_=0)), Integer)


def _by_unit() -> Any:
    o = operations.c
    end_ns = case((o.status == "complete", o.actual_end_ns), else_=o.planned_end_ns)
    unplanned = (o.status == "planned") & o.planned_end_ns.is_(None)
    return (
        select(
            o.order_id,
            func.count().label("total"),
            *(_count(o.status == one).label(one) for one in _COUNTED),
            _count(unplanned).label("unplanned"),
            func.min(func.coalesce(o.actual_start_ns, o.planned_start_ns)).label("start_ns"),
            func.max(end_ns).label("end_ns"),
            _count(end_ns.is_(None)).label("endless"),
        )
        .where(o.order_id.in_(bindparam("ids", expanding=True)))
        .group_by(o.order_id, o.unit)
        .subquery()
    )


_UNITS: Final = _by_unit().c
_SUMMED: Final = ("total", *_COUNTED, "unplanned")
_TALLIES: Final = select(
    _UNITS.order_id,
    *(cast(func.sum(_UNITS[name]), Integer) for name in _SUMMED),
    _count(_UNITS.complete == _UNITS.total),
    _count(_UNITS.failed > 0),
    func.min(_UNITS.start_ns),
    case((func.sum(_UNITS.endless) == 0, func.max(_UNITS.end_ns))),
).group_by(_UNITS.order_id)


def tallies_of_orders(connection: Connection, ids: Iterable[str]) -> dict[str, Tally]:
    """The tally of each of these orders that there is."""
    return {
        row[0]: Tally(*row[1:])
        for some in id_lists(ids, FEW)
        for row in rows_at_once(connection, _TALLIES, {"ids": some})
    }
