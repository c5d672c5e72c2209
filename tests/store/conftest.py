"""The same tests for every database that the journal can live in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_cell.model import Plant
from robot_cell.store import Journal, open_journal
from tests.gateway.stories import Story
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


VERBS = (
    *("order", "plan", "work", "work", "work", "finish", "finish"),
    *("break", "uncertain", "repeat", "cancel", "wait", "hold", "draft"),
)


@pytest.fixture(params=[1, 2, 3])
def told(request: pytest.FixtureRequest, journal: Journal, plant: Plant) -> Story:
    """A story of a hundred things that happened; at its end something is under way for a while."""
    story, chance = Story(plant, journal), random.Random(request.param)
    for verb in ("order", "order", "plan", *chance.choices(VERBS, k=100)):
        story.tell(verb, chance.randrange(12))
    for verb in ("order", "plan", "work", "wait", "wait"):
        story.tell(verb, 1)
    return story
