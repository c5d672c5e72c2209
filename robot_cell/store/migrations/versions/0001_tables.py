"""The tables of the first version, which changed them in place."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

revision: Final = "0001"
down_revision: Final = None

_Key = BigInteger().with_variant(Integer, "sqlite")

_metadata = MetaData()

Table(
    "facts",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)

Table(
    "batches",
    _metadata,
    Column("batch_id", _Key, primary_key=True),
    Column("source", String, nullable=False),
    Column("submitted_by", String, nullable=False),
    Column("accepted_ns", BigInteger, nullable=False),
    Column("accepted_wall_us", BigInteger, nullable=False),
    Column("orders_new", Integer, nullable=False),
    Column("orders_known", Integer, nullable=False),
    sqlite_autoincrement=True,
)

Table(
    "job_orders",
    _metadata,
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
)

Table(
    "operations",
    _metadata,
    Column("operation_id", String(128), primary_key=True),
    Column("order_id", ForeignKey("job_orders.order_id"), nullable=False),
    Column("unit", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(48), nullable=False),
    Column(
        "status",
        String(16),
        CheckConstraint(
            "status IN ('planned', 'leased', 'running', 'complete', 'failed', 'cancelled', "
            "'uncertain')"
        ),
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
)

Table(
    "steps",
    _metadata,
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
    sqlite_autoincrement=True,
)

Table(
    "schedules",
    _metadata,
    Column("revision", _Key, primary_key=True),
    Column("published_ns", BigInteger, nullable=False),
    Column("engine", String, nullable=False),
    Column("rows", JSON, nullable=False),
    sqlite_autoincrement=True,
)

Table(
    "events",
    _metadata,
    Column("event_id", _Key, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("monotonic_ns", BigInteger, nullable=False),
    Column("wall_us", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,
)

Table(
    "commands",
    _metadata,
    Column("command_id", _Key, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("wall_us", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("target", String, nullable=False),
    Column("data", JSON, nullable=False),
    Column("outcome", String),
    Column("outcome_ns", BigInteger),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    """Create them; the first version kept events from being changed on SQLite only."""
    connection = op.get_bind()
    _metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
            )
