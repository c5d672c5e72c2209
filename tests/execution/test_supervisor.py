from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.time_page import process_birth
from robot_cell.execution.heartbeat import Beat
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.safe_state import stop_motion
from robot_cell.execution.supervisor import (
    PERIOD_S,
    Policy,
    Watch,
    ended_movers,
    kill_process,
    look_again_s,
)

ROOT = Path(__file__).resolve().parents[2]


class Story:
    """A watch in virtual time, and what it said."""

    def __init__(self, *expected: str) -> None:
        self.said: list[tuple[str, str]] = []
        self.watch = Watch(
            expected, Policy(), 0.0, lambda level, text: self.said.append((level, text))
        )
        self.now_s = 0.0

    def until(self, end_s: float, *beats: Beat) -> list[str]:
        killed: list[str] = []
        while self.now_s < end_s:
            self.now_s += 0.05
            by_name = {beat.name: beat for beat in beats}
            killed += [kill.beat.name for kill in self.watch.judge(by_name, self.now_s)]
        return killed


def beat(name: str, at_s: float, pid: int | None = None, deadline_s: float = 1.0) -> Beat:
    number = os.getpid() if pid is None else pid
    return Beat(name, number, process_birth(number), 0.1, deadline_s, at_s, "moving")


def test_silence_longer_than_declared_is_ended_once():
    story = Story("arm", "cell")
    assert story.until(0.9, beat("arm", 0.0), beat("cell", 0.0, deadline_s=5.0)) == []
    assert story.until(3.0, beat("arm", 0.0), beat("cell", 0.0, deadline_s=5.0)) == ["arm"]
    ((level, text),) = story.said
    assert level == "error"
    assert "arm" in text
    assert "it declared 1.00 s" in text


def test_a_process_that_has_ended_is_not_blamed():
    story = Story("arm")
    gone = Beat("arm", os.getpid(), 1, 0.1, 1.0, 0.0, "moving")
    assert story.until(5.0, gone) == []


def test_one_that_never_comes_is_reported():
    story = Story("arm", "fixtures")
    story.until(29.0, beat("arm", 1e9))
    assert story.said == []
    story.until(59.0, beat("arm", 1e9))
    ((level, text),) = story.said
    assert level == "error"
    assert text.startswith("fixtures has not given a sign of life in 30 s")


def test_the_supervisors_own_absence_is_nobodys_fault():
    story = Story("arm")
    story.until(1.0, beat("arm", 0.9))
    story.now_s = 10.0
    assert story.until(10.9, beat("arm", 0.9)) == []
    assert story.said[0][0] == "warning"
    assert story.until(11.5, beat("arm", 0.9)) == ["arm"]


def test_it_looks_again_when_the_next_deadline_would_have_passed():
    slow = Beat("arm", 1, 1, 0.25, 5.0, 9.0, "active")
    quick = Beat("servo", 1, 1, 0.2, 0.02, 9.995, "running")
    assert look_again_s([slow], 10.0) == 10.0 + PERIOD_S
    assert look_again_s([slow, quick], 10.0) == pytest.approx(10.015, abs=0.001)
    assert look_again_s([slow, quick], 10.02) == 10.02 + PERIOD_S  # it has been judged


def test_one_that_hangs_again_and_again_is_left_alone():
    story = Story("arm")
    children = [
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(6)
    ]
    try:
        killed = [
            story.until(story.now_s + 2.0, beat("arm", story.now_s, child.pid))
            for child in children
        ]
    finally:
        for child in children:
            child.communicate(b"\n")
    assert killed == [["arm"]] * 5 + [[]]
    assert "left as it is" in story.said[-1][1]


def test_only_the_very_process_is_killed():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert not kill_process(child.pid, process_birth(child.pid) + 1)
        assert child.poll() is None
        assert kill_process(child.pid, process_birth(child.pid))
        assert child.wait(timeout=10) == -9
    finally:
        child.communicate()
    assert not kill_process(child.pid, 1)


@pytest.mark.parametrize("module", ["robot_cell.execution.supervisor"])
def test_the_supervisor_needs_the_standard_library_only(module):
    code = (
        f"import json, sys; before = set(sys.modules); import {module}; "
        "print(json.dumps([sorted(set(sys.modules) - before), sorted(sys.stdlib_module_names)]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    loaded, stdlib = json.loads(done.stdout)
    foreign = {name.split(".")[0] for name in loaded} - set(stdlib)
    assert foreign <= {"robot_cell", "drivers"}


def test_orders_are_void_for_the_servo_that_reads_them(tmp_path):
    horizon = Horizon(tmp_path / "horizons" / "cell_a.page", 6, create=True)
    horizon._words[0] = 7  # the number of the newest order
    assert horizon.stopped() == 0
    assert stop_motion(tmp_path, "cell_a")
    assert (horizon.order(), horizon.stopped()) == (7, 7)
    assert not stop_motion(tmp_path, "cell_b")


def test_a_mover_that_has_ended_is_told_once():
    seen: dict[str, tuple[int, int]] = {}
    gone = Beat("cell", os.getpid(), 1, 0.25, 5.0, 0.0, "active")
    assert ended_movers({"cell": gone}, seen) == []  # it had ended before anybody looked
    assert ended_movers({"cell": beat("cell", 0.0), "servo": gone}, seen) == []
    assert ended_movers({"cell": gone}, seen) == ["cell"]
    assert ended_movers({"cell": gone}, seen) == []
