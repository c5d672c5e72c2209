"""Operations that were tried again are found among all others: few, whose steps are of any time."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import text

revision: Final = "0007"
down_revision: Final = "0006"


def upgrade() -> None:
    """Add the index; nothing that there is changes."""
    again = text("attempt > 1")
    op.create_index(
        "operations_repeated",
        "operations",
        ["operation_id"],
        sqlite_where=again,
        postgresql_where=again,
    )
