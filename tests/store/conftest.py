"""The same tests for every database that the journal can live in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_cell.store import Journal, open_journal
from tests.store.postgresql import Server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a journal can be: a file that is not there yet, or an empty database."""
    if request.param == "sqlite":
        return tmp_path / "journal.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture
def journal(place: Path | str) -> Iterator[Journal]:
    with open_journal(place) as journal:
        yield journal
