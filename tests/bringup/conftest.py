"""Programs that tests start, installed as a distribution of their own in a temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAMS = """
import os, signal, sys, time
from pathlib import Path


def _note(text):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{text}\\n")


def _name():
    return next(word for word in sys.argv if word.startswith("__node:=")).removeprefix("__node:=")


def stay():
    signal.signal(signal.SIGINT, lambda *_: (_note(f"{_name()} interrupted"), sys.exit(0)))
    _note(f"{_name()} {os.getpid()}")
    print("stays", flush=True)
    while True:
        signal.pause()


def stubborn():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _note(f"{_name()} terminated"))
    if os.fork():
        _note(f"{_name()} {os.getpid()}")
    while True:
        signal.pause()


def fail():
    _note(f"{_name()} {os.getpid()}")
    print("no hope", flush=True)
    return int(sys.argv[1])


def hang():
    from robot_cell.execution.heartbeat import Heartbeat

    heartbeat = Heartbeat(Path(os.environ["PAGE"]), _name(), 0.02, deadline_s=0.3)
    _note(f"{_name()} {os.getpid()}")
    beats = int(sys.argv[1]) if Path(os.environ["NOTES"]).read_text().count(_name()) == 1 else 10**9
    for turn in range(beats):
        heartbeat.beat(f"turn {turn}")
        time.sleep(0.02)
    while True:
        signal.pause()
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution `testcell` with console scripts; returns the file that they take notes in."""
    site = tmp_path / "site"
    info = site / "testcell-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "testcell_programs.py").write_text(PROGRAMS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: testcell\nVersion: 1.0\n")
    scripts = [
        f"{name} = testcell_programs:{name}" for name in ("stay", "stubborn", "fail", "hang")
    ]
    scripts.append("supervisor = robot_cell.execution.supervisor:main")
    (info / "entry_points.txt").write_text("[console_scripts]\n" + "\n".join(scripts) + "\n")
    notes = tmp_path / "notes"
    notes.touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
    monkeypatch.setenv("NOTES", str(notes))
    monkeypatch.setenv("PAGE", str(tmp_path / "run" / "heartbeats" / "c.page"))
    return notes


@pytest.fixture
def bring_up(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m robot_cell.bringup` on a launch file with that body."""
    started: list[subprocess.Popen[str]] = []

    def start(body: str, *words: str) -> subprocess.Popen[str]:
        file = tmp_path / "test.launch.xml"
        file.write_text(f"<launch><arg name='run_dir'/>{body}</launch>")
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "robot_cell.bringup",
                str(file),
                f"run_dir:={tmp_path}/run",
                *words,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait for a condition, with a deadline."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        time.sleep(0.01)
