from __future__ import annotations

import os
import threading
from pathlib import Path
from unittest import mock

import pytest

from drivers.time_page import process_birth
from robot_cell.execution.heartbeat import Heartbeat, HeartbeatError, HeartbeatPage


def test_a_beat_is_read_by_name(tmp_path):
    path = tmp_path / "heartbeats" / "c.page"
    arm = Heartbeat(path, "arm", 0.1, deadline_s=0.5)
    Heartbeat(path, "cell", 0.2)
    arm.beat("moving")
    page = HeartbeatPage(path)
    beats = page.read()
    assert list(beats) == ["arm", "cell"]
    assert beats["arm"].state == "moving"
    assert beats["arm"].pid == os.getpid()
    assert beats["arm"].born == process_birth(os.getpid())
    assert beats["arm"].alive()
    assert beats["arm"].deadline_s == pytest.approx(0.5)
    assert beats["cell"].state == "starting"
    arm.close()
    assert list(page.read()) == ["cell"]


def test_the_same_name_keeps_its_slot(tmp_path):
    for _ in range(40):
        heartbeat = Heartbeat(tmp_path / "p", "arm", 0.1)
    heartbeat.beat("again")
    assert HeartbeatPage(tmp_path / "p").read()["arm"].state == "again"


def test_a_reader_never_sees_half_a_beat(tmp_path):
    heartbeat = Heartbeat(tmp_path / "p", "arm", 0.1)
    heartbeat.beat("a" * 60)
    page = HeartbeatPage(tmp_path / "p")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            heartbeat.beat("a" * 60)
            heartbeat.beat("b" * 60)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {page.read()["arm"].state for _ in range(3000)}
    finally:
        stop.set()
        writer.join()
    assert seen <= {"a" * 60, "b" * 60}


class Stopped(Exception):
    """In the middle of a beat."""


def stop_in_mid_write(heartbeat: Heartbeat) -> None:
    """Begin a beat and end none, as a process does that is stopped or killed in it."""

    class State(str):
        def encode(self, *_: object, **__: object) -> bytes:
            raise Stopped

    with pytest.raises(Stopped):
        heartbeat.beat(State("moving"))


def other_process(path: Path, pid: int) -> Heartbeat:
    """A sign of life as of another process, which has the same name."""
    with mock.patch("robot_cell.execution.heartbeat.os.getpid", return_value=pid):
        return Heartbeat(path, "arm", 0.1)


def test_of_who_stops_in_mid_write_the_last_whole_beat_counts(tmp_path):
    heartbeat = Heartbeat(tmp_path / "p", "arm", 0.1)
    page = HeartbeatPage(tmp_path / "p")
    before = page.read()["arm"]
    stop_in_mid_write(heartbeat)
    assert page.read()["arm"] == before


def test_who_stops_in_mid_write_is_seen_though_no_whole_beat_of_it_was(tmp_path):
    """Else nobody would end it: its predecessor, of the same name, has been dealt with."""
    other_process(tmp_path / "p", os.getppid())
    page = HeartbeatPage(tmp_path / "p")
    assert page.read()["arm"].pid == os.getppid()
    heartbeat = Heartbeat(tmp_path / "p", "arm", 0.1)
    stop_in_mid_write(heartbeat)
    assert page.read()["arm"].pid == os.getpid()
    assert HeartbeatPage(tmp_path / "p").read()["arm"].pid == os.getpid()


def test_a_page_that_is_full_or_something_else_is_refused(tmp_path):
    for number in range(32):
        Heartbeat(tmp_path / "p", f"n{number}", 0.1)
    with pytest.raises(HeartbeatError, match="no slot left"):
        Heartbeat(tmp_path / "p", "one_more", 0.1)
    (tmp_path / "q").write_bytes(b"hello")
    with pytest.raises(HeartbeatError, match="wrong size"):
        HeartbeatPage(tmp_path / "q")
    (tmp_path / "q").write_bytes(b"x" * (tmp_path / "p").stat().st_size)
    with pytest.raises(HeartbeatError, match="something else"):
        HeartbeatPage(tmp_path / "q")
    with pytest.raises(HeartbeatError, match="cannot be called"):
        Heartbeat(tmp_path / "r", "x" * 70, 0.1)
