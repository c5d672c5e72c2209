"""How long it takes until an arm stands when what moves it dies or hangs, on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.servo import STALL_S
from tests.faults.plant import FaultPlant, batch_text, fault_plant
from tests.faults.witness import read_log
from tests.promises import Figure

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(300)]

CELL = "cell_a"
STALLS = 3
"""Of the servo itself; tests/faults/test_stalls.py has many, of what beats as it does."""
SAFE_S = 1.0
SLOW_MOVE = "lin to edge_right"
"""Along the edge that is deburred: over a second, twice in the program."""

AFTER_IT = "table: index 1"
"""The step between the two."""


def at_step(plant: FaultPlant, label: str) -> bool:
    state = plant.client.cell_states().get(CELL)
    return state is not None and state.message == label


@pytest.mark.promise("kill")
@pytest.mark.long
def test_the_arm_stands_when_its_controller_is_killed_in_mid_move(
    domain: int, tmp_path: Path, figure: Figure
) -> None:
    """At real speed, so that plant time and wall time are the same."""
    took_s: dict[str, float] = {}
    with fault_plant(tmp_path, speed=1.0) as plant:
        plant.submit(tmp_path, batch_text(housing_s=1))
        for victim in ("cell", "arm"):
            plant.until(lambda: at_step(plant, SLOW_MOVE), 60.0, "the arm does not move")
            time.sleep(0.1)  # into the motion
            killed_ns = time.monotonic_ns()
            assert plant.kill(f"{CELL}.{victim}")

            def after(killed_ns: int = killed_ns) -> list[int]:
                return [
                    line["monotonic_ns"]
                    for line in read_log(plant.log)
                    if line["device"] == "arm"
                    and line["cell"] == CELL
                    and line["monotonic_ns"] > killed_ns
                ]

            plant.until(lambda: after() != [], 10.0, "the arm did not move when it was killed")
            took_s[victim] = (after()[0] - killed_ns) * 1e-9
            figure(f"arm stands after the end of {victim}", took_s[victim], "s", bar=SAFE_S)
            if victim == "cell":
                plant.until(lambda: at_step(plant, AFTER_IT), 30.0, "it does not go on")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Path]:
    """A run directory with a supervisor in it."""
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.execution.supervisor", "--cell", CELL, "--run-dir",
         str(tmp_path), "--expect", "servo"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield tmp_path
    supervisor.terminate()
    supervisor.wait(10.0)


def start_servo(run_dir: Path) -> subprocess.Popen[bytes]:
    """A servo of an ideal arm at 500 Hz, as an arm's node starts it; returns when it turns."""
    read_fd, write_fd = os.pipe()
    servo = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.execution.servo", "--cell", CELL, "--driver",
         "loopback", "--options", '{"address": "6@500"}', "--dof", "6", "--run-dir", str(run_dir),
         "--event-fd", str(write_fd)],
        pass_fds=(write_fd,), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write_fd)
    os.close(read_fd)
    page = HeartbeatPage(run_dir / "heartbeats" / f"{CELL}.page")
    until_s = time.monotonic() + 30.0
    while True:
        beat = page.read().get("servo")
        if beat is not None and beat.pid == servo.pid and beat.deadline_s <= STALL_S:
            page.close()
            return servo
        assert time.monotonic() < until_s
        assert servo.poll() is None
        time.sleep(0.01)


@pytest.mark.promise("stall")
def test_a_servo_that_stalls_is_ended_and_its_motion_void(watched: Path, figure: Figure) -> None:
    Horizon(watched / "horizons" / f"{CELL}.page", 6, create=True)
    took_s: list[float] = []
    for _ in range(STALLS):
        servo = start_servo(watched)
        servo.send_signal(signal.SIGSTOP)
        stopped_s = time.monotonic()
        servo.wait(10.0)
        took_s.append(time.monotonic() - stopped_s)
        assert servo.returncode == -signal.SIGKILL
        assert took_s[-1] < SAFE_S
    figure("a stalled servo has gone", 1e3 * max(took_s), "ms")
