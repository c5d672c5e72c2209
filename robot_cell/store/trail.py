"""What was about to be done, what happened, and what people asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, insert, literal, or_, select, update

from robot_cell.store import work
from robot_cell.store.errors import JournalError, UnknownStep, WrongStatus
from robot_cell.store.records import CommandRecord, EventRecord, StepOutcome, StepRecord
from robot_cell.store.tables import commands, events, operations, steps

MAX_STEP_ID: Final = 2**31 - 1
"""Devices keep a step id in a positive 32-bit number."""

_INTENT: Final = ("operation_id", "attempt", "step_index", "label", "intent_ns")
_STEP: Final = tuple(steps.c[name] for name in StepRecord.__dataclass_fields__)


def step_intent(
    connection: Connection, operation_id: str, index: int, label: str, at_ns: int
) -> int:
    """Note that a step is about to be done.

    Returns:
        Its id for the device: positive, unique in the plant and never used again.
    """
    # One statement: this stands between every two steps of every cell.
    running = select(
        operations.c.operation_id,
        operations.c.attempt,
        literal(index),
        literal(label),
        literal(at_ns),
    ).where(operations.c.operation_id == operation_id, operations.c.status == "running")
    step_id = connection.execute(
        insert(steps).from_select(_INTENT, running).returning(steps.c.step_id)
    ).scalar_one_or_none()
    if step_id is None:
        record = work.get(connection, operation_id)
        raise WrongStatus(operation_id, record.status, "steps belong to running operations")
    if step_id > MAX_STEP_ID:
        raise JournalError("all 2^31 step ids have been used: start a new journal")
    return int(step_id)


def step_outcome(
    connection: Connection, step_id: int, outcome: StepOutcome, at_ns: int, message: str
) -> None:
    """Note what became of a step.

    The same outcome again changes nothing; `uncertain` may become something certain later.
    """
    resolves = and_(steps.c.outcome == "uncertain", literal(outcome) != "uncertain")
    noted = connection.execute(
        update(steps)
        .where(steps.c.step_id == step_id, or_(steps.c.outcome.is_(None), resolves))
        .values(outcome=outcome, outcome_ns=at_ns, message=message)
    )
    if noted.rowcount == 1:
        return
    row = connection.execute(
        select(steps.c.outcome).where(steps.c.step_id == step_id)
    ).one_or_none()
    if row is None:
        raise UnknownStep(f"there is no step {step_id}")
    if row.outcome != outcome:
        raise WrongStatus(f"step {step_id}", row.outcome, f"it cannot become {outcome}")


def open_steps(connection: Connection, cell: str | None) -> list[StepRecord]:
    """Steps of running operations whose outcome nobody knows: the device has to be asked."""
    query = (
        select(*_STEP)
        .join(operations)
        .where(
            steps.c.outcome.is_(None),
            operations.c.status == "running",
            steps.c.attempt == operations.c.attempt,
        )
        .order_by(steps.c.step_id)
    )
    if cell is not None:
        query = query.where(operations.c.cell == cell)
    return [StepRecord(*row) for row in connection.execute(query)]


def steps_of(connection: Connection, operation_id: str) -> list[StepRecord]:
    """All steps of an operation, of all attempts, oldest first."""
    return [
        StepRecord(*row)
        for row in connection.execute(
            select(*_STEP).where(steps.c.operation_id == operation_id).order_by(steps.c.step_id)
        )
    ]


def append_event(connection: Connection, who: str, what: str, at_ns: int, data: Any) -> int:
    """Append an event."""
    key = connection.execute(
        insert(events).values(
            at_ns=at_ns,
            monotonic_ns=time.monotonic_ns(),
            wall_us=time.time_ns() // 1000,
            who=who,
            what=what,
            data=data,
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def events_since(connection: Connection, after: int, limit: int) -> list[EventRecord]:
    """Events after an event id, oldest first."""
    return [
        EventRecord(*row)
        for row in connection.execute(
            select(events).where(events.c.event_id > after).order_by(events.c.event_id).limit(limit)
        )
    ]


def append_command(
    connection: Connection, who: str, what: str, target: str, at_ns: int, data: Any
) -> int:
    """Note what a person asked for."""
    key = connection.execute(
        insert(commands).values(
            at_ns=at_ns,
            wall_us=time.time_ns() // 1000,
            who=who,
            what=what,
            target=target,
            data=data,
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def command_outcome(connection: Connection, command_id: int, outcome: str, at_ns: int) -> None:
    """Note what came of what a person asked for."""
    connection.execute(
        update(commands)
        .where(commands.c.command_id == command_id, commands.c.outcome.is_(None))
        .values(outcome=outcome, outcome_ns=at_ns)
    )


def commands_since(connection: Connection, after: int, limit: int) -> list[CommandRecord]:
    """What people asked for after a command id, oldest first."""
    return [
        CommandRecord(*row)
        for row in connection.execute(
            select(commands)
            .where(commands.c.command_id > after)
            .order_by(commands.c.command_id)
            .limit(limit)
        )
    ]


def last_command(connection: Connection, target: str, among: Sequence[str]) -> CommandRecord | None:
    """The newest of these commands to a target; None if there is none."""
    row = connection.execute(
        select(commands)
        .where(commands.c.target == target, commands.c.what.in_(list(among)))
        .order_by(commands.c.command_id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else CommandRecord(*row)
