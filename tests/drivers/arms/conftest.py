"""Test servers of arms in processes of their own, and the real servo beside them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.arms import ArmDriver, ArmError
from planners.motion.track import JointLimits
from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.horizon import Horizon, Outcome, Result
from robot_cell.execution.segments import quintic
from sim.remote import Remote

DEADLINE_S = 20.0
LIMITS = JointLimits(*(np.full(6, most) for most in (3.0, 15.0, 150.0)))


def until(what: Callable[[], Any], why: str, timeout_s: float = DEADLINE_S) -> Any:
    """Wait for something to be so; what it was in the end."""
    until_s = time.monotonic() + timeout_s
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < until_s, why
        time.sleep(0.002)


@pytest.fixture(scope="session")
def ur_server() -> Iterator[Remote]:
    with Remote("sim.rtde") as server:
        yield server


@pytest.fixture
def ur(ur_server: Remote) -> Remote:
    """A simulated controller that plays our program, on the port that it greets with.

    Its program waits for a second, so that a busy machine starves nobody.
    """
    ur_server.ask("reset", starved_cycles=500)
    return ur_server


@dataclass
class ServoBench:
    """A servo as an arm's node starts it, and the page that it reads."""

    horizon: Horizon
    beats: HeartbeatPage
    process: subprocess.Popen[bytes]
    events: int

    def connected(self, timeout_s: float = DEADLINE_S) -> None:
        until(lambda: self.horizon.connected or self.process.poll(), self.state(), timeout_s)
        assert self.process.poll() is None, "the servo has ended: see above"

    def state(self) -> str:
        beat = self.beats.read().get("servo")
        return "" if beat is None else beat.state

    def at(self) -> np.ndarray:
        measured = self.horizon.measured()
        assert measured is not None
        return measured.positions

    def move(self, by: np.ndarray, duration_s: float) -> int:
        """Order a motion from where the arm is."""
        start = self.at()
        times = np.linspace(0.0, duration_s, max(2, int(duration_s / 0.02)))
        x = times / duration_s
        shape = (
            x**3 * (10 - 15 * x + 6 * x**2),
            30 * x**2 * (1 - x) ** 2 / duration_s,
            60 * x * (1 - x) * (1 - 2 * x) / duration_s**2,
        )
        q, qd, qdd = (f[:, None] * by for f in shape)
        return self.horizon.follow(
            quintic(times, start + q, qd, qdd),
            LIMITS,
            path_tolerance=np.full(6, 0.1),
            goal_tolerance=np.full(6, 0.005),
            stopped_velocity=np.full(6, 0.02),
            goal_time_tolerance_s=2.0,
        )

    def result(self, number: int, timeout_s: float = DEADLINE_S) -> Result:
        def ended() -> Result | None:
            result = self.horizon.result()
            ended = result.order == number and result.outcome is not Outcome.RUNNING
            return result if ended else None

        found: Result = until(ended, f"order {number} does not end: {self.state()}", timeout_s)
        return found


@contextlib.contextmanager
def servos(run_dir: Path) -> Iterator[Callable[..., ServoBench]]:
    """Starts servos of a driver; each is ended as an arm's node ends it."""
    begun: list[ServoBench] = []

    def start(driver: str, **options: Any) -> ServoBench:
        horizon = Horizon(run_dir / "horizons" / "cell.page", 6, create=True)
        read_fd, write_fd = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "robot_cell.execution.servo", "--cell", "cell", "--driver",
             driver, "--options", json.dumps(options), "--dof", "6", "--run-dir", str(run_dir),
             "--event-fd", str(write_fd)],
            pass_fds=(write_fd,),
        )  # fmt: skip
        os.close(write_fd)
        beats = HeartbeatPage(run_dir / "heartbeats" / "cell.page")
        found = ServoBench(horizon, beats, process, read_fd)
        begun.append(found)
        return found

    yield start
    for servo in begun:
        servo.process.terminate()
        servo.process.wait(10.0)
        servo.beats.close()
        os.close(servo.events)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., ServoBench]]:
    """Servos of one test."""
    with servos(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServoBench]]:
    """Servos of all tests of a file: one takes a second to start."""
    with servos(tmp_path_factory.mktemp("servo")) as start:
        yield start


def hold(arm: ArmDriver, setpoint: np.ndarray | None = None) -> None:
    """Read and write until something happens."""
    until_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < until_s:
        state = arm.read(0.5)
        setpoint = state.positions if setpoint is None else setpoint
        arm.write(setpoint[None])


def fault_of(arm: ArmDriver, kind: type[ArmError], setpoint: np.ndarray | None = None) -> Any:
    """What reading and holding an arm ends with."""
    with pytest.raises(kind) as caught:
        hold(arm, setpoint)
    return caught.value
