"""The journal's tables: the events, and what is derived from them.

Every change is an event; the other tables say what the events come to, and can be made again from
them (`derive.py`). Ids are given by the journal, not by the database: without gaps, and the same
again when the tables are derived again.

Plant times are integer nanoseconds since the plant's start; calendar instants are integer
microseconds since 1970 in UTC, so that nothing is lost or shifted on its way through the database.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

REVISION: Final = "0007"
"""The migration (`migrations/versions`) that leads to the tables below."""

STATUSES: Final = (
    "planned",
    "leased",
    "running",
    "complete",
    "failed",
    "cancelled",
    "uncertain",
)
_Key = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", _Key, primary_key=True),
    Column("source", String, nullable=False),
    Column("submitted_by", String, nullable=False),
    Column("accepted_ns", BigInteger, nullable=False),
    Column("accepted_wall_us", BigInteger, nullable=False),
    Column("orders_new", Integer, nullable=False),
    Column("orders_known", Integer, nullable=False),
    sqlite_autoincrement=True,
)

job_orders = Table(
    "job_orders",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("position", _Key, nullable=False, unique=True),
    Column("batch_id", ForeignKey("batches.batch_id"), nullable=False),
    Column("product", String(48), nullable=False),
    Column("quantity", Integer, CheckConstraint("quantity > 0"), nullable=False),
    Column("release_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, CheckConstraint("due_us > release_us"), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("customer", String(200), nullable=False),
    Column("cancelled_ns", BigInteger),
    Column("cancelled_by", String),
    Column("cancel_reason", String),
    # What a person has made of the priority since; the same batch again is still the same.
    Column("priority_given", Integer),
    Index("job_orders_by_batch", "batch_id"),
    Index("job_orders_by_due", "due_us"),
    Index("job_orders_by_cancel", "cancelled_ns"),
)

operations = Table(
    "operations",
    metadata,
    Column("operation_id", String(128), primary_key=True),
    Column("order_id", ForeignKey("job_orders.order_id"), nullable=False),
    Column("unit", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(48), nullable=False),
    Column(
        "status",
        String(16),
        CheckConstraint(f"status IN ({', '.join(repr(s) for s in STATUSES)})"),
        nullable=False,
    ),
    Column("cell", String(48)),
    Column("program", String(48)),
    Column("token", BigInteger, nullable=False, default=0),
    Column("attempt", Integer, nullable=False, default=1),
    Column("planned_start_ns", BigInteger),
    Column("planned_end_ns", BigInteger),
    Column("actual_start_ns", BigInteger),
    Column("actual_end_ns", BigInteger),
    Column("message", String, nullable=False, default=""),
    Column("joint_error_rad", JSON),
    Column("end_positions", JSON),
    UniqueConstraint("order_id", "unit", "position"),
    Index("operations_by_status", "status", "cell"),
    Index("operations_by_token", "token"),
    # What ran in a span is found in the one or the other alone, whichever end of time is nearer.
    Index("operations_by_end", "actual_end_ns", "actual_start_ns", "order_id", "cell"),
    Index("operations_by_start", "actual_start_ns", "actual_end_ns", "order_id", "cell"),
    Index("operations_by_cell", "cell", "actual_start_ns", "operation_id"),
    # Their steps may be of any time, whenever the last attempt was.
    Index(
        "operations_repeated",
        "operation_id",
        sqlite_where=text("attempt > 1"),
        postgresql_where=text("attempt > 1"),
    ),
)

steps = Table(
    "steps",
    metadata,
    # Never used twice, not even after a delete: the device compares it with the last it was given.
    Column("step_id", _Key, primary_key=True),
    Column("operation_id", ForeignKey("operations.operation_id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step_index", Integer, nullable=False),
    Column("label", String, nullable=False),
    Column("intent_ns", BigInteger, nullable=False),
    Column("outcome", String(16)),
    Column("outcome_ns", BigInteger),
    Column("message", String, nullable=False, default=""),
    Index("steps_by_operation", "operation_id", "attempt", "step_index"),
    Index("steps_open", "operation_id", sqlite_where=Column("outcome", String).is_(None)),
    Index("steps_by_intent", "intent_ns"),
    sqlite_autoincrement=True,
)

schedules = Table(
    "schedules",
    metadata,
    Column("revision", _Key, primary_key=True),
    Column("published_ns", BigInteger, nullable=False),
    Column("engine", String, nullable=False),
    # Its rows are in the event's data.
    Column("event_id", BigInteger, nullable=False),
    Index("schedules_by_time", "published_ns", "revision"),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("event_id", _Key, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("monotonic_ns", BigInteger, nullable=False),
    Column("wall_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    # Something that people are told of, and not only a change of a table.
    Column("told", Boolean, nullable=False),
    # JSON, as the text of which the digest was made.
    Column("data", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Index("events_told", "event_id", sqlite_where=text("told"), postgresql_where=text("told")),
    Index(
        "events_by_what",
        "what",
        "event_id",
        sqlite_where=text("told"),
        postgresql_where=text("told"),
    ),
    Index("events_by_time", "at_ns", sqlite_where=text("told"), postgresql_where=text("told")),
)

commands = Table(
    "commands",
    metadata,
    Column("command_id", _Key, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("wall_us", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("target", String, nullable=False),
    Column("data", JSON, nullable=False),
    Column("outcome", String),
    Column("outcome_ns", BigInteger),
    Index("commands_by_target", "target", "command_id"),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", String(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    # An argon2id hash: the secret itself is nowhere.
    Column("hash", String(200), nullable=False),
    Column("added_us", BigInteger, nullable=False),
    Column("added_by", String, nullable=False),
    Column("expires_us", BigInteger),
    # The token by which it was got, for a session.
    Column("parent", String(16)),
    Column("revoked_us", BigInteger),
    Column("revoked_by", String),
)

alarms = Table(
    "alarms",
    metadata,
    Column("alarm_id", _Key, primary_key=True, autoincrement=False),
    Column("source", String(48), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("text", String, nullable=False),
    Column("action", String, nullable=False),
    Column("first_out", Boolean, nullable=False),
    Column("consequences", JSON, nullable=False),
    Column("times", Integer, nullable=False),
    Column("raised_ns", BigInteger, nullable=False),
    Column("raised_wall_us", BigInteger, nullable=False),
    Column("returned_ns", BigInteger),
    Column("acknowledged_ns", BigInteger),
    Column("acknowledged_by", String),
    Column("shelved_until_us", BigInteger),
    Column("shelved_by", String),
    Index(
        "alarms_standing",
        "source",
        "kind",
        sqlite_where=text("state <> 'normal'"),
        postgresql_where=text("state <> 'normal'"),
    ),
    Index("alarms_by_return", "returned_ns"),
)

DERIVED: Final = (
    facts, batches, job_orders, operations, steps, schedules, commands, alarms, tokens,
)  # fmt: skip
"""What can be made again from the events; no table before one that it refers to."""

TRIGGERS: Final = {
    "sqlite": tuple(
        f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
        "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_refuse()",
    ),
}
"""What makes the events append-only, for each database."""

for _dialect, _statements in TRIGGERS.items():
    for _statement in _statements:
        event.listen(
            events,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )
