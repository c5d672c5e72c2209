"""An arm's node on a real plant's drivers: a goal, an epoch that ends, and its own death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from control_msgs.action import FollowJointTrajectory

from robot_cell.execution.epoch import EpochPage
from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.trajectory_goal import GoalCode
from sim.remote import Remote
from tests.nodes.test_arm_action import Arm, point
from tests.plant.conftest import PLANT_FILE, domain
from tests.promises import Figure

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

CELL = "cell_b"
JOINTS = [
    "shoulder_pan_joint", "shoulder_lift_joint", "elbow_joint",
    "wrist_1_joint", "wrist_2_joint", "wrist_3_joint",
]  # fmt: skip
WAY = np.array([0.3, -0.1, 0.1, 0.1, 0.1, 0.2])
DEADLINE_S = 30.0


class NodeBench:
    """One arm's node, as launch starts it, and a client of its action."""

    def __init__(self, folder: Path, driver: str) -> None:
        before, at, after = PLANT_FILE.read_text().rpartition("driver: mujoco")
        assert at
        text = (before + driver + after).replace("../urdf", str(PLANT_FILE.parents[1] / "urdf"))
        plant = folder / "plant.yaml"
        plant.write_text(text)
        self.run_dir = folder / "run"
        self.run_dir.mkdir()
        self._plant = plant
        self.begin_node()

    def connect(self) -> None:
        """A client of the node that is there now: one that was killed is seen for a while after."""
        self.client = Arm(self.run_dir, CELL)
        question = FollowJointTrajectory.Goal()  # without points: it is only answered
        until_s = time.monotonic() + DEADLINE_S
        answer = None
        while answer is None or not answer.done():
            assert time.monotonic() < until_s, "its action is not answered"
            answer = self.client.client.send_goal_async(question)
            self.client.executor.spin_until_future_complete(answer, timeout_sec=1.0)
        self.start = self.client.positions()

    def begin_node(self) -> None:
        given = {"plant": self._plant, "cell": CELL, "run_dir": self.run_dir}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from robot_cell.nodes.arm_node import main; main()",
             "--ros-args", "-r", f"__ns:=/{CELL}", "-r", "__node:=arm"]
            + [word for name, value in given.items() for word in ("-p", f"{name}:={value}")],
        )  # fmt: skip

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(10.0)

    def begin(self, duration_s: float) -> Any:
        """A goal, once the arm moves."""
        goal = [point(0.0, self.start), point(duration_s, self.start + WAY)]
        handle = self.client.send(JOINTS, goal)
        until_s = time.monotonic() + DEADLINE_S
        while np.max(np.abs(self.client.measured() - self.start)) < 0.01:
            assert time.monotonic() < until_s, "it does not begin"
        return handle

    def result(self, handle: Any) -> Any:
        return self.client.wait(handle.get_result_async()).result


@pytest.fixture(params=["ur_rtde", "trajectory_action"])
def robot(request: pytest.FixtureRequest, domain: int) -> Iterator[tuple[Remote, str]]:
    """A test server, and the section of the plant file that leads to it."""
    if request.param == "ur_rtde":
        with Remote("sim.rtde") as server:
            server.ask("reset", starved_cycles=500)
            yield server, f"driver: {{kind: ur_rtde, host: 127.0.0.1, port: {server.greeting}}}"
    else:
        joints = ",".join(f"their_{joint}" for joint in JOINTS)
        named = ", ".join(f"{joint}: their_{joint}" for joint in JOINTS)
        with Remote("sim.ros_arm", ["--rate", "50", "--joints", joints]) as server:
            yield (
                server,
                "driver: {kind: trajectory_action, action: /controller/follow_joint_trajectory, "
                f"rate_hz: 50, scaling: /scaling, joints: {{{named}}}}}",
            )


@pytest.fixture
def bench(robot: tuple[Remote, str], tmp_path: Path) -> Iterator[NodeBench]:
    bench = NodeBench(tmp_path, robot[1])
    try:
        bench.connect()
        yield bench
    finally:
        bench.end()


def until(what: Callable[[], Any], why: str, timeout_s: float = DEADLINE_S) -> None:
    until_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < until_s, why


def test_a_goal_and_an_epoch_that_ends(robot: tuple[Remote, str], bench: NodeBench) -> None:
    server = robot[0]
    assert server.ask("report")["moved"] == 0.0
    result = bench.result(bench.begin(1.5))
    assert result.error_code == GoalCode.SUCCESSFUL, result.error_string
    assert server.ask("report")["q"] == pytest.approx(bench.start + WAY, abs=0.006)

    bench.start = bench.client.positions()
    handle = bench.begin(8.0)
    epochs = EpochPage(bench.run_dir, CELL)
    epochs.enter(epochs.current() + 1)
    assert bench.result(handle).error_code == GoalCode.STOPPED
    stood = bench.client.positions()
    assert np.max(np.abs(stood - bench.start)) < 0.25, "it went on to its goal"


@pytest.mark.promise("device")
@pytest.mark.long
def test_the_arm_stands_when_what_moves_it_is_killed(
    robot: tuple[Remote, str], bench: NodeBench, figure: Figure
) -> None:
    server = robot[0]
    servo = HeartbeatPage(bench.run_dir / "heartbeats" / f"{CELL}.page").read()["servo"]
    for victim in (servo.pid, bench.process.pid):
        if bench.process.poll() is not None:
            bench.begin_node()
        bench.connect()
        bench.begin(30.0)
        os.kill(victim if victim == servo.pid else bench.process.pid, signal.SIGKILL)
        killed_s = time.monotonic()
        bench.process.wait(10.0)
        until(lambda: _stands(server), "the arm goes on without what moves it", 3.0)
        figure("arm stands after the end of what moves it", time.monotonic() - killed_s, "s")


def _stands(server: Remote) -> bool:
    before = server.ask("report")["moved"]
    time.sleep(0.1)
    return bool(server.ask("report")["moved"] == pytest.approx(before, abs=1e-5))
