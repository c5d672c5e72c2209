"""Alarms have a table of their own, derived from their events as every other."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    text,
)

revision: Final = "0003"
down_revision: Final = "0002"

_Key = BigInteger().with_variant(Integer, "sqlite")

# As it is in this revision, whatever becomes of it later.
_metadata = MetaData()
_alarms = Table(
    "alarms",
    _metadata,
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
)


def upgrade() -> None:
    """Create the table; there were no alarms before."""
    _metadata.create_all(op.get_bind())
