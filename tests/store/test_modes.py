"""The mode of a cell outlives whoever changed it, and is what the events say."""

from __future__ import annotations

from pathlib import Path

from robot_cell.model.packml import Mode
from robot_cell.store import open_journal


def test_a_mode_is_kept(place: Path | str) -> None:
    with open_journal(place) as journal:
        assert journal.modes() == {}
        journal.change_mode("cell_a", Mode.MAINTENANCE, "Kim", 5)
        journal.change_mode("cell_b", Mode.MANUAL, "Kim", 6)
        journal.change_mode("cell_a", Mode.PRODUCTION, "Lee", 7)
    with open_journal(place) as journal:
        assert journal.modes() == {"cell_a": Mode.PRODUCTION, "cell_b": Mode.MANUAL}
        told = [(event.who, event.data) for event in journal.events()]
        assert told[-1] == ("Lee", {"cell": "cell_a", "mode": "production"})
        assert journal.verify().findings == ()
