"""The events: appended in one order for the whole plant, each with a digest of all before it."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, text

from robot_cell.store import derive
from robot_cell.store.errors import JournalCorrupt
from robot_cell.store.prepared import Prepared
from robot_cell.store.records import EventRecord
from robot_cell.store.tables import events

GENESIS: Final = bytes(32)
"""What stands for the digest before the first event."""

NOTE: Final = "note"
_TOLD: Final = frozenset(
    {
        NOTE,
        "order_allowed",
        "order_cancelled",
        "order_prioritised",
        "operation_put_back",
        "operation_resolved",
        "alarm_raised",
        "alarm_followed",
        "alarm_returned",
        "alarm_acknowledged",
        "alarm_shelved",
        "alarm_unshelved",
        "mode_changed",
    }
)
_PAGE: Final = 1000
_LAST: Final = Prepared(
    select(events.c.event_id, events.c.digest).order_by(events.c.event_id.desc()).limit(1)
)
_APPEND: Final = Prepared(insert(events), [column.name for column in events.columns])


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that is about to be written."""

    kind: str
    at_ns: int
    who: str
    data: Any
    what: str = ""


class Transaction:
    """A connection that may write, and where the events end; lives as long as the transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._tail: tuple[int, bytes] | None = None
        self._began: int | None = None

    def record(self, kind: str, at_ns: int, who: str, data: Any, what: str = "") -> int:
        """Append an event, and change the tables by what it says; returns its id."""
        return self.record_all([Entry(kind, at_ns, who, data, what)])

    def passed(self, every: int) -> bool:
        """Whether its events went past a multiple of a number: once for all processes."""
        if self._tail is None or self._began is None:
            return False
        return self._tail[0] // every > self._began // every

    def record_all(self, entries: Sequence[Entry]) -> int:
        """Append several events, and change the tables; returns the id of the last one."""
        last_id, digest = self._tail or end_of_log(self.connection)
        self._began = last_id if self._began is None else self._began
        monotonic_ns, wall_us = time.monotonic_ns(), time.time_ns() // 1000
        records: list[EventRecord] = []
        rows: list[dict[str, Any]] = []
        for entry in entries:
            last_id += 1
            data = _text_of(entry.data)
            row: dict[str, Any] = {
                "event_id": last_id,
                "at_ns": entry.at_ns,
                "monotonic_ns": monotonic_ns,
                "wall_us": wall_us,
                "kind": entry.kind,
                "who": _storable(entry.who),
                "what": _storable(entry.what or entry.kind.replace("_", " ")),
                "data": data,
            }
            digest = digest_of(digest, **row)
            rows.append({**row, "told": entry.kind in _TOLD, "digest": digest})
            records.append(EventRecord(**{**row, "data": json.loads(data)}, digest=digest))
        _APPEND.run(self.connection, rows)
        self._tail = last_id, digest
        derive.apply(self.connection, records)
        return last_id


def end_of_log(connection: Connection) -> tuple[int, bytes]:
    """Id and digest of the last event."""
    row = _LAST.row(connection, {})
    return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))


def last_at_ns(connection: Connection) -> int:
    """Plant time of the last event: for what people do who have no plant clock."""
    query = select(events.c.at_ns).order_by(events.c.event_id.desc()).limit(1)
    return int(connection.scalar(query) or 0)


def digest_of(
    before: bytes,
    *,
    event_id: int,
    at_ns: int,
    monotonic_ns: int,
    wall_us: int,
    kind: str,
    who: str,
    what: str,
    data: str,
) -> bytes:
    """SHA-256 over the digest before it and the event as it is stored; `data` is its JSON text."""
    told = json.dumps([event_id, at_ns, monotonic_ns, wall_us, kind, who, what, data])
    return hashlib.sha256(before + told.encode()).digest()


def told_since(connection: Connection, after: int, limit: int) -> list[EventRecord]:
    """What people are told of, after an event id, oldest first."""
    query = (
        select(events)
        .where(events.c.event_id > after, text("told"))
        .order_by(events.c.event_id)
        .limit(limit)
    )
    return [_record(row) for row in connection.execute(query)]


def told_of(
    connection: Connection, what: Sequence[str], after: int = 0, until_ns: int | None = None
) -> list[EventRecord]:
    """Told events of these titles after an event id and before an instant, oldest first."""
    query = (
        select(events)
        .where(events.c.event_id > after, text("told"), events.c.what.in_(list(what)))
        .order_by(events.c.event_id)
    )
    if until_ns is not None:
        query = query.where(events.c.at_ns < until_ns)
    return [_record(row) for row in connection.execute(query)]


def last_told_of(connection: Connection, what: str) -> EventRecord | None:
    """The newest told event of a title."""
    row = connection.execute(
        select(events)
        .where(text("told"), events.c.what == what)
        .order_by(events.c.event_id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _record(row)


def told_between(connection: Connection, from_ns: int, to_ns: int, limit: int) -> list[EventRecord]:
    """The newest of what people were told of in a span of plant time, both ends with it."""
    query = (
        select(events)
        .where(text("told"), events.c.at_ns >= from_ns, events.c.at_ns <= to_ns)
        .order_by(events.c.at_ns.desc(), events.c.event_id.desc())
        .limit(limit)
    )
    found = [_record(row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: one.event_id)


def history(connection: Connection, after: int = 0) -> Iterator[EventRecord]:
    """All events after an event id, oldest first, a page at a time.

    Raises:
        JournalCorrupt: one is missing, or is not what was written.
    """
    last_id, digest = after, GENESIS
    if after:
        found = connection.scalar(select(events.c.digest).where(events.c.event_id == after))
        if found is None:
            raise JournalCorrupt(f"there is no event {after}")
        digest = bytes(found)
    page = select(events).order_by(events.c.event_id).limit(_PAGE)
    while rows := connection.execute(page.where(events.c.event_id > last_id)).all():
        for row in rows:
            if row.event_id != last_id + 1:
                raise JournalCorrupt(
                    f"event {last_id + 1} is missing: after event {last_id} comes event "
                    f"{row.event_id}; restore a backup"
                )
            expected = digest_of(digest, **{name: getattr(row, name) for name in _DIGESTED})
            if bytes(row.digest) != expected:
                raise JournalCorrupt(
                    f"event {row.event_id} ({row.what}) is not what was written, or the one "
                    "before it is not: its digest differs; restore a backup"
                )
            last_id, digest = row.event_id, expected
            yield _record(row)
    count = connection.scalar(select(func.count()).select_from(events))
    if not after and count != last_id:
        raise JournalCorrupt(f"{count} events, of which {last_id} can be read in their order")


_DIGESTED: Final = ("event_id", "at_ns", "monotonic_ns", "wall_us", "kind", "who", "what", "data")


def _record(row: Row[Any]) -> EventRecord:
    return EventRecord(
        row.event_id,
        row.at_ns,
        row.monotonic_ns,
        row.wall_us,
        row.who,
        row.what,
        json.loads(row.data),
        row.kind,
        bytes(row.digest),
    )


def _text_of(data: Any) -> str:
    """JSON in ASCII that any database stores and any reader reads."""
    try:
        written = json.dumps(data, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return _text_of(_plain(data))
    if "\\u0000" in written or "\\ud" in written:
        return json.dumps(_plain(data), separators=(",", ":"))
    return written


def _plain(value: Any) -> Any:
    """The same without what databases refuse: no number, a NUL, half a character."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {_storable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return value


def _storable(value: str) -> str:
    """Text without NUL and halves of surrogate pairs, which garbage from a device may bring."""
    return value.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
