"""Whether a journal is whole: its events one unbroken chain, its tables what the events say."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, String, Table, collate, create_engine, select

from robot_cell.store import derive, log
from robot_cell.store.errors import JournalCorrupt
from robot_cell.store.records import EventRecord
from robot_cell.store.tables import DERIVED, metadata

MAX_FINDINGS: Final = 100
"""More than this are counted and not described: one cause may have hit every row."""

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        table: `events`, or the table whose row differs from what the events say.
        row: its primary key; empty where a whole table or file is meant.
        event_id: the last event that says something of the row, or the event that is damaged.
        message: what is there and what should be.
    """

    table: str
    row: str
    event_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what was found.

    Attributes:
        events: how many are readable, one after the other.
        digest: of the last of them, in hexadecimal: equal only for journals with equal events.
        rows: how many rows of the derived tables were compared.
        total: of findings; only the first ones are described.
    """

    events: int
    digest: str
    rows: int
    total: int
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Look:
    events: int = 0
    digest: bytes = log.GENESIS
    rows: int = 0


def verify(connection: Connection) -> Verified:
    """Look at a whole journal, in one reading transaction."""
    look = _Look()
    findings = list(_file(connection))
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="robot_cell_verify_") as folder:
        replay = create_engine(f"sqlite:///{Path(folder) / 'replay.db'}")
        try:
            with replay.connect() as replayed:
                replayed.exec_driver_sql("PRAGMA synchronous=OFF")
                metadata.create_all(replayed, DERIVED)
                for page in _pages(_counted(log.history(connection), look)):
                    derive.apply(replayed, page)
                found = list(_differences(connection, replayed, look))
        except JournalCorrupt as error:
            findings.append(Finding("events", str(look.events + 1), look.events + 1, str(error)))
        finally:
            replay.dispose()
    described = _with_events(connection, found[: MAX_FINDINGS - len(findings)])
    return Verified(
        look.events,
        look.digest.hex(),
        look.rows,
        len(findings) + len(found),
        (*findings, *described),
    )


def _file(connection: Connection) -> Iterator[Finding]:
    """What SQLite finds of its own file; a PostgreSQL server has `pg_amcheck` for that."""
    if connection.dialect.name != "sqlite":
        return
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if message != "ok":
            yield Finding("", "", None, f"the file is damaged: {message}")


def _counted(events: Iterable[EventRecord], look: _Look) -> Iterator[EventRecord]:
    for event in events:
        yield event
        look.events, look.digest = event.event_id, event.digest


def _pages(events: Iterator[EventRecord]) -> Iterator[list[EventRecord]]:
    while page := list(islice(events, _PAGE)):
        yield page


def _differences(found: Connection, said: Connection, look: _Look) -> Iterator[Finding]:
    for table in DERIVED:
        actual, expected = _sorted(found, table), _sorted(said, table)
        here, there = next(actual, None), next(expected, None)
        while here is not None or there is not None:
            look.rows += 1
            a = None if here is None else _key(table, here)
            b = None if there is None else _key(table, there)
            if b is None or (a is not None and a < b):
                yield Finding(table.name, str(a), None, "no event says that there is such a row")
                here = next(actual, None)
            elif a is None or b < a:
                yield Finding(table.name, str(b), None, "the row is missing")
                there = next(expected, None)
            else:
                assert here is not None
                assert there is not None
                wrong = [
                    f"{name} is {getattr(here, name)!r}, the events say {getattr(there, name)!r}"
                    for name in table.columns.keys()  # noqa: SIM118 - of columns it is another thing
                    if getattr(here, name) != getattr(there, name)
                ]
                if wrong:
                    yield Finding(table.name, str(a), None, "; ".join(wrong))
                here, there = next(actual, None), next(expected, None)


def _key(table: Table, row: Row[Any]) -> Any:
    [column] = table.primary_key
    return getattr(row, column.name)


def _sorted(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    """All rows by their key, compared by code points as Python does."""
    [key] = table.primary_key
    collated = isinstance(key.type, String) and connection.dialect.name == "postgresql"
    order = collate(key, "C") if collated else key
    return iter(
        connection.execution_options(yield_per=_PAGE).execute(select(table).order_by(order))
    )


_NAMED_BY: Final = {
    "batches": "batch_id",
    "job_orders": "order_id",
    "operations": "operation_id",
    "steps": "step_id",
    "schedules": "revision",
    "commands": "command_id",
    "alarms": "alarm_id",
    "tokens": "token_id",
}


def _with_events(connection: Connection, found: list[Finding]) -> list[Finding]:
    """Say for each row which event spoke of it last."""
    if not found:
        return []
    last: dict[tuple[str, str], int] = {}
    for event in log.history(connection):
        data = event.data if isinstance(event.data, dict) else {}
        row = data.get("row") if event.kind == "imported" else None
        for table, name in _NAMED_BY.items():
            value = (row if row is not None and data.get("table") == table else data).get(name)
            if value is not None:
                last[table, str(value)] = event.event_id
        for planned in data.get("rows", ()) if event.kind == "schedule_published" else ():
            last["operations", str(planned[0])] = event.event_id
        if event.kind in ("order_cancelled", "order_allowed"):
            last["operations of", str(data["order_id"])] = event.event_id
        elif event.kind == "order_accepted":
            last["made by", str(data["order_id"])] = event.event_id

    def latest(one: Finding) -> int | None:
        order_id = one.row.split("/")[0]
        ids = [last.get((one.table, one.row))]
        if one.table == "operations":
            ids += [last.get(("operations of", order_id)), last.get(("made by", order_id))]
        return max((event_id for event_id in ids if event_id is not None), default=None)

    return [Finding(one.table, one.row, latest(one), one.message) for one in found]
