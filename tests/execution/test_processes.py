"""A process that ended, does not come back, or is back: each is told once."""

from __future__ import annotations

import os

import pytest

from drivers.time_page import process_birth
from robot_cell.execution.heartbeat import Beat
from robot_cell.execution.processes import BACK_WITHIN_S, ProcessWatch

HERE = Beat("arm", os.getpid(), process_birth(os.getpid()), 0.25, 5.0, 0.0, "active")
GONE = Beat("arm", os.getpid(), HERE.born - 1, 0.25, 5.0, 0.0, "active")
LEFT = Beat("arm", 0, 0, 0.0, 0.0, 0.0, "ended")


@pytest.fixture
def watch() -> ProcessWatch:
    return ProcessWatch(("arm", "fixtures"))


def test_what_never_lived_is_not_missed(watch: ProcessWatch) -> None:
    assert watch.look({}, 0.0) == []
    assert watch.look({"arm": GONE}, 100.0) == []


def test_an_end_and_the_way_back_are_told_once(watch: ProcessWatch) -> None:
    assert watch.look({"arm": HERE}, 0.0) == []
    assert watch.look({"arm": GONE}, 1.0) == [("arm", "ended")]
    assert watch.look({"arm": GONE}, 2.0) == []
    assert watch.look({"arm": GONE}, 1.1 + BACK_WITHIN_S) == [("arm", "missing")]
    assert watch.look({"arm": GONE}, 100.0) == []
    assert watch.look({"arm": HERE}, 101.0) == [("arm", "back")]
    assert watch.look({"arm": HERE}, 102.0) == []


def test_one_that_left_by_itself_is_not_missed(watch: ProcessWatch) -> None:
    watch.look({"arm": HERE}, 0.0)
    assert watch.look({"arm": LEFT}, 1.0) == []
