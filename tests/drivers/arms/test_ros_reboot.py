"""A ROS 2 controller that goes and comes back: no restart of ours, and nothing moves by itself."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from robot_cell.execution.horizon import Outcome
from sim.remote import Remote
from tests.drivers.arms.conftest import ServoBench, until
from tests.plant.conftest import domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros]

WAY = np.array([0.5, -0.2, 0.2, 0.1, 0.1, 0.3])
COMMON: dict[str, Any] = {
    "joints": [f"j{k}" for k in range(1, 7)],
    "rate_hz": 50.0,
    "ready": "/ready",
    "controller_manager": "/controller_manager",
}
DRIVERS = {
    "trajectory_action": {"action": "/controller/follow_joint_trajectory", "stalled_s": 5.0},
    "position_stream": {"commands": "/forward_position_controller/commands"},
}


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_controller_is_killed_in_mid_motion_and_started_again(
    domain: int, kind: str, bench: Callable[..., ServoBench]
) -> None:
    with Remote("sim.ros_arm", ["--rate", "50"]) as robot:
        servo = bench(kind, **DRIVERS[kind], **COMMON)
        servo.connected()
        number = servo.move(WAY, 5.0)
        until(lambda: robot.ask("report")["moved"] > 0.05, "it does not begin")
        robot._process.send_signal(signal.SIGKILL)
        assert servo.result(number).outcome is Outcome.DEVICE_FAULT
        until(lambda: not servo.horizon.connected, "it counts as connected")
        pid = servo.process.pid
    with Remote("sim.ros_arm", ["--rate", "50"]) as robot:
        servo.connected()
        assert servo.process.pid == pid
        assert servo.process.poll() is None
        until(lambda: np.allclose(servo.at(), robot.ask("report")["q"], atol=1e-3), "old states")
        report = robot.ask("report")
        assert (report["moved"], report["goals"]) == (pytest.approx(0.0, abs=1e-6), 0)
        assert servo.result(servo.move(WAY, 1.0)).outcome is Outcome.DONE
