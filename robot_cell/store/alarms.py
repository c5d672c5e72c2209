"""The plant's alarms: raised by whoever sees a cause, seen to by people, kept over restarts.

Raising and returning can be said as often as one likes: only what changes an alarm is written. So
a fault that comes a hundred times is one alarm, and who restarts need not know what was raised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Row, func, or_, select

from robot_cell.model.alarm import (
    ALARM_KINDS,
    SHELVED_AT_MOST_S,
    AlarmEvent,
    AlarmState,
    Priority,
    after,
)
from robot_cell.store.errors import JournalError
from robot_cell.store.log import Transaction, last_at_ns
from robot_cell.store.tables import alarms

_T = TypeVar("_T")

_OVER: Final = AlarmState.NORMAL.value
_ACTIVE: Final = tuple(state.value for state in AlarmState if state.active)
_SHELVED: Final = tuple(state.value for state in AlarmState if state.shelved)


class UnknownAlarm(JournalError):
    """There is no alarm with this id."""


class AlarmNotInState(JournalError):
    """What was asked does not apply to the alarm as it is."""


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm. Times ending in `_ns` are plant times, those in `_us` microseconds since 1970.

    Attributes:
        source: the cell that it is about, or `plant`.
        subject: what of it: a device, an interlock, a process; empty if all of it.
        text: what happened.
        action: what to do.
        first_out: nothing else was wrong at its source when it came.
        consequences: what came of it, in that order.
        times: how often the condition has come since it was last over and acknowledged.
    """

    alarm_id: int
    source: str
    kind: str
    subject: str
    priority: Priority
    state: AlarmState
    text: str
    action: str
    first_out: bool
    consequences: tuple[str, ...]
    times: int
    raised_ns: int
    raised_wall_us: int
    returned_ns: int | None
    acknowledged_ns: int | None
    acknowledged_by: str | None
    shelved_until_us: int | None
    shelved_by: str | None


class _Write(Protocol):
    def __call__(self, work: Callable[[Transaction], _T]) -> _T: ...


class Alarms:
    """The alarms of a journal; every method is one transaction, durable when it returns."""

    def __init__(
        self, read: Callable[[], AbstractContextManager[Connection]], write: _Write
    ) -> None:
        self._read = read
        self._write = write

    # -- who sees a cause -----------------------------------------------------------------------

    def raise_(self, source: str, kind: str, subject: str, text: str, at_ns: int) -> int:
        """Something is wrong; returns the alarm that tells of it, new or not.

        What can only follow from something (`AlarmKind.follows`) is written to the first alarm
        that its source has, if there is one.
        """
        return self._write(lambda tx: _raise(tx, source, kind, subject, text, at_ns))

    def return_(
        self, source: str, at_ns: int, kinds: Collection[str], subject: str | None = None
    ) -> list[int]:
        """The conditions of these kinds are over, where they were there; which alarms that were."""
        if not self._active(source, kinds, subject):
            return []  # most often: without taking the journal from whoever writes
        return self._write(lambda tx: _return(tx, source, kinds, subject, at_ns))

    def end_shelving(self, now_us: int | None = None) -> list[int]:
        """See that no alarm is shelved for longer than it was asked for; which ones came back."""
        at_us = time.time_ns() // 1000 if now_us is None else now_us
        with self._read() as connection:
            due = connection.scalars(_overdue(at_us)).all()
        if not due:
            return []

        def unshelve(tx: Transaction) -> list[int]:
            ended = [int(one) for one in tx.connection.scalars(_overdue(at_us))]
            for alarm_id in ended:
                tx.record("alarm_unshelved", last_at_ns(tx.connection), "", {"alarm_id": alarm_id})
            return ended

        return self._write(unshelve)

    # -- people ---------------------------------------------------------------------------------

    def acknowledge(self, alarm_id: int, who: str, at_ns: int | None = None) -> AlarmRecord:
        """A person has seen an alarm.

        Raises:
            UnknownAlarm: there is none with this id.
            AlarmNotInState: it has been acknowledged, is shelved, or is over.
        """
        return self._write(lambda tx: _person(tx, alarm_id, AlarmEvent.ACKNOWLEDGE, who, at_ns, {}))

    def shelve(
        self,
        alarm_id: int,
        who: str,
        for_s: float,
        at_ns: int | None = None,
        now_us: int | None = None,
    ) -> AlarmRecord:
        """A person puts an alarm aside for a time (of the wall clock, in which people think).

        Raises:
            UnknownAlarm: there is none with this id.
            AlarmNotInState: it is shelved or over, or that is too long.
        """
        if not 0.0 < for_s <= SHELVED_AT_MOST_S:
            raise AlarmNotInState(
                f"alarm {alarm_id}: {for_s:g} s is no time to shelve it for; "
                f"it may be up to {SHELVED_AT_MOST_S / 3600.0:g} h"
            )
        from_us = time.time_ns() // 1000 if now_us is None else now_us
        data = {"until_us": from_us + int(for_s * 1e6)}
        return self._write(lambda tx: _person(tx, alarm_id, AlarmEvent.SHELVE, who, at_ns, data))

    def unshelve(self, alarm_id: int, who: str, at_ns: int | None = None) -> AlarmRecord:
        """A person takes a shelved alarm back.

        Raises:
            UnknownAlarm: there is none with this id.
            AlarmNotInState: it is not shelved.
        """
        return self._write(lambda tx: _person(tx, alarm_id, AlarmEvent.UNSHELVE, who, at_ns, {}))

    # -- readers --------------------------------------------------------------------------------

    def standing(self) -> list[AlarmRecord]:
        """All that are not normal: the most urgent first, then the oldest."""
        query = (
            select(alarms)
            .where(alarms.c.state != _OVER)
            .order_by(alarms.c.priority.desc(), alarms.c.alarm_id)
        )
        with self._read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def history(self, after_id: int = 0, limit: int = 1000) -> list[AlarmRecord]:
        """All after an alarm id, the oldest first."""
        query = (
            select(alarms)
            .where(alarms.c.alarm_id > after_id)
            .order_by(alarms.c.alarm_id)
            .limit(limit)
        )
        with self._read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def between(self, from_ns: int, to_ns: int) -> list[AlarmRecord]:
        """Alarms whose condition was there in a span of plant time, oldest first."""
        with self._read() as connection:
            query = (
                select(alarms)
                .where(
                    alarms.c.raised_ns < to_ns,
                    or_(alarms.c.returned_ns >= from_ns, alarms.c.returned_ns.is_(None)),
                )
                .order_by(alarms.c.alarm_id)
            )
            return [_record(row) for row in connection.execute(query)]

    def _active(self, source: str, kinds: Collection[str], subject: str | None) -> list[int]:
        with self._read() as connection:
            return _active(connection, source, kinds, subject)


