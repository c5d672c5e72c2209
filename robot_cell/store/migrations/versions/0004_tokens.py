"""Who may ask over the network, and the priority that a person gave an order."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Add the table and the column; nothing that there is changes."""
    op.add_column("job_orders", Column("priority_given", Integer))
    op.create_table(
        "tokens",
        Column("token_id", String(16), primary_key=True),
        Column("name", String(200), nullable=False),
        Column("role", String(16), nullable=False),
        Column("hash", String(200), nullable=False),
        Column("added_us", BigInteger, nullable=False),
        Column("added_by", String, nullable=False),
        Column("expires_us", BigInteger),
        Column("parent", String(16)),
        Column("revoked_us", BigInteger),
        Column("revoked_by", String),
    )
