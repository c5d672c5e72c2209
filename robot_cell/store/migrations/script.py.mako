"""${message}."""

from __future__ import annotations

from typing import Final

revision: Final = ${repr(up_revision)}
down_revision: Final = ${repr(down_revision)}


def upgrade() -> None:
    """What changes, in one transaction."""
