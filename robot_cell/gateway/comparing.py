"""Two plans side by side: the published one, and one that might take its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from robot_cell.gateway.mirror import Mirror
from robot_cell.gateway.plan_shapes import Comparison, DraftDetail, Move, Place
from robot_cell.gateway.setups import planned_setups_s
from robot_cell.gateway.shapes import Promise, PromiseChange
from robot_cell.gateway.views import draft_view, instant_ms, plant_ms
from robot_cell.model import PlannedOperation
from robot_cell.store import OperationRecord

_OPEN: Final = ("planned", "leased")


@dataclass(frozen=True)
class Placed:
    """A place in a plan; plant time in ns."""

    cell: str
    start_ns: int
    end_ns: int


def compare(
    mirror: Mirror,
    start: datetime,
    after: Mapping[str, Placed],
    *,
    new: Sequence[PlannedOperation] = (),
    products: Mapping[str, str] | None = None,
    dues_ms: Mapping[str, int] | None = None,
    without: frozenset[str] = frozenset(),
) -> Comparison:
    """Put another plan beside the published one, as far as something is still open in either.

    Args:
        mirror: with the published plan.
        start: instant of plant time 0.
        after: where the other plan has each operation that has not begun.
        new: its operations of orders that the plant does not have.
        products: of those orders, by order id.
        dues_ms: due dates that hold in the other plan only, and those of new orders.
        without: orders that the other plan does not make.
    """
    changed_dues = dues_ms or {}
    setups = _setups_after(mirror, after, new, {**mirror.work.products, **(products or {})})
    moves: list[Move] = []
    ends: dict[str, tuple[int | None, int | None]] = {}
    for order_id, records in mirror.work.open_orders().items():
        for record in records:
            if record.status in ("failed", "cancelled"):
                continue
            before = _published(record)
            to = after.get(record.operation_id) if record.status in _OPEN else before
            if record.status in _OPEN and before != to:
                moves.append(_move(record, before, to, start, mirror, setups))
            if order_id not in without:
                known = ends.get(order_id, (0, 0))
                ends[order_id] = (_later(known[0], before), _later(known[1], to))
    for row in new:
        place = Placed(row.cell, row.start_ns, row.end_ns)
        moves.append(_move(row, None, place, start, mirror, setups))
        _, known_end = ends.get(row.order_id, (None, 0))
        ends[row.order_id] = (None, _later(known_end, place))
    orders = [
        _change(mirror, order_id, before_ns, after_ns, changed_dues, start)
        for order_id, (before_ns, after_ns) in ends.items()
    ]
    moves.sort(key=lambda one: ((one["after"] or one["before"] or _NOWHERE)["start_ms"], one["id"]))
    return {
        "moves": moves,
        "other_cell": sum(
            one["before"] is not None
            and one["after"] is not None
            and one["before"]["cell"] != one["after"]["cell"]
            for one in moves
        ),
        "waiting": [
            one["id"] for one in moves if one["after"] is None and one["order_id"] not in without
        ],
        "orders": [
            one
            for one in orders
            if one["before_ms"] != one["after_ms"] or one["order_id"] in changed_dues
        ],
        "late_before": sum((one["late_before_s"] or 0.0) > 0.0 for one in orders),
        "late_after": sum((one["late_after_s"] or 0.0) > 0.0 for one in orders),
        "ends_before_ms": max((at for one in orders if (at := one["before_ms"])), default=None),
        "ends_after_ms": max((at for one in orders if (at := one["after_ms"])), default=None),
    }


def draft_detail(mirror: Mirror, start: datetime) -> DraftDetail | None:
    """The plan that waits for approval, beside the published one; None if none waits."""
    found, draft = draft_view(mirror.draft, start), mirror.draft
    if found is None or draft is None:
        return None
    placed: Any = draft[2].get("placed", ())
    after = {
        record.operation_id: place
        for records in mirror.work.open_orders().values()
        for record in records
        if (place := _published(record)) is not None
    }
    after |= {one: Placed(cell, begin, end) for one, cell, begin, end in placed}
    return {**found, "comparison": compare(mirror, start, after)}


_NOWHERE: Final[Place] = {"cell": "", "start_ms": 0, "end_ms": 0, "setup_s": 0.0}


def promise(order_id: str, due_ms: int, end_ns: int | None, start: datetime) -> Promise:
    """When an order would be complete, and how late."""
    at_ms = None if end_ns is None else plant_ms(end_ns, start)
    late_s = None if at_ms is None else (at_ms - due_ms) / 1000.0
    return {"order_id": order_id, "due_ms": due_ms, "promised_ms": at_ms, "late_s": late_s}


def _published(record: OperationRecord) -> Placed | None:
    """Where an operation is, or was."""
    if record.cell is None or record.planned_start_ns is None or record.planned_end_ns is None:
        return None
    if record.status == "complete" and record.actual_end_ns is not None:
        begun_ns = record.actual_start_ns
        return Placed(record.cell, begun_ns or record.planned_start_ns, record.actual_end_ns)
    return Placed(record.cell, record.planned_start_ns, record.planned_end_ns)


def _setups_after(
    mirror: Mirror,
    after: Mapping[str, Placed],
    new: Sequence[PlannedOperation],
    products: Mapping[str, str],
) -> dict[str, float]:
    """Seconds of setup before operations, were the other plan published."""
    if not mirror.setups.by_cell:
        return {}
    turns = list(new)
    for one in (one for records in mirror.work.open_orders().values() for one in records):
        to = after.get(one.operation_id)
        if to is not None and one.status in _OPEN and one.actual_start_ns is None:
            turns.append(
                PlannedOperation(
                    one.operation_id, one.order_id, one.unit, one.name, to.cell,
                    one.program or "", to.start_ns, to.end_ns,
                )
            )  # fmt: skip
    return planned_setups_s(turns, products, mirror.setups, mirror.work.last_begun())


def _later(end_ns: int | None, place: Placed | None) -> int | None:
    return None if end_ns is None or place is None else max(end_ns, place.end_ns)


def _move(
    one: OperationRecord | PlannedOperation,
    before: Placed | None,
    after: Placed | None,
    start: datetime,
    mirror: Mirror,
    setups: Mapping[str, float],
) -> Move:
    shown = mirror.operations.get(one.operation_id)
    return {
        "id": one.operation_id,
        "order_id": one.order_id,
        "unit": one.unit,
        "name": one.name if isinstance(one, OperationRecord) else one.operation,
        "before": _place(before, start, 0.0 if shown is None else shown["setup_s"]),
        "after": _place(after, start, setups.get(one.operation_id, 0.0)),
    }


def _place(placed: Placed | None, start: datetime, setup_s: float) -> Place | None:
    if placed is None:
        return None
    return {
        "cell": placed.cell,
        "start_ms": plant_ms(placed.start_ns, start),
        "end_ms": plant_ms(placed.end_ns, start),
        "setup_s": setup_s,
    }


def _change(
    mirror: Mirror,
    order_id: str,
    before_ns: int | None,
    after_ns: int | None,
    changed_dues: Mapping[str, int],
    start: datetime,
) -> PromiseChange:
    record = mirror.orders.get(order_id)
    own_ms = None if record is None else instant_ms(record.order.due)
    after_due_ms = changed_dues.get(order_id, own_ms or 0)
    before = promise(order_id, own_ms if own_ms is not None else after_due_ms, before_ns, start)
    after = promise(order_id, after_due_ms, after_ns, start)
    both = before_ns is not None and after_ns is not None
    return {
        "order_id": order_id,
        "before_ms": before["promised_ms"],
        "after_ms": after["promised_ms"],
        "later_s": ((after_ns or 0) - (before_ns or 0)) * 1e-9 if both else None,
        "late_before_s": before["late_s"],
        "late_after_s": after["late_s"],
    }
