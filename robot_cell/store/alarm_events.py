"""What events of alarms change in their table; the states follow `robot_cell.model.alarm`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from robot_cell.model.alarm import AlarmEvent, AlarmState, after
from robot_cell.store.errors import JournalCorrupt
from robot_cell.store.records import EventRecord
from robot_cell.store.tables import alarms

TEXTS_AT_MOST: Final = 20
"""So many consequences are kept with an alarm; more are counted as repetitions."""


def _raised(connection: Connection, event: EventRecord) -> None:
    data = event.data
    alarm_id = data["alarm_id"]
    known = connection.execute(select(alarms).where(alarms.c.alarm_id == alarm_id)).one_or_none()
    if known is None:
        row = {name: data[name] for name in ("alarm_id", *_GIVEN)}
        connection.execute(
            insert(alarms).values(
                **row,
                state=_next(event, AlarmState.NORMAL, AlarmEvent.RAISE),
                consequences=[],
                times=1,
                raised_ns=event.at_ns,
                raised_wall_us=event.wall_us,
            )
        )
        return
    _move(
        connection,
        event,
        AlarmEvent.RAISE,
        text=data["text"],
        times=known.times + 1,
        returned_ns=None,
        acknowledged_ns=None,
        acknowledged_by=None,
    )


def _followed(connection: Connection, event: EventRecord) -> None:
    """Something came of it: it is told with the alarm, which is at least as urgent as that."""
    data = event.data
    row = connection.execute(
        select(alarms.c.consequences, alarms.c.priority).where(
            alarms.c.alarm_id == data["alarm_id"]
        )
    ).one()
    texts = [*row.consequences, data["text"]][:TEXTS_AT_MOST]
    _set(connection, event, consequences=texts, priority=max(row.priority, data["priority"]))


def _returned(connection: Connection, event: EventRecord) -> None:
    _move(connection, event, AlarmEvent.RETURN, returned_ns=event.at_ns)


def _acknowledged(connection: Connection, event: EventRecord) -> None:
    _move(
        connection,
        event,
        AlarmEvent.ACKNOWLEDGE,
        acknowledged_ns=event.at_ns,
        acknowledged_by=event.who,
    )


def _shelved(connection: Connection, event: EventRecord) -> None:
    _move(
        connection,
        event,
        AlarmEvent.SHELVE,
        shelved_until_us=event.data["until_us"],
        shelved_by=event.who,
    )


def _unshelved(connection: Connection, event: EventRecord) -> None:
    _move(connection, event, AlarmEvent.UNSHELVE, shelved_until_us=None)


ALARM_CHANGES: Final[dict[str, Callable[[Connection, EventRecord], None]]] = {
    "alarm_raised": _raised,
    "alarm_followed": _followed,
    "alarm_returned": _returned,
    "alarm_acknowledged": _acknowledged,
    "alarm_shelved": _shelved,
    "alarm_unshelved": _unshelved,
}

_GIVEN: Final = ("source", "kind", "subject", "priority", "text", "action", "first_out")


def _next(event: EventRecord, state: AlarmState, happened: AlarmEvent) -> str:
    found = after(state, happened)
    if found is None:
        raise JournalCorrupt(
            f"event {event.event_id}: {happened.value} does not apply to an alarm that is "
            f"{state.value}"
        )
    return found.value


def _move(connection: Connection, event: EventRecord, happened: AlarmEvent, **values: Any) -> None:
    query = select(alarms.c.state).where(alarms.c.alarm_id == event.data["alarm_id"])
    state = AlarmState(connection.scalar(query))
    _set(connection, event, state=_next(event, state, happened), **values)


def _set(connection: Connection, event: EventRecord, **values: Any) -> None:
    connection.execute(
        update(alarms).where(alarms.c.alarm_id == event.data["alarm_id"]).values(**values)
    )
