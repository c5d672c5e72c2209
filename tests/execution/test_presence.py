"""A controller that ended is told from a cell that is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drivers.time_page import process_birth
from robot_cell.execution.heartbeat import Beat, HeartbeatPage
from robot_cell.execution.presence import ALL_DEAD_S, BACK_WITHIN_S, Presence


class Cell:
    """A page on which processes of a cell give signs of life."""

    def __init__(self, run_dir: Path) -> None:
        self.page = HeartbeatPage(run_dir / "heartbeats" / "cell_a.page")
        self.now_s = 100.0
        self.presence = Presence(run_dir, ["cell_a"], lambda: self.now_s)

    def beats(self, name: str, pid: int, born: int | None = None) -> None:
        born = process_birth(pid) if born is None else born
        beat = Beat(name, pid, born, 0.25, 5.0, time.monotonic(), "active")
        self.page.write(self.page.claim(name), beat)


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return Cell(tmp_path)


def dead() -> tuple[int, int]:
    """Number and birth of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    born = process_birth(child.pid)
    child.communicate()
    return child.pid, born


def test_a_living_controller_is_no_news(cell: Cell) -> None:
    assert cell.presence.look() == []
    cell.beats("cell", os.getpid())
    assert cell.presence.look() == []


def test_a_controller_that_ended_alone_is_awaited_and_lost_only_if_it_stays_away(
    cell: Cell,
) -> None:
    cell.beats("arm", os.getpid())
    cell.beats("cell", *dead())
    assert cell.presence.look() == [("cell_a", "ended")]
    assert cell.presence.look() == []
    cell.now_s += BACK_WITHIN_S + 1.0
    assert cell.presence.look() == [("cell_a", "lost")]
    assert cell.presence.look() == []


def test_one_that_comes_back_is_not_lost(cell: Cell) -> None:
    cell.beats("arm", os.getpid())
    cell.beats("cell", *dead())
    assert cell.presence.look() == [("cell_a", "ended")]
    cell.beats("cell", os.getpid())
    cell.now_s += BACK_WITHIN_S + 1.0
    assert cell.presence.look() == []


def test_a_cell_that_stays_without_any_process_is_lost(cell: Cell) -> None:
    cell.beats("arm", *dead())
    cell.beats("cell", *dead())
    assert cell.presence.look() == [("cell_a", "ended")]
    cell.now_s += ALL_DEAD_S - 1.0
    assert cell.presence.look() == []
    cell.now_s += 2.0
    assert cell.presence.look() == [("cell_a", "lost")]
    assert cell.presence.look() == []


def test_processes_that_die_in_turns_are_not_a_lost_cell(cell: Cell) -> None:
    cell.beats("arm", *dead())
    cell.beats("cell", *dead())
    assert cell.presence.look() == [("cell_a", "ended")]
    cell.now_s += ALL_DEAD_S - 1.0
    cell.beats("supervisor", os.getpid())
    assert cell.presence.look() == []
    cell.now_s += ALL_DEAD_S - 1.0
    cell.beats("supervisor", *dead())
    assert cell.presence.look() == []
