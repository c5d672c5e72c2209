"""Alarms are written in their order, by the side of what caused them, and once that is possible."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from robot_cell.nodes import alarm_writer
from robot_cell.nodes.alarm_writer import AlarmWriter
from robot_cell.store import JournalFull

pytestmark = pytest.mark.ros
EACH_S = 10.0


class Plant:
    """Node, clock, log and journal in one; the journal's disk can be full."""

    def __init__(self) -> None:
        self.clock = self.alarms = self
        self.written: list[tuple[Any, ...]] = []
        self.logged: list[str] = []
        self.full = threading.Event()
        self.tried = threading.Event()
        self.thread: threading.Thread | None = None

    def now_ns(self) -> int:
        return 7

    def get_logger(self) -> Plant:
        return self

    def error(self, text: str) -> None:
        self.logged.append(text)

    def start_thread(self, work: Any, name: str) -> None:
        self.thread = threading.Thread(target=work, name=name)
        self.thread.start()

    def raise_(self, *told: Any) -> None:
        self.tried.set()
        if self.full.is_set():
            raise JournalFull("no room")
        self.written.append(("raise", *told))

    def return_(self, *told: Any) -> None:
        self.written.append(("return", *told))


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    monkeypatch.setattr(alarm_writer, "AGAIN_S", 0.01)
    return Plant()


def test_nothing_waits_for_a_full_disk_and_nothing_is_lost(plant: Plant) -> None:
    plant.full.set()
    writer = AlarmWriter(plant, plant, "cell_a")  # type: ignore[arg-type]
    writer.raise_("device_fault", "gripper", "silent")
    writer.over(("device_fault",), "gripper")
    writer.raise_("cell_lost", "", "lost", "cell_b")
    assert plant.tried.wait(EACH_S)
    assert plant.written == []
    plant.full.clear()
    writer.over((), None)
    assert plant.thread is not None
    plant.tried.clear()
    writer._work.put(None)
    plant.thread.join(EACH_S)
    assert plant.written == [
        ("raise", "cell_a", "device_fault", "gripper", "silent", 7),
        ("return", "cell_a", 7, ("device_fault",), "gripper"),
        ("raise", "cell_b", "cell_lost", "", "lost", 7),
        ("return", "cell_a", 7, (), None),
    ]
    assert len(plant.logged) == 1  # once for each alarm that has to wait


def test_the_end_does_not_wait_for_a_full_disk(plant: Plant) -> None:
    plant.full.set()
    writer = AlarmWriter(plant, plant, "cell_a")  # type: ignore[arg-type]
    writer.raise_("device_fault", "gripper", "silent")
    assert plant.tried.wait(EACH_S)
    writer.end()
    assert plant.thread is not None
    plant.thread.join(EACH_S)
    assert not plant.thread.is_alive()
