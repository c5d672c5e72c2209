"""The wall clock jumps by an hour, forwards and back: no loop stalls, and events keep their order.

A library of the test's own stands between the processes and their wall clock (wall_clock.c);
monotonic time is the real one.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.horizon import Horizon
from tests.faults.plant import FaultPlant, batch_text, fault_plant
from tests.faults.test_safe_state import CELL, start_servo
from tests.promises import Figure

pytestmark = [pytest.mark.promise("wall clock"), pytest.mark.timeout(240)]

HOUR_S = 3600
JUMPS_S = (HOUR_S, -HOUR_S, 0)
"""What the clock is ahead by, one after the other: jumps of one, two and one hour."""

SOURCE = Path(__file__).with_name("wall_clock.c")
WAIT_S = 120.0
TURNS_FOR_NS = 1_000_000_000


@dataclass(frozen=True)
class SetClock:
    """A wall clock that can be set, for processes that are started with `environment`."""

    page: Path
    library: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "ROBOT_CELL_WALL_CLOCK": str(self.page)}

    def set(self, ahead_s: int) -> None:
        """Let it be ahead of the real one by so much, for all of them at once."""
        with self.page.open("r+b") as page:
            page.write(struct.pack("<q", ahead_s * 1_000_000_000))

    def ahead_s(self) -> float:
        """How far it is ahead, as a process sees it."""
        told = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time())"],
            env={**os.environ, **self.environment}, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        return float(told) - time.time()

    def stands_before(self, process: int | None) -> bool:
        """Whether a process asks this clock."""
        maps = Path(f"/proc/{process}/maps").read_text(errors="replace")
        return str(self.library) in maps and str(self.page) in maps


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    found = SetClock(tmp_path / "clock.page", tmp_path / "wall_clock.so")
    found.page.write_bytes(bytes(8))
    build = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(found.library), str(SOURCE)]
    subprocess.run(build, check=True)
    return found


def jump(clock: SetClock, goes_on: Callable[[], None]) -> None:
    """Have the clock jump, and after each jump see that all goes on."""
    for ahead_s in JUMPS_S:
        clock.set(ahead_s)
        assert abs(clock.ahead_s() - ahead_s) < 60.0
        goes_on()


def test_a_working_plant_goes_on_and_its_events_keep_their_order(
    domain: int, tmp_path: Path, clock: SetClock, figure: Figure
) -> None:
    with fault_plant(tmp_path, environment=clock.environment) as plant:
        pids = {name: plant.pid(name) for name in plant.processes()}
        assert all(clock.stands_before(pid) for pid in pids.values())
        plant.submit(tmp_path, batch_text(housing_s=3, valve_block=2))

        def goes_on() -> None:
            before, began_s = _steps(plant), time.monotonic()
            plant.until(lambda: _steps(plant) >= before + 20, WAIT_S, "the plant stands")
            took_s.append(time.monotonic() - began_s)

        took_s: list[float] = []
        jump(clock, goes_on)
        plant.until(plant.done, WAIT_S, "the work is not finished")
        assert plant.problems() == []
        assert {name: plant.pid(name) for name in pids} == pids, "one was started again"
        for operation in plant.journal.operations():
            steps = plant.journal.steps(operation.operation_id)
            told = [step.intent_ns for step in sorted(steps, key=lambda step: step.step_id)]
            assert told == sorted(told)
        told_by = defaultdict(list)
        for event in plant.journal.history():
            told_by[event.who].append(event.monotonic_ns)
        assert all(instants == sorted(instants) for instants in told_by.values())
        walls_us = [event.wall_us for event in plant.journal.history()]
        assert walls_us != sorted(walls_us), "the clock of the journal did not jump"
    figure("twenty steps after a jump", max(took_s), "s")


def _steps(plant: FaultPlant) -> int:
    return sum(len(plant.journal.steps(o.operation_id)) for o in plant.journal.operations())


def test_a_servo_in_real_time_turns_on(
    tmp_path: Path, clock: SetClock, figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor would kill it after 20 ms without a turn."""
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.execution.supervisor", "--cell", CELL, "--run-dir",
         str(tmp_path), "--expect", "servo"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    horizon = Horizon(tmp_path / "horizons" / f"{CELL}.page", 6, create=True)
    servo = start_servo(tmp_path)
    page = HeartbeatPage(tmp_path / "heartbeats" / f"{CELL}.page")
    try:
        assert clock.stands_before(servo.pid)
        assert clock.stands_before(supervisor.pid)

        def goes_on() -> None:
            seen, until_s = horizon.measured(), time.monotonic() + WAIT_S
            while (now := horizon.measured()) is None or (
                seen is not None and now.time_ns < seen.time_ns + TURNS_FOR_NS
            ):
                assert time.monotonic() < until_s, "the servo stands"
                assert servo.poll() is None, "its supervisor has ended it"
                time.sleep(0.01)

        jump(clock, goes_on)
        assert page.read()["servo"].pid == servo.pid
    finally:
        page.close()
        for process in (supervisor, servo):
            process.send_signal(signal.SIGTERM)
        servo.wait(10.0)
        _, told = supervisor.communicate(timeout=10.0)
    assert "silent" not in told
    figure("jumps of a working servo's clock", len(JUMPS_S))
