"""Records of the journal and words of the plant file as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any, Final

from robot_cell.client import CellStateView
from robot_cell.gateway import shapes
from robot_cell.model import (
    Cell,
    PlannedOperation,
    Plant,
    Program,
)
from robot_cell.model.arm_safety import ArmSafety
from robot_cell.model.packml import ASKERS, Asker, Command, Mode, State, allowed
from robot_cell.model.step_text import describe
from robot_cell.orders.status import JobView
from robot_cell.reporting.plan_changes import DRAFTED, happenings
from robot_cell.store import (
    CommandRecord,
    EventRecord,
    OperationRecord,
    OrderRecord,
    ScheduleRecord,
    StepRecord,
)
from robot_cell.store.alarms import AlarmRecord
from robot_cell.store.records import TokenRecord

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HELD: Final = ("Holding", "Held")
_STATES: Final = {state.label: state for state in State}


def instant_ms(instant: datetime) -> int:
    """Unix milliseconds."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def plant_ms(at_ns: int, start: datetime) -> int:
    """Unix milliseconds of a plant time."""
    return instant_ms(start) + at_ns // 1_000_000


def plant_ns(at_ms: int, start: datetime) -> int:
    """Plant time of Unix milliseconds, ns."""
    return (at_ms - instant_ms(start)) * 1_000_000


def _ms(at_ns: int | None, start: datetime) -> int | None:
    return None if at_ns is None else plant_ms(at_ns, start)


def operation_view(
    record: OperationRecord, start: datetime, setup_s: float = 0.0
) -> shapes.Operation:
    """An operation, and how long its cell is set up before it."""
    return {
        "id": record.operation_id,
        "order_id": record.order_id,
        "unit": record.unit,
        "position": record.position,
        "name": record.name,
        "cell": record.cell,
        "program": record.program,
        "status": record.status,
        "planned_start_ms": _ms(record.planned_start_ns, start),
        "planned_end_ms": _ms(record.planned_end_ns, start),
        "actual_start_ms": _ms(record.actual_start_ns, start),
        "actual_end_ms": _ms(record.actual_end_ns, start),
        "setup_s": setup_s,
        "attempt": record.attempt,
        "message": record.message,
    }


def planned_view(row: PlannedOperation, start: datetime, setup_s: float = 0.0) -> shapes.PlannedRow:
    """A row of a plan, and how long its cell is set up before it."""
    return {
        "id": row.operation_id,
        "order_id": row.order_id,
        "unit": row.unit,
        "name": row.operation,
        "cell": row.cell,
        "program": row.program,
        "planned_start_ms": plant_ms(row.start_ns, start),
        "planned_end_ms": plant_ms(row.end_ns, start),
        "setup_s": setup_s,
    }


def order_view(
    record: OrderRecord, job: JobView, promised_first_ns: int | None, start: datetime
) -> shapes.Order:
    """An order and what has become of it."""
    ended = job.status in ("complete", "failed", "cancelled")
    return {
        "order_id": record.order.order_id,
        "product": record.order.product,
        "quantity": record.order.quantity,
        "done": job.units_complete,
        "failed": job.units_failed,
        "status": job.status,
        "release_ms": instant_ms(record.order.release),
        "due_ms": instant_ms(record.order.due),
        "promised_ms": _ms(job.promised_end_ns, start),
        "promised_first_ms": _ms(promised_first_ns, start),
        "finished_ms": _ms(job.promised_end_ns, start) if ended else None,
        "late_s": None if job.late_ns is None else job.late_ns * 1e-9,
        "priority": record.order.priority,
        "customer": record.order.customer,
        "operations_done": job.operations_complete,
        "operations_total": job.operations_total,
        "planned_start_ms": _ms(job.planned_start_ns, start),
        "batch_id": record.batch_id,
        "cancelled_by": record.cancelled_by,
        "cancel_reason": record.cancel_reason,
    }


def unit_status(records: Iterable[OperationRecord]) -> str:
    """What became of a work unit, told from its operations."""
    found = {record.status for record in records}
    for status in ("uncertain", "failed", "running"):
        if status in found:
            return status
    if found == {"complete"}:
        return "complete"
    if "cancelled" in found:
        return "cancelled"
    return "running" if found & {"complete", "leased"} else "planned"