def _raise(tx: Transaction, source: str, kind: str, subject: str, text: str, at_ns: int) -> int:
    about, connection = ALARM_KINDS[kind], tx.connection
    known = connection.execute(
        select(alarms).where(
            alarms.c.source == source,
            alarms.c.kind == kind,
            alarms.c.subject == subject,
            alarms.c.state != _OVER,
        )
    ).one_or_none()
    if known is not None:
        if not AlarmState(known.state).active:
            data = {"alarm_id": known.alarm_id, "text": text}
            tx.record("alarm_raised", at_ns, source, data)
        return int(known.alarm_id)
    active = _active(connection, source)
    if active and about.follows:
        data = {"alarm_id": active[0], "kind": kind, "text": text, "priority": about.priority}
        row = connection.execute(
            select(alarms.c.consequences).where(alarms.c.alarm_id == active[0])
        ).one()
        if text not in row.consequences:
            tx.record("alarm_followed", at_ns, source, data)
        return active[0]
    alarm_id = int(connection.scalar(select(func.coalesce(func.max(alarms.c.alarm_id), 0))) or 0)
    data = {
        "alarm_id": alarm_id + 1,
        "source": source,
        "kind": kind,
        "subject": subject,
        "priority": int(about.priority),
        "text": text,
        "action": about.action,
        "first_out": not active,
    }
    tx.record("alarm_raised", at_ns, source, data)
    return alarm_id + 1


def _return(
    tx: Transaction, source: str, kinds: Collection[str], subject: str | None, at_ns: int
) -> list[int]:
    over = _active(tx.connection, source, kinds, subject)
    for alarm_id in over:
        tx.record("alarm_returned", at_ns, source, {"alarm_id": alarm_id})
    return over


_KINDS_OF_EVENT: Final = {
    AlarmEvent.ACKNOWLEDGE: "alarm_acknowledged",
    AlarmEvent.SHELVE: "alarm_shelved",
    AlarmEvent.UNSHELVE: "alarm_unshelved",
}


def _person(
    tx: Transaction,
    alarm_id: int,
    event: AlarmEvent,
    who: str,
    at_ns: int | None,
    data: dict[str, Any],
) -> AlarmRecord:
    record = _get(tx.connection, alarm_id)
    if after(record.state, event) is None:
        raise AlarmNotInState(
            f"alarm {alarm_id} is {record.state.value.replace('_', ' ')}: "
            f"{event.value} does not apply"
        )
    when_ns = last_at_ns(tx.connection) if at_ns is None else at_ns
    tx.record(_KINDS_OF_EVENT[event], when_ns, who, {"alarm_id": alarm_id, **data})
    return _get(tx.connection, alarm_id)


def _get(connection: Connection, alarm_id: int) -> AlarmRecord:
    row = connection.execute(select(alarms).where(alarms.c.alarm_id == alarm_id)).one_or_none()
    if row is None:
        raise UnknownAlarm(f"there is no alarm {alarm_id}; `robot-cell alarms` lists them")
    return _record(row)


def _active(
    connection: Connection,
    source: str,
    kinds: Collection[str] | None = None,
    subject: str | None = None,
) -> list[int]:
    """Ids of a source's alarms whose condition is there, the oldest first."""
    query = (
        select(alarms.c.alarm_id)
        .where(alarms.c.source == source, alarms.c.state.in_(_ACTIVE))
        .order_by(alarms.c.raised_ns, alarms.c.alarm_id)
    )
    if kinds is not None:
        query = query.where(alarms.c.kind.in_(sorted(kinds)))
    if subject is not None:
        query = query.where(alarms.c.subject == subject)
    return [int(one) for one in connection.scalars(query)]


def _overdue(at_us: int) -> Any:
    return select(alarms.c.alarm_id).where(
        alarms.c.state.in_(_SHELVED), alarms.c.shelved_until_us <= at_us
    )


def _record(row: Row[Any]) -> AlarmRecord:
    fields = row._asdict()
    fields["priority"] = Priority(fields["priority"])
    fields["state"] = AlarmState(fields["state"])
    fields["consequences"] = tuple(fields["consequences"])
    return AlarmRecord(**fields)
