"""An arm whose controller is switched off, unloaded or lost, as its controller manager tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from controller_manager_msgs.srv import SwitchController
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from drivers.arms import ArmError, ArmFault, ArmNotConnected
from drivers.arms.position_stream import PositionStreamArm
from drivers.arms.trajectory_action import TrajectoryActionArm
from robot_cell.execution.horizon import Outcome
from sim.remote import Remote
from tests.drivers.arms.conftest import ServoBench, until
from tests.plant.conftest import domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros]

RATE_HZ = 50.0
COMMON: dict[str, Any] = {
    "joints": [f"j{k}" for k in range(1, 7)],
    "rate_hz": RATE_HZ,
    "controller_manager": "/controller_manager",
}
ACTION = "/controller/follow_joint_trajectory"
COMMANDS = "/forward_position_controller/commands"
WAY = np.array([0.5, -0.2, 0.2, 0.1, 0.1, 0.3])
CONNECT_S = 10.0
STATES = ("inactive", "unconfigured", "finalized", "unloaded", "deactivating")


@pytest.fixture(scope="module", params=["told", "asked"])
def server(domain: int, request: pytest.FixtureRequest) -> Iterator[Remote]:
    """A manager that publishes its activity, and one of before Jazzy that has to be asked."""
    words = ["--rate", str(RATE_HZ)] + (["--no-activity"] if request.param == "asked" else [])
    with Remote("sim.ros_arm", words) as server:
        yield server


@pytest.fixture
def told(request: pytest.FixtureRequest) -> bool:
    return bool(request.node.callspec.params["server"] == "told")


@pytest.fixture
def robot(server: Remote) -> Remote:
    server.ask("reset")
    return server


def follower() -> TrajectoryActionArm:
    return TrajectoryActionArm(ACTION, **COMMON)


def streamer() -> PositionStreamArm:
    return PositionStreamArm(COMMANDS, **COMMON)


class Manager:
    """Somebody who switches controllers, as `ros2 control switch_controllers` does."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("switcher", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.client = self.node.create_client(
            SwitchController, "/controller_manager/switch_controller"
        )

    def switch(self, activate: list[str], deactivate: list[str]) -> bool:
        assert self.client.wait_for_service(timeout_sec=10.0)
        asked = self.client.call_async(
            SwitchController.Request(
                activate_controllers=activate,
                deactivate_controllers=deactivate,
                strictness=SwitchController.Request.STRICT,
            )
        )
        self.executor.spin_until_future_complete(asked, timeout_sec=10.0)
        return bool(asked.result().ok)

    def close(self) -> None:
        self.executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def manager(robot: Remote) -> Iterator[Manager]:
    manager = Manager()
    yield manager
    manager.close()


def found_of(arm: Any) -> ArmError | None:
    """What is wrong with connecting and reading a few states; None if nothing."""
    try:
        arm.connect(CONNECT_S)
        for _ in range(5):
            arm.read(1.0)
    except ArmError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("make", "name"),
    [(follower, "controller"), (streamer, "forward_position_controller")],
    ids=["trajectory_action", "position_stream"],
)
def test_only_an_active_controller_is_used(
    robot: Remote, make: Callable[[], Any], name: str, told: bool
) -> None:
    arm = make()
    try:
        until(lambda: found_of(arm) is None, "it does not connect")
        for state in STATES if told else ("inactive", "unloaded"):
            robot.ask("controller", name=name, state=state)
            word = "changing" if state == "deactivating" else state
            error = until(
                lambda: isinstance(e := found_of(arm), ArmFault) and e, f"{state} is not noticed"
            )
            assert error.code == f"CONTROLLER_{word.upper()}"
            assert error.what.endswith(f"controller {name} is {word}")
            assert "goes on by itself" in error.to_do
            robot.ask("controller", name=name, state="active")
            until(lambda: found_of(arm) is None, f"it is not led back after {state}")
        other = ({"controller", "forward_position_controller"} - {name}).pop()
        robot.ask("controller", name=other, state="inactive")
        assert found_of(arm) is None, "another controller is not its matter"
        assert robot.ask("report")["moved"] == 0.0
    finally:
        arm.close()


