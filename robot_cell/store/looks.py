"""What readers of the journal ask, who follow it from outside: `journal.look(looks.last_event)`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, text

from robot_cell.model import PlannedOperation
from robot_cell.store import log
from robot_cell.store.id_lists import id_lists
from robot_cell.store.records import (
    BatchRecord,
    EventRecord,
    OperationRecord,
    ScheduleRecord,
    StepRecord,
)
from robot_cell.store.tables import batches, events, facts, operations, schedules, steps
from robot_cell.store.work import UNMEASURED

_STEP: Final = tuple(steps.c[field.name] for field in fields(StepRecord))
_CHANGES: Final = (
    select(*(events.c[name] for name in ("event_id", "at_ns", "kind", "what", "data")))
    .where(events.c.event_id > bindparam("after"))
    .order_by(events.c.event_id)
)
_BATCH: Final = tuple(batches.c[field.name] for field in fields(BatchRecord))


def last_event(connection: Connection) -> int:
    """Id of the newest event, 0 before the first."""
    return log.end_of_log(connection)[0]


@dataclass(frozen=True, slots=True)
class Changed:
    """An event, briefly: its data are the JSON text, for whoever needs them."""

    event_id: int
    at_ns: int
    kind: str
    what: str
    data: str


def changes(connection: Connection, after: int) -> list[Changed]:
    """Every event after an id, oldest first."""
    return [Changed(*row) for row in connection.execute(_CHANGES, {"after": after})]


def waiting_draft(connection: Connection, title: str) -> EventRecord | None:
    """The newest note of that title, unless a plan was published or a draft decided on since."""
    found = log.last_told_of(connection, title)
    if found is None:
        return None
    published = connection.scalar(
        select(schedules.c.event_id).order_by(schedules.c.revision.desc()).limit(1)
    )
    if published is not None and published > found.event_id:
        return None
    decided = select(events.c.event_id).where(
        events.c.event_id > found.event_id, events.c.what.in_(("approve", "refuse"))
    )
    return None if connection.scalar(decided.limit(1)) is not None else found


def operations_named(connection: Connection, ids: Iterable[str]) -> list[OperationRecord]:
    """The operations with these ids that there are, without what was measured in them."""
    found: list[OperationRecord] = []
    for some in id_lists(ids):
        query = select(*UNMEASURED).where(operations.c.operation_id.in_(some))
        found += [OperationRecord(*row) for row in connection.execute(query)]
    return found


def newest_told(connection: Connection, count: int) -> list[EventRecord]:
    """The newest events that people are told of, oldest first."""
    query = (
        select(events.c.event_id)
        .where(text("told"))
        .order_by(events.c.event_id.desc())
        .limit(count)
    )
    ids = sorted(connection.scalars(query))
    return log.told_since(connection, ids[0] - 1, count) if ids else []


def batch(connection: Connection, batch_id: int) -> BatchRecord | None:
    """One accepted batch."""
    row = connection.execute(select(*_BATCH).where(batches.c.batch_id == batch_id)).one_or_none()
    return None if row is None else BatchRecord(*row)


def revisions(connection: Connection, after: int, limit: int) -> list[ScheduleRecord]:
    """Published schedules after a revision, oldest first, without their rows."""
    query = (
        select(schedules)
        .where(schedules.c.revision > after)
        .order_by(schedules.c.revision)
        .limit(limit)
    )
    return [
        ScheduleRecord(row.revision, row.published_ns, row.engine, ())
        for row in connection.execute(query)
    ]


def revision(connection: Connection, number: int) -> ScheduleRecord | None:
    """One published schedule with its rows."""
    query = (
        select(schedules.c.published_ns, schedules.c.engine, events.c.data)
        .join(events, events.c.event_id == schedules.c.event_id)
        .where(schedules.c.revision == number)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    rows = tuple(PlannedOperation(*values) for values in json.loads(row.data)["rows"])
    return ScheduleRecord(number, row.published_ns, row.engine, rows)


def first_revision_after(connection: Connection, batch_id: int) -> ScheduleRecord | None:
    """The first plan that was published after a batch had been accepted."""
    accepted = select(batches.c.accepted_ns).where(batches.c.batch_id == batch_id)
    number = connection.scalar(
        select(schedules.c.revision)
        .where(schedules.c.published_ns >= accepted.scalar_subquery())
        .order_by(schedules.c.published_ns, schedules.c.revision)
        .limit(1)
    )
    return None if number is None else revision(connection, number)


def steps_between(
    connection: Connection, from_ns: int, to_ns: int, cell: str | None = None
) -> list[StepRecord]:
    """Steps that were begun in a span of plant time, oldest first."""
    query = (
        select(*_STEP)
        .where(steps.c.intent_ns >= from_ns, steps.c.intent_ns < to_ns)
        .order_by(steps.c.step_id)
    )
    if cell is not None:
        query = query.join(operations).where(operations.c.cell == cell)
    return [StepRecord(*row) for row in connection.execute(query)]


def uncertain_steps(connection: Connection, cell: str) -> list[StepRecord]:
    """Steps of a cell of which a person has to say what became."""
    query = (
        select(*_STEP)
        .join(operations)
        .where(
            steps.c.outcome == "uncertain",
            steps.c.attempt == operations.c.attempt,
            operations.c.cell == cell,
            operations.c.status.in_(("running", "uncertain")),
        )
        .order_by(steps.c.step_id)
    )
    return [StepRecord(*row) for row in connection.execute(query)]


def plant_start_us(connection: Connection) -> int | None:
    """The instant of plant time 0, microseconds since 1970; None before the plant has started."""
    value = connection.scalar(select(facts.c.value).where(facts.c.name == "start_us"))
    return None if value is None else int(value)


def count_events(connection: Connection) -> int:
    """How many events there are."""
    return int(connection.scalar(select(func.count()).select_from(events)) or 0)
