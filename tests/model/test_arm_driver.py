"""The section `driver` of an arm is strict, and says what a driver is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from robot_cell.errors import RobotCellError
from robot_cell.model import Plant
from robot_cell.model.arm_driver import Driver, MujocoDriver

SOCKET = Path("/run/cell.arm")
JOINTS = ["pan", "lift"]
_DRIVER = TypeAdapter(Driver)


def options(section: object) -> dict:
    return _DRIVER.validate_python(section).options(SOCKET, JOINTS)


def test_a_name_alone_is_short_for_its_kind() -> None:
    assert _DRIVER.validate_python("mujoco") == MujocoDriver()
    assert options("mujoco") == {"address": "/run/cell.arm"}
    assert options({"kind": "loopback", "address": "6@1000"}) == {"address": "6@1000"}


def test_what_each_driver_is_given() -> None:
    assert options({"kind": "ur_rtde", "host": "10.0.0.2"}) == {
        "host": "10.0.0.2", "port": 30004, "rate_hz": 500, "lookahead_s": 0.05, "gain": 300,
    }  # fmt: skip
    given = options({"kind": "trajectory_action", "action": "/c/f", "joints": {"lift": "joint_a2"}})
    assert given["joints"] == ["pan", "joint_a2"], "in the order of the URDF"
    assert given["action"] == "/c/f"
    stream = options({"kind": "position_stream", "commands": "/c/commands", "rate_hz": 250})
    assert (stream["commands"], stream["rate_hz"]) == ("/c/commands", 250.0)
    assert given["controller_manager"] is None
    watched = {"kind": "trajectory_action", "action": "/c/f", "controller_manager": "/ur/manager"}
    assert options(watched)["controller_manager"] == "/ur/manager"


def test_a_driver_of_another_package_gets_its_options_as_they_stand() -> None:
    section = {"kind": "their_arm", "options": {"address": "10.0.0.3", "axes": [1, 2]}}
    assert _DRIVER.validate_python(section).kind == "their_arm"
    assert options(section) == {"address": "10.0.0.3", "axes": [1, 2]}


@pytest.mark.parametrize(
    "section",
    [
        {"kind": "ur_rtde"},
        {"kind": "ur_rtde", "host": "h", "rate_hz": 250},
        {"kind": "ur_rtde", "host": "h", "gain": 50},
        {"kind": "ur_rtde", "host": "h", "adress": "h"},
        {"kind": "position_stream", "commands": "no_slash"},
        {"kind": "trajectory_action", "action": "/a b"},
        {"kind": "trajectory_action", "action": "/f", "controller_manager": "/m"},
        {"kind": "position_stream", "commands": "/c", "controller_manager": "/m"},
        {"kind": "ur_rtde", "host": "h", "controller_manager": "/m"},
        {"kind": "mujoco", "host": "h"},
        {"kind": "Their Arm"},
        {"host": "h"},
        7,
    ],
)
def test_what_is_unknown_or_wrong_is_refused(section: object) -> None:
    with pytest.raises(ValidationError):
        _DRIVER.validate_python(section)


def test_a_name_for_a_joint_that_is_not_there_is_refused() -> None:
    with pytest.raises(RobotCellError, match="elbow: no joint of the URDF, which has pan, lift"):
        options({"kind": "position_stream", "commands": "/c", "joints": {"elbow": "j3"}})


def test_a_plant_in_simulated_time_never_uses_its_real_arm(plant: Plant) -> None:
    arm = plant.cells["cell_b"].arm.model_copy(
        update={"driver": _DRIVER.validate_python({"kind": "ur_rtde", "host": "10.0.0.2"})}
    )
    assert arm.driver_for(simulated=True).kind == "mujoco"
    assert arm.driver_for(simulated=False).kind == "ur_rtde"
