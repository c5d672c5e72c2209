"""Where a plant's journal is: beside its run, or in the database that its environment names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

JOURNAL_VARIABLE: Final = "ROBOT_CELL_JOURNAL"
"""URL of a PostgreSQL database, or a file, for all processes of a plant."""


def journal_location(run_dir: Path) -> Path | str:
    """The file or URL of the journal of the plant that runs in a run directory."""
    named = os.environ.get(JOURNAL_VARIABLE, "")
    if not named:
        return run_dir / "journal.db"
    return named if "://" in named else Path(named)