def test_it_is_asked_only_where_nobody_tells(robot: Remote, request: pytest.FixtureRequest) -> None:
    told = request.node.callspec.params["server"] == "told"
    arm = follower()
    try:
        until(lambda: found_of(arm) is None, "it does not connect")
        before = robot.ask("report")["listed"]
        for _ in range(int(1.6 * RATE_HZ)):
            arm.read(CONNECT_S)
        asked = robot.ask("report")["listed"] - before
        assert asked <= 1 if told else 2 <= asked <= 8, asked
    finally:
        arm.close()


def test_a_manager_that_is_not_there_is_named(robot: Remote) -> None:
    arm = TrajectoryActionArm(ACTION, **{**COMMON, "controller_manager": "/nobody"})
    try:
        with pytest.raises(ArmNotConnected, match="controller manager /nobody is not heard of"):
            arm.connect(1.5)
    finally:
        arm.close()


def test_looking_at_an_arm_says_that_its_controller_is_off(robot: Remote) -> None:
    robot.ask("controller", state="inactive")
    with pytest.raises(ArmFault, match="controller controller is inactive") as caught:
        follower().look(CONNECT_S)
    assert "ros2 control switch_controllers -c /controller_manager --activate controller" in (
        caught.value.to_do
    )


def test_a_switch_in_mid_motion_fails_it_and_nothing_moves_until_it_is_ordered(
    robot: Remote, manager: Manager, bench: Callable[..., ServoBench]
) -> None:
    """Switched off and on by the real service, as somebody at the robot would."""
    relay = bench("trajectory_action", action=ACTION, **COMMON, stalled_s=5.0)
    relay.connected()
    number = relay.move(WAY, 5.0)
    until(lambda: robot.ask("report")["moved"] > 0.05, "it does not begin")
    assert manager.switch([], ["controller"])
    assert not manager.switch([], ["controller"]), "strictly: it is off already"
    assert relay.result(number).outcome is Outcome.DEVICE_FAULT
    until(lambda: "CONTROLLER_INACTIVE" in relay.state(), "it is not said")
    until(lambda: not relay.horizon.connected, "the arm counts as connected")
    stood = robot.ask("report")
    assert not stood["follows"]

    assert manager.switch(["controller"], [])
    relay.connected()
    after = robot.ask("report")
    assert (after["goals"], after["follows"]) == (stood["goals"], False)
    assert after["moved"] == pytest.approx(stood["moved"], abs=1e-3), "moved without an order"
    assert relay.result(relay.move(-0.5 * WAY, 1.0)).outcome is Outcome.DONE


def test_nothing_is_streamed_to_a_controller_that_is_off(
    robot: Remote, manager: Manager, bench: Callable[..., ServoBench]
) -> None:
    servo = bench("position_stream", commands=COMMANDS, **COMMON)
    servo.connected()
    number = servo.move(WAY, 5.0)
    until(lambda: robot.ask("report")["moved"] > 0.05, "it does not begin")
    assert manager.switch([], ["forward_position_controller"])
    assert servo.result(number).outcome is Outcome.DEVICE_FAULT
    until(lambda: "CONTROLLER_INACTIVE" in servo.state(), "it is not said")
    sent = robot.ask("report")["commands"]
    stood = robot.ask("report")["moved"]
    assert manager.switch(["forward_position_controller"], [])
    servo.connected()
    assert robot.ask("report")["moved"] == pytest.approx(stood, abs=1e-3), "no jump"
    assert robot.ask("report")["largest_step"] < 0.05
    until(lambda: robot.ask("report")["commands"] > sent, "it does not hold the arm again")
    assert servo.result(servo.move(-0.5 * WAY, 1.0)).outcome is Outcome.DONE
