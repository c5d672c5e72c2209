"""The interfaces say what they mean; those of ros2_control are on the wire what upstream's are."""

import json
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for path in (ROOT / "interfaces").rglob("*") if path.suffix in (".msg", ".srv", ".action")
)
FIELD = re.compile(r"^[\w/]+(\[\d*\])?\s+[a-z]\w*\s*(#.*)?$")

# Type hashes (REP-2011) that upstream's own build of control_msgs carries in its generated
# headers. Those of Goal, Result and the messages are unchanged since control_msgs 3.0; Feedback got
# its two index fields in 6.3.0.
UPSTREAM_HASHES = {
    "control_msgs/msg/JointTolerance": (
        "RIHS01_c254f9cece0f3b733017b6990fd46d1326e25242d6b8844398c97d9a88e7d648"
    ),
    "control_msgs/msg/JointComponentTolerance": (
        "RIHS01_739ea7566931944d33830fa10f1bf5e7a7fbdc3172bce7a7eaac642bd6e3ffa4"
    ),
    "control_msgs/action/FollowJointTrajectory_Goal": (
        "RIHS01_8a9060704b269608f5a340934cc26e66869dd14bdac29e2e7fd9ec8b9882d205"
    ),
    "control_msgs/action/FollowJointTrajectory_Result": (
        "RIHS01_8002e99ed2c14c6faa522f2a93c26d744c5982f254f9e98ff9c6f19789bdb220"
    ),
    "control_msgs/action/FollowJointTrajectory_SendGoal": (
        "RIHS01_b13789dddc325a7a962825c45e28c77d37237ec129dd0c34dc5994562938c57f"
    ),
    "control_msgs/action/FollowJointTrajectory_GetResult": (
        "RIHS01_e3ceb38e3e1867c8dc0f46014df26e90eb93422f27e9e97f936e07f94be4bc8b"
    ),
}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_field_says_what_it_means(file):
    fields = [line for line in file.read_text().splitlines() if FIELD.match(line)]
    assert fields
    silent = [line for line in fields if "#" not in line]
    assert silent == []


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_interface_is_built(file):
    package = next(p for p in file.parents if (p / "package.xml").exists())
    listed = f'"{file.relative_to(package)}"'
    assert listed in (package / "CMakeLists.txt").read_text()


def test_times_and_angles_carry_their_unit():
    for file in FILES:
        if "compat" in file.parts:
            continue
        for line in file.read_text().splitlines():
            match = FIELD.match(line)
            if match and line.startswith("int64") and "row" not in line:
                assert re.match(r"int64\s+\w+_ns\s", line), f"{file.name}: {line}"


def test_cell_states_have_the_numbers_of_the_state_table():
    messages = pytest.importorskip("robot_cell_interfaces.msg")
    packml = pytest.importorskip("robot_cell.model.packml")
    for state in packml.State:
        assert getattr(messages.CellState, state.name) == state.value


def built(package):
    """The share folder of a built interface package."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":"):
        share = Path(prefix) / "share" / package
        if prefix and share.is_dir():
            return share
    return pytest.fail(f"{package} is not on AMENT_PREFIX_PATH: . ./env.sh")


def test_control_msgs_has_upstreams_type_hashes():
    hashes = {}
    for file in built("control_msgs").rglob("*.json"):
        for entry in json.loads(file.read_text()).get("type_hashes", []):
            hashes[entry["type_name"]] = entry["hash_string"]
    assert {name: hashes.get(name) for name in UPSTREAM_HASHES} == UPSTREAM_HASHES


def test_feedback_names_the_point_in_use():
    action = pytest.importorskip("control_msgs.action").FollowJointTrajectory
    assert list(action.Feedback.get_fields_and_field_types()) == [
        "header",
        "joint_names",
        "desired",
        "actual",
        "error",
        "index",
        "multi_dof_joint_names",
        "multi_dof_desired",
        "multi_dof_actual",
        "multi_dof_error",
        "multi_dof_index",
    ]


# As published for Jazzy and Kilted (docs.ros.org, package controller_manager_msgs); the names of
# fields and their order are what is on the wire.
UPSTREAM_FIELDS = {
    "msg.ChainConnection": {"name": "string", "reference_interfaces": "sequence<string>"},
    "msg.NamedLifecycleState": {"name": "string", "state": "lifecycle_msgs/State"},
    "msg.ControllerManagerActivity": {
        "header": "std_msgs/Header",
        "controllers": "sequence<controller_manager_msgs/NamedLifecycleState>",
        "hardware_components": "sequence<controller_manager_msgs/NamedLifecycleState>",
    },
    "msg.ControllerState": {
        "name": "string",
        "state": "string",
        "type": "string",
        "is_async": "boolean",
        "update_rate": "uint16",
        "claimed_interfaces": "sequence<string>",
        "required_command_interfaces": "sequence<string>",
        "required_state_interfaces": "sequence<string>",
        "is_chainable": "boolean",
        "is_chained": "boolean",
        "exported_state_interfaces": "sequence<string>",
        "reference_interfaces": "sequence<string>",
        "chain_connections": "sequence<controller_manager_msgs/ChainConnection>",
    },
    "srv.ListControllers.Request": {},
    "srv.ListControllers.Response": {
        "controller": "sequence<controller_manager_msgs/ControllerState>"
    },
}


@pytest.mark.parametrize("name", UPSTREAM_FIELDS)
def test_controller_manager_msgs_has_upstreams_fields(name):
    found = pytest.importorskip("controller_manager_msgs." + name.partition(".")[0])
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    fields = list(found.get_fields_and_field_types().items())
    assert fields == list(UPSTREAM_FIELDS[name].items())
