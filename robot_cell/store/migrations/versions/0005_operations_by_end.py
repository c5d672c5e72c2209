"""Operations are found by when they ended: what ended last says how long programs take."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Add the index; nothing that there is changes."""
    op.create_index("operations_by_end", "operations", ["actual_end_ns"])
