"""The FollowJointTrajectory server of an arm, asked as any ROS 2 client asks: codes and motion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Duration
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.action import FixtureCommand
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectoryPoint

from robot_cell.bringup.session import PlantSession
from robot_cell.client import PlantClient
from robot_cell.execution.epoch import EpochPage, written
from robot_cell.execution.trajectory_goal import GoalCode
from tests.plant.conftest import PLANT_FILE, domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(240)]

READY_S = 90.0
ANSWER_S = 30.0
LONG_S = 120.0


class Arm:
    """A client of a cell's arm."""

    def __init__(self, run_dir: Path, cell: str = "cell_a") -> None:
        self.run_dir = run_dir
        self.context = Context()
        rclpy.init(context=self.context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = Node("arm_client", context=self.context, enable_rosout=False)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.state: JointState | None = None
        self.node.create_subscription(JointState, f"/{cell}/joint_states", self._on_state, 10)
        self.client = ActionClient(
            self.node, FollowJointTrajectory, f"/{cell}/arm/follow_joint_trajectory"
        )
        assert self.client.wait_for_server(ANSWER_S)

    def _on_state(self, message: Any) -> None:
        self.state = message

    def wait(self, future: Any, timeout_s: float = ANSWER_S) -> Any:
        self.executor.spin_until_future_complete(future, timeout_sec=timeout_s)
        assert future.done()
        return future.result()

    def measured(self) -> np.ndarray:
        """One measurement; it may be a few tenths of a second old."""
        self.state = None
        for _ in range(600):
            self.executor.spin_once(timeout_sec=0.05)
            if self.state is not None:
                return np.array(self.state.position)
        raise AssertionError("no joint states")

    def positions(self) -> np.ndarray:
        """Where the arm stands: the same twice, as older measurements may be on the way."""
        before = self.measured()
        for _ in range(600):
            now = self.measured()
            if np.max(np.abs(now - before)) < 1e-6:
                return now
            before = now
        raise AssertionError("the arm never stands")

    def send(self, names: list[str], points: list[JointTrajectoryPoint], frame: str = "") -> Any:
        goal = FollowJointTrajectory.Goal()
        goal.trajectory.header.frame_id = frame
        goal.trajectory.joint_names = names
        goal.trajectory.points = points
        handle = self.wait(self.client.send_goal_async(goal))
        assert handle.accepted
        return handle

    def follow(self, names: list[str], points: list[JointTrajectoryPoint]) -> Any:
        return self.wait(self.send(names, points).get_result_async()).result

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture(scope="module")
def arm(domain: int) -> Iterator[Arm]:
    del domain
    arguments = {"plant": str(PLANT_FILE), "speed": "5.0", "start": "2026-11-23T06:00:00+01:00"}
    with PlantSession(["cell_a", "cell_b"], arguments) as session:
        with PlantClient.connect(READY_S) as client:
            client.wait_ready(READY_S, cells=["cell_a", "cell_b"])
        arm = Arm(session.run_dir)
        try:
            yield arm
        finally:
            arm.close()


JOINTS = [f"joint_{i}" for i in range(1, 7)]


def point(time_s: float, positions: np.ndarray, rest: bool = True) -> JointTrajectoryPoint:
    seconds = int(time_s)
    zero = [0.0] * len(positions) if rest else []
    return JointTrajectoryPoint(
        positions=[float(q) for q in positions],
        velocities=zero,
        accelerations=zero,
        time_from_start=Duration(sec=seconds, nanosec=round((time_s - seconds) * 1e9)),
    )


def test_a_good_goal_moves_the_arm_to_its_end(arm: Arm) -> None:
    start = arm.positions()
    goal = start + np.array([0.3, 0.1, -0.1, 0.2, -0.2, 0.4])
    result = arm.follow(JOINTS, [point(0.0, start), point(2.0, goal)])
    assert result.error_code == GoalCode.SUCCESSFUL, result.error_string
    assert arm.positions() == pytest.approx(goal, abs=0.005)
    result = arm.follow(JOINTS[::-1], [point(2.0, start[::-1])])
    assert result.error_code == GoalCode.SUCCESSFUL, result.error_string
    assert arm.positions() == pytest.approx(start, abs=0.005)


def test_what_is_wrong_with_a_goal_has_its_own_code_and_nothing_moves(arm: Arm) -> None:
    start = arm.positions()
    far = start.copy()
    far[0] = 10.0
    near = start.copy()
    near[0] += 0.5
    wrong = {
        GoalCode.INVALID_JOINTS: (["a", *JOINTS[1:]], [point(1.0, start)]),
        GoalCode.NO_POINTS: (JOINTS, []),
        GoalCode.TIMES_NOT_INCREASING: (JOINTS, [point(1.0, start), point(0.5, near)]),
        GoalCode.POSITION_LIMIT: (JOINTS, [point(0.0, start), point(60.0, far)]),
        GoalCode.VELOCITY_LIMIT: (JOINTS, [point(0.0, start), point(0.05, near)]),
        GoalCode.START_DIFFERS: (JOINTS, [point(0.0, near), point(2.0, start)]),
        GoalCode.NOT_FINITE: (JOINTS, [point(1.0, start * np.nan)]),
    }
    for code, (names, points) in wrong.items():
        result = arm.follow(names, points)
        assert result.error_code == code, (code, result.error_code, result.error_string)
        assert result.error_string
    assert arm.positions() == pytest.approx(start, abs=1e-4)


def test_a_cancelled_goal_stops_on_its_path_and_says_so(arm: Arm) -> None:
    start = arm.positions()
    goal = start + np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    handle = arm.send(JOINTS, [point(0.0, start), point(8.0, goal)])
    while arm.measured()[0] < start[0] + 0.05:
        pass
    arm.wait(handle.cancel_goal_async())
    result = arm.wait(handle.get_result_async()).result
    assert result.error_code == GoalCode.STOPPED
    stopped = arm.positions()
    assert start[0] + 0.05 <= stopped[0] < goal[0] - 0.1
    assert stopped[1:] == pytest.approx(start[1:], abs=0.002)
    assert arm.positions() == pytest.approx(stopped, abs=1e-4)
    result = arm.follow(JOINTS, [point(0.0, stopped), point(4.0, start)])
    assert result.error_code == GoalCode.SUCCESSFUL, result.error_string


def test_what_an_older_epoch_asked_is_void(arm: Arm) -> None:
    """The arm stops on its path without being told, and a fixture refuses."""
    epochs = EpochPage(arm.run_dir, "cell_a")
    start = arm.positions()
    goal = start + np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    handle = arm.send(JOINTS, [point(0.0, start), point(8.0, goal)])
    while arm.measured()[0] < start[0] + 0.05:
        pass
    old = epochs.current()
    epochs.enter(old + 1)
    result = arm.wait(handle.get_result_async()).result
    assert result.error_code == GoalCode.STOPPED
    assert arm.positions()[0] < goal[0] - 0.1
    # A goal that was on its way when the epoch ended moves nothing; that of a foreigner has none.
    standing = arm.positions()
    near = standing + np.array([-0.05, 0.0, 0.0, 0.0, 0.0, 0.0])
    for frame, code in (
        (written(old), GoalCode.VOID),
        (written(old + 1), GoalCode.SUCCESSFUL),
        ("base_link", GoalCode.SUCCESSFUL),
    ):
        there = [point(0.0, arm.positions()), point(2.0, near)]
        result = arm.wait(arm.send(JOINTS, there, frame).get_result_async()).result
        assert result.error_code == code, result.error_string
        if code is GoalCode.VOID:
            assert f"epoch {old}" in result.error_string
            assert arm.positions() == pytest.approx(standing, abs=1e-4)
    client = ActionClient(arm.node, FixtureCommand, "/cell_a/fixtures/command")
    assert client.wait_for_server(ANSWER_S)
    for epoch, status in ((old, "refused"), (old + 1, "done")):
        command = FixtureCommand.Goal(
            device="gripper", step_id=1_000_000 + epoch, command="open", timeout_s=5.0, epoch=epoch
        )
        given = arm.wait(client.send_goal_async(command))
        answer = arm.wait(given.get_result_async()).result
        assert answer.status == status, answer.message
    result = arm.follow(JOINTS, [point(0.0, arm.positions()), point(4.0, start)])
    assert result.error_code == GoalCode.SUCCESSFUL, result.error_string


def test_a_feed_hold_stops_in_mid_move_and_resume_goes_on_to_the_end(arm: Arm) -> None:
    start = arm.positions()
    goal = start + np.array([0.6, 0.1, -0.1, 0.2, -0.2, 0.4])
    with PlantClient.connect(READY_S) as client:
        assert client.hold("cell_a", "test", on=False).success  # its way to the cell is found now
        handle = arm.send(JOINTS, [point(0.0, start), point(16.0, goal)])
        ended = handle.get_result_async()
        while np.max(np.abs(arm.measured() - start)) < 0.01:
            pass
        assert client.hold("cell_a", "test", on=True).success
        held = arm.positions()
        assert not ended.done()
        assert 0.01 < held[0] - start[0] < 0.59
        along = (held - start) / (goal - start)
        assert along == pytest.approx(np.full(6, along[0]), abs=0.01)
        assert client.override("cell_a", 60.0).success
        assert not client.override("cell_a", 101.0).success
        assert client.hold("cell_a", "test", on=False).success
        assert arm.wait(ended, LONG_S).result.error_code == GoalCode.SUCCESSFUL
        assert arm.positions() == pytest.approx(goal, abs=0.005)
        assert client.override("cell_a", 100.0).success
