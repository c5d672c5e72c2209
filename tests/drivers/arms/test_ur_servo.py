"""The real servo on a simulated controller: a whole motion, and what stops it from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from robot_cell.execution.horizon import Outcome
from robot_cell.execution.safe_state import stop_motion
from sim.remote import Remote
from tests.drivers.arms.conftest import ServoBench, until
from tests.promises import Figure

WAY = np.array([0.5, -0.2, 0.2, 0.1, 0.1, 0.3])
BACK_S = 2.0


@pytest.fixture(scope="module")
def servos(ur_server: Remote, module_bench: Callable[..., ServoBench]) -> ServoBench:
    return module_bench("ur_rtde", host="127.0.0.1", port=int(ur_server.greeting))


@pytest.fixture
def servo(ur: Remote, servos: ServoBench) -> ServoBench:
    """A servo that holds the arm; the test before may have left it without one."""
    until(lambda: servos.horizon.connected and ur.ask("report")["doing"] == 1, servos.state())
    return servos


def moves(ur: Remote, since: float) -> bool:
    return bool(ur.ask("report")["moved"] > since + 0.05)


def stands(ur: Remote) -> bool:
    return max(map(abs, ur.ask("report")["qd"])) == 0.0


def test_a_motion_ends_at_its_goal(ur: Remote, servo: ServoBench) -> None:
    start = servo.at()
    result = servo.result(servo.move(WAY, 1.0))
    assert result.outcome is Outcome.DONE
    assert ur.ask("report")["q"] == pytest.approx(start + WAY, abs=0.005)


def test_the_speed_slider_slows_a_motion_and_the_arm_stays_on_its_path(
    ur: Remote, servo: ServoBench
) -> None:
    start = servo.at()
    ur.ask("slider", fraction=0.5)
    until(lambda: servo.horizon.permitted_speed() == 0.5, "the slider is not heard of")
    began_s = time.monotonic()
    result = servo.result(servo.move(WAY, 1.0))
    assert result.outcome is Outcome.DONE
    assert time.monotonic() - began_s > 1.8
    assert ur.ask("report")["q"] == pytest.approx(start + WAY, abs=0.005)


@pytest.mark.promise("device")
def test_after_a_reboot_it_is_back_by_itself_and_nothing_moves(
    ur: Remote, servo: ServoBench, figure: Figure
) -> None:
    """The same process; the motion has failed, and is not gone on with."""
    before = ur.ask("report")["moved"]
    number = servo.move(WAY, 4.0)
    until(lambda: moves(ur, before), "it does not begin")
    stood = ur.ask("reboot", down_s=0.3)
    assert stood["moved"] > before
    began_s = time.monotonic()
    assert servo.result(number).outcome is Outcome.DEVICE_FAULT
    until(lambda: not servo.horizon.connected, "the loss is not seen")
    servo.connected(BACK_S + 0.3)
    figure("back after a reboot", time.monotonic() - began_s - 0.3, "s", bar=BACK_S)
    assert servo.process.poll() is None
    came = ur.ask("report")["cycles"]
    until(lambda: ur.ask("report")["cycles"] > came + 200, "its time stands still")
    report = ur.ask("report")
    assert report["moved"] == stood["moved"]
    assert report["q"] == stood["q"]
    assert servo.at() == pytest.approx(stood["q"], abs=1e-12)
    assert servo.result(servo.move(WAY * 0.2, 0.5)).outcome is Outcome.DONE


def test_after_a_reboot_without_power_it_waits_and_says_for_what(
    ur: Remote, servo: ServoBench
) -> None:
    ur.ask("reboot", down_s=0.2, play=False)
    until(lambda: "switched off" in servo.state(), servo.state())
    assert not servo.horizon.connected
    ur.ask("play")
    servo.connected(BACK_S)


@pytest.mark.promise("device")
def test_a_protective_stop_fails_the_motion_and_is_said(ur: Remote, servo: ServoBench) -> None:
    before = ur.ask("report")["moved"]
    number = servo.move(WAY, 4.0)
    until(lambda: moves(ur, before), "it does not begin")
    ur.ask("protective_stop")
    assert servo.result(number).outcome is Outcome.DEVICE_FAULT
    until(lambda: "protective stop" in servo.state(), servo.state())
    until(lambda: stands(ur), "it moves on")
    ur.ask("unlock")
    until(lambda: "no program runs" in servo.state(), servo.state())
    stood = ur.ask("play")
    servo.connected(BACK_S)
    assert ur.ask("report")["q"] == pytest.approx(stood["q"], abs=1e-12)


def test_the_supervisors_stop_goes_through_the_driver(ur: Remote, servo: ServoBench) -> None:
    before = ur.ask("report")["moved"]
    start = servo.at()
    number = servo.move(WAY, 4.0)
    until(lambda: moves(ur, before), "it does not begin")
    assert stop_motion(servo.horizon.path.parents[1], "cell")
    assert servo.result(number).outcome is Outcome.STOPPED
    way = (np.array(ur.ask("report")["q"]) - start) / WAY
    assert way[0] < 0.9
    assert way == pytest.approx(np.full(6, way[0]), abs=0.02), "on the path"


def test_a_servo_that_is_killed_leaves_an_arm_that_stands(ur: Remote, servo: ServoBench) -> None:
    """Last in this file: there is no servo after it."""
    before = ur.ask("report")["moved"]
    servo.move(WAY, 4.0)
    until(lambda: moves(ur, before), "it does not begin")
    servo.process.kill()
    servo.process.wait(5.0)
    until(lambda: stands(ur), "it moves on")
    assert ur.ask("report")["doing"] == 3, "the program found out that nobody sends any more"
