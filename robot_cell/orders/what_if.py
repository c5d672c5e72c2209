"""What a plan would be if something were otherwise: nothing is stored and nothing published."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from planners.scheduling import Progress
from robot_cell.model import JobOrder, PlannedOperation, Plant, operation_id
from robot_cell.model.calendar import Maintenance
from robot_cell.orders.planning import plan_orders
from robot_cell.orders.planning_job import EFFORT, Moment, known
from robot_cell.orders.stating import PlanningError
from robot_cell.store import OperationRecord

TIME_LIMIT_S = 10.0
"""The search ends by itself long before, unless the plan is large or the machine busy."""


@dataclass(frozen=True)
class Otherwise:
    """What is supposed to be otherwise.

    Attributes:
        more: orders that were accepted besides; those that are known stay as they are.
        priorities: other priorities of orders, by id.
        dues: other due dates of orders, by id.
        without_orders: orders of which nothing more was done.
        without_cells: cells that took no more work.
        down_s: cells that took no work for so long from now on, s.
    """

    more: tuple[JobOrder, ...] = ()
    priorities: Mapping[str, int] | None = None
    dues: Mapping[str, datetime] | None = None
    without_orders: frozenset[str] = frozenset()
    without_cells: frozenset[str] = frozenset()
    down_s: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Supposed:
    """The plan that would be.

    Attributes:
        rows: of everything that has not ended.
        ends_before_ns, ends_after_ns: per order the plant time of its end, in the published plan
            and in the supposed one; None where an operation has no place in it.
        new: the orders that are not known yet.
    """

    rows: tuple[PlannedOperation, ...]
    engine: str
    planned_in_s: float
    new: tuple[JobOrder, ...]
    known: tuple[JobOrder, ...]
    ends_before_ns: Mapping[str, int | None]
    ends_after_ns: Mapping[str, int | None]


def suppose(
    at: Moment,
    otherwise: Otherwise,
    *,
    seed: int = 0,
    on_progress: Callable[[Progress | None], None] = lambda _: None,
) -> Supposed:
    """Plan from the journal's state with something otherwise, as the scheduler would.

    `on_progress` is called with None when the search begins, and with every better plan.

    Raises:
        RobotCellError: there is no plan.
    """
    began_s = time.monotonic()
    orders, records, duration_s, set_up = known(at)
    on_progress(None)
    ids = {order.order_id for order in orders}
    new = tuple(order for order in otherwise.more if order.order_id not in ids)
    priorities, dues = otherwise.priorities or {}, otherwise.dues or {}
    unknown = {*priorities, *dues, *otherwise.without_orders} - ids
    if unknown:
        raise PlanningError(f"there are no orders {', '.join(sorted(unknown))}")
    supposed = [
        order.model_copy(
            update={
                "priority": priorities.get(order.order_id, order.priority),
                "due": dues.get(order.order_id, order.due),
            }
        )
        for order in orders
    ]
    changed = [
        replace(record, status="cancelled")
        if record.order_id in otherwise.without_orders and record.status in ("planned", "leased")
        else record
        for record in records
    ]
    changed += [record for order in new for record in fresh_operations(at.plant, order)]
    plan = plan_orders(
        _with_down(at, otherwise.down_s or {}),
        [*supposed, *new],
        changed,
        duration_s,
        now_ns=at.now_ns,
        start=at.start,
        time_limit_s=TIME_LIMIT_S,
        seed=seed,
        effort=EFFORT,
        lost=tuple({*at.lost, *otherwise.without_cells}),
        published=at.published,
        confirmed_ns=at.confirmed_ns,
        set_up=set_up,
        on_progress=on_progress,
    )
    return Supposed(
        rows=plan.rows,
        engine=plan.schedule.engine,
        planned_in_s=time.monotonic() - began_s,
        new=new,
        known=tuple(orders),
        ends_before_ns=_ends(records, {o.operation_id: o.planned_end_ns for o in records}),
        ends_after_ns=_ends(changed, {row.operation_id: row.end_ns for row in plan.rows}),
    )


def _with_down(at: Moment, down_s: Mapping[str, float]) -> Plant:
    """The plant with cells that are down, as a maintenance that begins now."""
    now = at.start + timedelta(microseconds=at.now_ns // 1000)
    cells = dict(at.plant.cells)
    for name, for_s in down_s.items():
        calendar = cells[name].calendar
        down = Maintenance(start=now, end=now + timedelta(seconds=for_s), reason="supposed")
        calendar = calendar.model_copy(update={"maintenance": (*calendar.maintenance, down)})
        cells[name] = cells[name].model_copy(update={"calendar": calendar})
    return at.plant.model_copy(update={"cells": cells})


def fresh_operations(plant: Plant, order: JobOrder) -> Iterable[OperationRecord]:
    """The operations that an order would have once it were accepted."""
    for unit in range(1, order.quantity + 1):
        for position, operation in enumerate(plant.products[order.product].operations):
            yield OperationRecord(
                operation_id(order.order_id, unit, operation.name),
                order.order_id, unit, position, operation.name, "planned",
                None, None, 0, 1, None, None, None, None, "", None, None,
            )  # fmt: skip


def _ends(
    records: Sequence[OperationRecord], planned_ns: Mapping[str, int | None]
) -> dict[str, int | None]:
    """When each order ends that is to be completed."""
    ends: dict[str, int | None] = {}
    for record in records:
        if record.status in ("failed", "cancelled"):
            continue
        end = (
            record.actual_end_ns
            if record.status == "complete"
            else planned_ns.get(record.operation_id)
        )
        before = ends.get(record.order_id, 0)
        ends[record.order_id] = None if end is None or before is None else max(before, end)
    return ends
