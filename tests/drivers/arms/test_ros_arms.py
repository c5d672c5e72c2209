"""Arms behind ROS 2 controllers: real nodes, a real action, and controllers that fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from drivers.arms import ArmFault, ArmNotConnected, SetpointsRefused, Trajectory
from drivers.arms.position_stream import PositionStreamArm
from drivers.arms.trajectory_action import TrajectoryActionArm
from robot_cell.execution.horizon import Outcome
from robot_cell.execution.safe_state import stop_motion
from sim.remote import Remote
from tests.drivers.arms.conftest import ServoBench, fault_of, until
from tests.plant.conftest import domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros]

JOINTS = [f"j{k}" for k in range(1, 7)]
ACTION = "/controller/follow_joint_trajectory"
COMMANDS = "/forward_position_controller/commands"
WAY = np.array([0.5, -0.2, 0.2, 0.1, 0.1, 0.3])
CONNECT_S = 10.0
STATE_S = 10.0
"""For one joint state: a busy machine has been silent for a second."""

RATE_HZ = 50.0
COMMON: dict[str, Any] = {"joints": JOINTS, "rate_hz": RATE_HZ}


@pytest.fixture(scope="module")
def server(domain: int) -> Iterator[Remote]:
    with Remote("sim.ros_arm", ["--rate", str(RATE_HZ)]) as server:
        yield server


@pytest.fixture
def robot(server: Remote) -> Remote:
    server.ask("reset")
    return server


@pytest.fixture(scope="module")
def stream(server: Remote) -> Iterator[PositionStreamArm]:
    arm = PositionStreamArm(COMMANDS, **COMMON, ready="/ready")
    yield arm
    arm.close()


@pytest.fixture(scope="module")
def follower(server: Remote) -> Iterator[TrajectoryActionArm]:
    arm = TrajectoryActionArm(ACTION, **COMMON, ready="/ready", scaling="/scaling")
    yield arm
    arm.close()


@pytest.fixture(scope="module")
def relays(server: Remote, module_bench: Callable[..., ServoBench]) -> ServoBench:
    """The real servo child with the driver of trajectories."""
    return module_bench(
        "trajectory_action", action=ACTION, **COMMON, ready="/ready", scaling="/scaling",
        stalled_s=0.6,
    )  # fmt: skip


@pytest.fixture
def relay(robot: Remote, relays: ServoBench) -> ServoBench:
    relays.horizon.ask_speed(1.0)
    relays.connected()
    until(lambda: np.allclose(relays.at(), robot.ask("report")["q"]), "states do not come")
    return relays


def begin(robot: Remote, relay: ServoBench, duration_s: float = 3.0) -> int:
    """A motion, once it moves."""
    number = relay.move(WAY, duration_s)
    until(lambda: robot.ask("report")["moved"] > 0.05, "it does not begin")
    return number


def along(robot: Remote, start: np.ndarray) -> float:
    """How far it is on its straight way, which it must not have left."""
    way = (np.array(robot.ask("report")["q"]) - start) / WAY
    assert way == pytest.approx(np.full(6, way[0]), abs=0.02), "it has left its path"
    return float(way[0])


# -- position_stream ------------------------------------------------------------------------------


def test_positions_are_streamed_and_followed(robot: Remote, stream: PositionStreamArm) -> None:
    until(lambda: ended_by(stream) == "", "it does not connect")
    state = stream.read(STATE_S)
    assert state.positions == pytest.approx(robot.ask("report")["q"], abs=1e-6)
    assert robot.ask("report")["moved"] == 0.0
    start = stream.read(STATE_S).positions
    for cycle in range(1, 51):
        stream.write((start + WAY * cycle / 50)[None])
        stream.read(STATE_S)
    until(lambda: np.allclose(robot.ask("report")["q"], start + WAY, atol=1e-3), "not followed")
    with pytest.raises(SetpointsRefused):
        stream.write(np.zeros((1, 5)))


def test_states_at_another_rate_are_refused(robot: Remote) -> None:
    arm = PositionStreamArm(COMMANDS, JOINTS, rate_hz=250.0)
    try:
        with pytest.raises(ArmFault, match="Set `rate_hz`") as caught:
            arm.connect(CONNECT_S)
        assert caught.value.code == "RATE"
    finally:
        arm.close()


@pytest.mark.parametrize(
    ("topics", "said"),
    [({"joint_states": "/nobody"}, "no joint states on /nobody"),
     ({"joints": ["a", "b"]}, "name a, b"),
     ({"commands": "/nobody"}, "nobody listens to /nobody"),
     ({"ready": "/nobody"}, "nothing is said on /nobody")],
)  # fmt: skip
def test_what_is_not_there_is_said(robot: Remote, topics: dict[str, Any], said: str) -> None:
    arm = PositionStreamArm(**{"commands": COMMANDS, **COMMON, **topics})
    try:
        with pytest.raises(ArmNotConnected, match=said):
            arm.connect(1.0)
    finally:
        arm.close()


def test_lost_states_and_an_arm_that_is_not_ready(robot: Remote, stream: PositionStreamArm) -> None:
    until(lambda: ended_by(stream) == "", "it does not connect")
    robot.tell("silent", for_s=1.5)
    assert "no joint states" in fault_of(stream, ArmNotConnected).what
    until(lambda: ended_by(stream) == "", "it is not led back")
    robot.ask("ready", value=False)
    until(lambda: ended_by(stream) == "NOT_READY", "it goes on")
    until(lambda: ended_by(stream) == "NOT_READY", "it is led back to an arm that is not ready")
    robot.ask("ready", value=True)
    until(lambda: ended_by(stream) == "", "it is not led back")


def test_states_that_come_late_and_together_are_answered_once(
    robot: Remote, stream: PositionStreamArm
) -> None:
    """Answering each would be a motion that makes up for lost time: faster than planned."""
    until(lambda: ended_by(stream) == "", "it does not connect")
    robot.ask("late", late_s=0.2, for_s=3.0)
    began_s, answered = time.monotonic(), 0
    while time.monotonic() - began_s < 2.0:
        stream.read(STATE_S)
        answered += 1
    assert 3 <= answered <= 2.0 / 0.2 + 6, "in time there would be 100"


def test_a_motion_survives_late_states(robot: Remote, bench: Callable[..., ServoBench]) -> None:
    servo = bench("position_stream", commands=COMMANDS, **COMMON)
    servo.connected()
    start = servo.at()
    robot.ask("late", late_s=0.25, for_s=2.0)
    began_s = time.monotonic()
    assert servo.result(servo.move(WAY, 1.0)).outcome is Outcome.DONE
    assert time.monotonic() - began_s > 1.5, "slower"
    # Made up for at once, a stretch would be a step of 0.25 s at 0.9 rad/s, less the arm's lag.
    assert robot.ask("report")["largest_step"] < 0.08, "no jump"
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)


def ended_by(arm: PositionStreamArm) -> str:
    """The code of the fault that connecting and a few states end with; empty if none."""
    try:
        arm.connect(CONNECT_S)
        for _ in range(10):
            arm.read(STATE_S)
    except ArmFault as fault:
        return fault.code
    except ArmNotConnected:  # a busy machine
        return "lost"
    return ""


def test_the_servo_streams_a_motion(robot: Remote, bench: Callable[..., ServoBench]) -> None:
    servo = bench("position_stream", commands=COMMANDS, **COMMON)
    servo.connected()
    start = servo.at()
    assert robot.ask("report")["moved"] == 0.0
    assert servo.result(servo.move(WAY, 1.0)).outcome is Outcome.DONE
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)


# -- trajectory_action ----------------------------------------------------------------------------


def line(arm: TrajectoryActionArm, way: np.ndarray, duration_s: float = 1.0) -> Trajectory:
    start = arm.read(STATE_S).positions
    x = np.linspace(0.0, 1.0, 20)
    shape = x**2 * (3 - 2 * x), 6 * x * (1 - x) / duration_s, 6 * (1 - 2 * x) / duration_s**2
    q, qd, qdd = (f[:, None] * way for f in shape)
    return Trajectory(x * duration_s, start + q, qd, qdd)


def finish(arm: TrajectoryActionArm) -> Any:
    def ended() -> Any:
        arm.read(STATE_S)
        return arm.ended()

    return until(ended, "the goal does not end")


def test_a_trajectory_is_followed(robot: Remote, follower: TrajectoryActionArm) -> None:
    start = follower.connect(CONNECT_S).positions
    follower.send(line(follower, WAY))
    with pytest.raises(SetpointsRefused, match="follows a trajectory"):
        follower.send(line(follower, WAY))
    assert finish(follower).done
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)


def test_a_controller_that_is_switched_off_refuses_and_gives_up(
    robot: Remote, follower: TrajectoryActionArm
) -> None:
    follower.connect(CONNECT_S)
    follower.send(line(follower, WAY, 5.0))
    until(lambda: follower.read(STATE_S) and robot.ask("report")["follows"], "it does not begin")
    robot.ask("controller", state="inactive")
    ended = finish(follower)
    assert (ended.done, ended.code, ended.what) == (False, "-1", "deactivated")
    follower.send(line(follower, WAY))
    refused = finish(follower)
    assert refused.code == "REFUSED"
    assert "ros2 control list_controllers" in refused.what


def test_who_connects_cancels_what_an_earlier_client_left_behind(
    robot: Remote, follower: TrajectoryActionArm
) -> None:
    follower.connect(CONNECT_S)
    follower.send(line(follower, WAY, 30.0))
    until(lambda: follower.read(STATE_S) and robot.ask("report")["follows"], "it does not begin")
    other = TrajectoryActionArm(ACTION, **COMMON)
    try:
        state = other.connect(CONNECT_S)
        report = robot.ask("report")
        assert not report["follows"]
        assert state.positions == pytest.approx(report["q"], abs=2e-3)
    finally:
        other.close()


def test_the_relay_has_a_motion_followed(robot: Remote, relay: ServoBench) -> None:
    start = relay.at()
    result = relay.result(relay.move(WAY, 1.0))
    assert result.outcome is Outcome.DONE
    assert np.max(np.abs(result.error)) < 0.005
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)


def test_a_controller_that_is_slower_than_planned_is_no_error(
    robot: Remote, relay: ServoBench
) -> None:
    robot.ask("scaling", percent=40.0)
    start = relay.at()
    until(lambda: relay.horizon.permitted_speed() == 0.4, "the scaling is not heard of")
    began_s = time.monotonic()
    assert relay.result(relay.move(WAY, 0.8)).outcome is Outcome.DONE
    assert time.monotonic() - began_s > 1.9
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)


def test_late_states_are_no_fault_of_a_trajectory(robot: Remote, relay: ServoBench) -> None:
    start = relay.at()
    robot.ask("late", late_s=0.2, for_s=5.0)
    assert relay.result(relay.move(WAY, 1.0)).outcome is Outcome.DONE
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)
    assert robot.ask("report")["goals"] == 1


def test_one_that_stands_at_scaling_zero_is_waited_for(robot: Remote, relay: ServoBench) -> None:
    """Longer than an arm may stand that is not slowed (0.6 s)."""
    number = begin(robot, relay, 1.5)
    robot.ask("scaling", percent=0.0)
    until(lambda: robot.ask("report")["speed"] < 1e-3, "it moves on")
    began_s = time.monotonic()
    until(lambda: time.monotonic() - began_s > 1.0, "")
    assert relay.horizon.result().order != number
    assert relay.horizon.permitted_speed() == 0.0
    robot.ask("scaling", percent=100.0)
    assert relay.result(number).outcome is Outcome.DONE


def test_one_that_does_not_follow_is_stopped(robot: Remote, relay: ServoBench) -> None:
    number = begin(robot, relay)
    robot.ask("stuck", value=True)
    assert relay.result(number).outcome is Outcome.STALLED
    assert not robot.ask("report")["follows"]


def test_a_hold_stops_on_the_path_and_goes_on_at_another_speed(
    robot: Remote, relay: ServoBench
) -> None:
    start = relay.at()
    number = begin(robot, relay, 2.0)
    relay.horizon.ask_speed(0.0)
    until(lambda: relay.horizon.progress()[1] == 0.0, "it is not held")
    report = robot.ask("report")
    assert not report["follows"]
    held = along(robot, start)
    assert 0.02 < held < 0.9
    relay.horizon.ask_speed(0.5)
    until(lambda: robot.ask("report")["goals"] == 2, "it does not go on")
    while robot.ask("report")["follows"]:
        assert along(robot, start) > held - 0.01, "it goes back"
    assert relay.result(number).outcome is Outcome.DONE
    assert along(robot, start) == pytest.approx(1.0, abs=0.01)
    assert robot.ask("report")["largest_step"] < 0.02, "no jump"


def test_a_stop_from_the_supervisor_cancels_the_goal(robot: Remote, relay: ServoBench) -> None:
    """So does an epoch that is over: the arm's node writes the same word."""
    start = relay.at()
    number = begin(robot, relay)
    assert stop_motion(relay.horizon.path.parents[1], "cell")
    result = relay.result(number)
    assert result.outcome is Outcome.STOPPED
    report = robot.ask("report")
    assert not report["follows"]
    assert report["cancels"] >= 1
    assert along(robot, start) < 0.9


def test_a_controller_that_is_switched_off_fails_the_motion(
    robot: Remote, relay: ServoBench
) -> None:
    number = begin(robot, relay)
    robot.ask("controller", state="inactive")
    assert relay.result(number).outcome is Outcome.DEVICE_FAULT
    assert relay.result(relay.move(WAY, 1.0)).outcome is Outcome.DEVICE_FAULT, "refused"


def test_an_arm_that_is_not_heard_of_is_stopped_at_once(robot: Remote, relay: ServoBench) -> None:
    number = begin(robot, relay, 10.0)
    robot.ask("silent", for_s=3.0)
    assert relay.result(number).outcome is Outcome.DEVICE_FAULT
    until(lambda: not robot.ask("report")["follows"], "it goes on unseen", 1.0)
    assert not relay.horizon.connected


def test_a_relay_that_is_asked_to_end_cancels_its_goal(robot: Remote, relay: ServoBench) -> None:
    """Last in this file: there is no relay after it."""
    begin(robot, relay, 10.0)
    relay.process.terminate()
    relay.process.wait(10.0)
    until(lambda: not robot.ask("report")["follows"], "the goal goes on without its client", 1.0)
