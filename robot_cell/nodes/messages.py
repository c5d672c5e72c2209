"""The scheduler's data as messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from robot_cell_interfaces.msg import InputError, JobStatus, Schedule, ScheduledOperation

from drivers.clock import PlantClock
from robot_cell.orders.board import Board
from robot_cell.orders.planning_job import Plan
from robot_cell.orders.problems import InputProblem
from robot_cell.orders.status import JobView

_NONE = -1


def unix_ns(start: datetime, at_ns: int) -> int:
    """Unix time of a plant time, ns."""
    return int(start.timestamp()) * 1_000_000_000 + start.microsecond * 1000 + at_ns


def schedule(plan: Plan, board: Board, revision: int, clock: PlantClock, stamp: Any) -> Schedule:
    """The published schedule with what has become of it."""
    message = Schedule(
        stamp=stamp,
        revision=revision,
        start_unix_ns=unix_ns(clock.start(), 0),
        engine=plan.engine,
        makespan_ns=plan.makespan_ns,
    )
    planned = [o for o in board.operations.values() if o.planned_start_ns is not None]
    message.operations = [
        ScheduledOperation(
            operation_id=record.operation_id,
            order_id=record.order_id,
            unit=record.unit,
            operation=record.name,
            cell=record.cell or "",
            program=record.program or "",
            planned_start_ns=record.planned_start_ns,
            planned_end_ns=record.planned_end_ns,
            status=record.status,
            actual_start_ns=_or_none(record.actual_start_ns),
            actual_end_ns=_or_none(record.actual_end_ns),
        )
        for record in sorted(planned, key=lambda o: (o.planned_start_ns or 0, o.operation_id))
    ]
    return message


def job_status(view: JobView, start: datetime) -> JobStatus:
    """One order's view; its times become Unix times."""
    order = view.order
    ended = view.status in ("complete", "failed", "cancelled")
    end_ns = _NONE if view.promised_end_ns is None else unix_ns(start, view.promised_end_ns)
    return JobStatus(
        order_id=order.order_id,
        product=order.product,
        quantity=order.quantity,
        done=view.units_complete,
        failed=0,
        status=view.status,
        release_ns=_instant_ns(order.release),
        due_ns=_instant_ns(order.due),
        promised_ns=end_ns,
        finished_ns=end_ns if ended else _NONE,
        priority=order.priority,
        customer=order.customer,
    )


def input_error(problem: InputProblem) -> InputError:
    """One thing that is wrong in a batch."""
    return InputError(
        file=problem.file,
        row=problem.row,
        column=problem.column,
        value=problem.value,
        expected=problem.expected,
        message=problem.message,
    )


def _instant_ns(instant: datetime) -> int:
    epoch = datetime.fromtimestamp(0, instant.tzinfo)
    return (instant - epoch) // timedelta(microseconds=1) * 1000


def _or_none(value: int | None) -> int:
    return _NONE if value is None else value