def step_view(record: StepRecord, start: datetime) -> shapes.Step:
    """A step that was begun."""
    return {
        "id": record.step_id,
        "operation_id": record.operation_id,
        "attempt": record.attempt,
        "index": record.step_index,
        "label": record.label,
        "intent_ms": plant_ms(record.intent_ns, start),
        "outcome": record.outcome,
        "outcome_ms": _ms(record.outcome_ns, start),
        "message": record.message,
    }


def program_steps(
    program: Program,
    begun: Mapping[int, StepRecord],
    start: datetime | None,
    product: str = "$product",
) -> list[shapes.ProgramStep]:
    """The steps of a program with what has become of those that were begun, by index."""
    views: list[shapes.ProgramStep] = []
    for index, step in enumerate(program.steps):
        record = begun.get(index)
        known = record is not None and start is not None
        views.append(
            {
                "index": index,
                "label": record.label if record is not None else describe(step, product),
                "id": record.step_id if record is not None else None,
                "outcome": record.outcome if record is not None else None,
                "intent_ms": plant_ms(record.intent_ns, start) if known else None,  # type: ignore[union-attr, arg-type]
                "outcome_ms": _ms(record.outcome_ns, start) if known else None,  # type: ignore[union-attr, arg-type]
                "message": record.message if record is not None else "",
            }
        )
    return views


def event_view(record: EventRecord, start: datetime | None) -> shapes.Event:
    """An event with a sentence for people."""
    told = happenings([record])
    text = told[0].text if told else _sentence(record)
    at_ms = record.wall_us // 1000 if start is None else plant_ms(record.at_ns, start)
    return {
        "id": record.event_id,
        "at_ms": at_ms,
        "wall_ms": record.wall_us // 1000,
        "who": record.who,
        "kind": record.kind,
        "what": record.what,
        "text": text,
        "data": _told_data(record),
    }


def _told_data(record: EventRecord) -> Any:
    """What an event carries; the places of a draft are asked for by whoever wants them."""
    if record.what == DRAFTED and isinstance(record.data, dict):
        return {name: value for name, value in record.data.items() if name != "placed"}
    return record.data


def _sentence(record: EventRecord) -> str:
    data = record.data if isinstance(record.data, dict) else {}
    if record.kind == "order_prioritised":
        return f"{data['order_id']}: priority {data['priority']} instead of {data['before']}"
    if record.kind == "order_allowed":
        return f"{data['order_id']} may be made again"
    if record.kind == "mode_changed":
        return f"{data['cell']} is in mode {data['mode']}"
    if record.kind.startswith("alarm_"):
        about = f"alarm {data['alarm_id']} {record.kind.removeprefix('alarm_')}"
        return f"{about}: {data['text']}" if data.get("text") else about
    about = next((str(data[k]) for k in ("cell", "operation_id", "order_id") if k in data), "")
    reason = next((str(data[k]) for k in ("reason", "because", "message") if data.get(k)), "")
    return ": ".join(part for part in (" ".join((about, record.what)).strip(), reason) if part)


def audit_view(record: CommandRecord, start: datetime | None) -> shapes.AuditEntry:
    """What somebody asked for."""
    at_ms = record.wall_us // 1000 if start is None else plant_ms(record.at_ns, start)
    return {
        "id": record.command_id,
        "at_ms": at_ms,
        "wall_ms": record.wall_us // 1000,
        "who": record.who,
        "what": record.what,
        "target": record.target,
        "data": record.data,
        "outcome": record.outcome,
    }


def alarm_view(record: AlarmRecord, start: datetime) -> shapes.Alarm:
    """An alarm."""
    shelved_us = record.shelved_until_us
    return {
        "id": record.alarm_id,
        "cell": record.source,
        "source": record.subject,
        "kind": record.kind,
        "priority": record.priority.label,
        "state": record.state.value,
        "text": record.text,
        "cause": record.kind.replace("_", " "),
        "action": record.action,
        "consequences": list(record.consequences),
        "first_out": record.first_out,
        "times": record.times,
        "raised_ms": plant_ms(record.raised_ns, start),
        "cleared_ms": _ms(record.returned_ns, start),
        "acknowledged_ms": _ms(record.acknowledged_ns, start),
        "acknowledged_by": record.acknowledged_by,
        "shelved_until_ms": None if shelved_us is None else shelved_us // 1000,
        "shelved_by": record.shelved_by,
    }


