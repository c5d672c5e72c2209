"""Every change is an event, the events are one chain, and the tables are derived from them.

What an older journal knows is taken over row by row as it is found, each row by an event of its
own: what led to it was not written down then.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any, Final

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
)

revision: Final = "0002"
down_revision: Final = "0001"

_Key = BigInteger().with_variant(Integer, "sqlite")

# As they are in this revision, whatever becomes of them later.
_metadata = MetaData()
_schedules = Table(
    "schedules",
    _metadata,
    Column("revision", _Key, primary_key=True),
    Column("published_ns", BigInteger, nullable=False),
    Column("engine", String, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
_events = Table(
    "events",
    _metadata,
    Column("event_id", _Key, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("monotonic_ns", BigInteger, nullable=False),
    Column("wall_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("data", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Index("events_told", "event_id", sqlite_where=text("told"), postgresql_where=text("told")),
)
_TRIGGERS: Final = {
    "sqlite": (
        "CREATE TRIGGER events_no_update BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
        "CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
        "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_refuse()",
    ),
}
_TAKEN_OVER: Final = ("facts", "batches", "job_orders", "operations", "steps", "commands")


def upgrade() -> None:
    """Move what there is aside, create the new tables, and take over row by row."""
    connection = op.get_bind()
    for trigger in ("events_no_update", "events_no_delete"):
        if connection.dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    for name in ("events", "schedules"):
        op.rename_table(name, f"{name}_0001")
        if connection.dialect.name == "postgresql":  # its names are the schema's, not the table's
            op.execute(f"ALTER INDEX {name}_pkey RENAME TO {name}_0001_pkey")
            key = inspect(connection).get_pk_constraint(f"{name}_0001")["constrained_columns"][0]
            op.execute(f"ALTER SEQUENCE {name}_{key}_seq RENAME TO {name}_0001_{key}_seq")
    op.execute("DELETE FROM facts WHERE name = 'schema'")
    _metadata.create_all(connection)
    op.create_index("operations_by_token", "operations", ["token"])
    _take_over(connection)
    for name in ("events", "schedules"):
        op.drop_table(f"{name}_0001")
    for statement in _TRIGGERS[connection.dialect.name]:
        op.execute(statement)


def _take_over(connection: Connection) -> None:
    digest, event_id = bytes(32), 0
    for row in _notes(connection):
        event_id += 1
        digest = _append(connection, event_id, digest, told=True, **row)
    monotonic_ns, wall_us = time.monotonic_ns(), time.time_ns() // 1000
    for data in _rows(connection):
        event_id += 1
        digest = _append(
            connection,
            event_id,
            digest,
            told=False,
            at_ns=0,
            monotonic_ns=monotonic_ns,
            wall_us=wall_us,
            kind="imported",
            who="upgrade",
            what="imported",
            data=data,
        )
        if data["table"] == "schedules":
            row = data["row"] | {"event_id": event_id}
            connection.execute(insert(_schedules).values(**row))


def _notes(connection: Connection) -> Iterator[dict[str, Any]]:
    old = Table("events_0001", MetaData(), autoload_with=connection)
    for row in connection.execute(select(old).order_by(old.c.event_id)).all():
        fields = row._asdict()
        del fields["event_id"]
        yield {**fields, "kind": "note", "data": fields["data"]}


def _rows(connection: Connection) -> Iterator[dict[str, Any]]:
    for name in _TAKEN_OVER:
        table = Table(name, MetaData(), autoload_with=connection)
        for row in connection.execute(select(table).order_by(*table.primary_key)).all():
            yield {"table": name, "row": row._asdict()}
    old = Table("schedules_0001", MetaData(), autoload_with=connection)
    for row in connection.execute(select(old).order_by(old.c.revision)).all():
        fields = row._asdict()
        rows = fields.pop("rows")
        yield {"table": "schedules", "row": fields, "rows": rows}


def _append(
    connection: Connection, event_id: int, before: bytes, *, told: bool, data: Any, **row: Any
) -> bytes:
    written = json.dumps(data, separators=(",", ":"))
    fields = ("at_ns", "monotonic_ns", "wall_us", "kind", "who", "what")
    content = json.dumps([event_id, *(row[name] for name in fields), written])
    digest = hashlib.sha256(before + content.encode()).digest()
    connection.execute(
        insert(_events).values(event_id=event_id, told=told, data=written, digest=digest, **row)
    )
    return digest