def token_view(record: TokenRecord) -> shapes.TokenView:
    """A token without its secret."""
    return {
        "id": record.token_id,
        "name": record.name,
        "role": record.role,
        "added_ms": record.added_us // 1000,
        "added_by": record.added_by,
        "expires_ms": None if record.expires_us is None else record.expires_us // 1000,
        "revoked_ms": None if record.revoked_us is None else record.revoked_us // 1000,
        "revoked_by": record.revoked_by,
    }


def revision_view(record: ScheduleRecord, start: datetime) -> shapes.Revision:
    """A plan that was published."""
    return {
        "revision": record.revision,
        "engine": record.engine,
        "published_ms": plant_ms(record.published_ns, start),
    }


_NOBODY_KNOWS: Final = ArmSafety()


def cell_live(
    view: CellStateView | None,
    start: datetime | None,
    *,
    lost: bool,
    override_percent: float | None,
    mode: Mode = Mode.PRODUCTION,
    alarms: int = 0,
    devices: int = 0,
    arm_state: str = "",
    safety: ArmSafety = _NOBODY_KNOWS,
) -> shapes.CellLive:
    """What a cell says of itself; of one that was never heard the state is empty."""
    arm: shapes.ArmLive = {
        "arm_state": arm_state,
        "emergency_stop": safety.emergency_stop,
        "protective_stop": safety.protective_stop,
    }
    if view is None:
        return {
            **arm,
            "state": "", "mode": mode.label, "operation_id": "", "order_id": "", "unit": 0,
            "program": "", "step": 0, "steps": 0, "progress": 0.0, "message": "",
            "since_ms": None, "allowed": [], "lost": lost, "held": False,
            "override_percent": override_percent, "alarms": alarms, "devices": devices,
        }  # fmt: skip
    state = _STATES[view.state]
    return {
        **arm,
        "state": view.state,
        "mode": mode.label,
        "operation_id": view.operation_id,
        "order_id": view.order_id,
        "unit": view.unit,
        "program": view.program,
        "step": view.step,
        "steps": view.steps,
        "progress": round(view.progress, 4),
        "message": view.message,
        "since_ms": None if start is None else plant_ms(view.at_ns, start),
        "allowed": list(_obeyed(state, mode)),
        "lost": lost,
        "held": view.state in _HELD,
        "override_percent": override_percent,
        "alarms": alarms,
        "devices": devices,
    }


@cache
def _obeyed(state: State, mode: Mode) -> tuple[str, ...]:
    """Names of the commands that a cell obeys from people; asked ten times a second for each."""
    return tuple(
        command.label for command in allowed(state, mode) if Asker.PERSON in ASKERS[command]
    )


def fixtures_of(cell: Cell) -> list[shapes.FixtureView]:
    """The devices of a cell."""
    return [
        {
            "name": name,
            "kind": fixture.kind,
            "frame": fixture.frame,
            "mounted_on": fixture.mounted_on,
        }
        for name, fixture in cell.fixtures.items()
    ]


def products_of(plant: Plant) -> dict[str, shapes.ProductView]:
    """What the plant makes."""
    return {
        name: {
            "description": product.description,
            "operations": [
                {"name": operation.name, "cells": dict(operation.programs)}
                for operation in product.operations
            ],
        }
        for name, product in plant.products.items()
    }


def draft_view(draft: tuple[int, int, Any] | None, start: datetime) -> shapes.Draft | None:
    """The plan that waits for approval."""
    if draft is None:
        return None
    event_id, at_ns, data = draft
    base_ms = instant_ms(start)
    return {
        "event_id": event_id,
        "at_ms": plant_ms(at_ns, start),
        "because": str(data.get("because", "")),
        "moved": len(data.get("moved", ())),
        "ends_before_ms": base_ms + int(data["end_before_s"] * 1000),
        "ends_after_ms": base_ms + int(data["end_after_s"] * 1000),
        "orders_later_s": float(data["orders_later_s"]),
    }


def command_named(text: str) -> Command | None:
    """A PackML command by its name, in any case."""
    return Command.__members__.get(text.strip().upper())
