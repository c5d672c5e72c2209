"""env.sh works in every POSIX shell, from any folder, and as often as it is sourced."""

import subprocess
from pathlib import Path

import pytest
from set_up import environment
from set_up.machine import Machine, find_underlay

SHELLS = ["sh", "bash"]


@pytest.fixture
def machine(tmp_path):
    root = tmp_path / "a folder's name with $(odd) things"
    made = Machine(root=root, python=Path("/usr/bin/python3"), underlay=None)
    for folder in ("ros_rclpy.libs", "ros_rcl.libs"):
        (made.site_packages / folder).mkdir(parents=True)
    environment.write(made)
    return made


def after(machine, shell, *lines, env=None):
    """What a shell has in its environment after these lines."""
    script = "\n".join(("set -eu", *lines, "env -0"))
    words = [shell, "-c", script, shell, str(machine.root / "env.sh")]
    base = {"PATH": "/usr/bin:/bin", **(env or {})}
    done = subprocess.run(words, env=base, cwd="/", capture_output=True, text=True, check=True)
    assert done.stderr == ""
    pairs = (entry.partition("=") for entry in done.stdout.split("\0") if entry)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("shell", SHELLS)
def test_it_leads_to_everything(machine, shell):
    env = after(machine, shell, '. "$1"')
    assert env["PATH"].split(":")[0] == str(machine.venv / "bin")
    assert env["AMENT_PREFIX_PATH"].split(":") == [
        str(machine.prefix),
        str(machine.install / "control_msgs"),
        str(machine.install / "controller_manager_msgs"),
        str(machine.install / "robot_cell_interfaces"),
        str(machine.venv),
    ]
    libraries = env["LD_LIBRARY_PATH"].split(":")
    assert str(machine.venv / "lib") in libraries
    assert str(machine.site_packages / "ros_rclpy.libs") in libraries
    assert env["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] == "1"
    assert env["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SYSTEM_DEFAULT"


@pytest.mark.parametrize("shell", SHELLS)
def test_twice_is_as_good_as_once(machine, shell):
    once = after(machine, shell, '. "$1"')
    twice = after(machine, shell, '. "$1"', '. "$1"')
    assert {**once, "_": ""} == {**twice, "_": ""}


@pytest.mark.parametrize("shell", SHELLS)
def test_what_was_there_stays_behind_it(machine, shell):
    before = {"PYTHONPATH": "/mine", "LD_LIBRARY_PATH": "/libs:/more"}
    env = after(machine, shell, '. "$1"', env=before)
    assert env["PYTHONPATH"].split(":")[-1] == "/mine"
    assert env["LD_LIBRARY_PATH"].split(":")[-2:] == ["/libs", "/more"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_one_sourced_last_wins(machine, shell):
    ours = str(machine.venv / "bin")
    env = after(machine, shell, '. "$1"', 'PATH="/other/bin:$PATH"', '. "$1"')
    assert env["PATH"].split(":")[:2] == [ours, "/other/bin"]
    assert env["PATH"].split(":").count(ours) == 1


PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE"
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"


@pytest.mark.parametrize(
    ("before", "profile", "reach"),
    [
        ({}, "/launch/dds_loopback.xml", "SYSTEM_DEFAULT"),
        ({RANGE: "LOCALHOST"}, "/launch/dds_loopback.xml", "SYSTEM_DEFAULT"),
        ({PROFILE: "/other/launch/dds.xml"}, "/launch/dds_loopback.xml", "SYSTEM_DEFAULT"),
        ({RANGE: "SUBNET"}, "/launch/dds.xml", "SUBNET"),
    ],
)
def test_dds_stays_on_this_machine_unless_told_otherwise(machine, before, profile, reach):
    env = after(machine, "sh", '. "$1"', '. "$1"', env=before)
    assert env[PROFILE] == f"{machine.root}{profile}"
    assert env[RANGE] == reach


def test_a_profile_of_ones_own_stays(machine):
    env = after(machine, "sh", '. "$1"', env={PROFILE: "/mine.xml"})
    assert (env[PROFILE], env[RANGE]) == ("/mine.xml", "LOCALHOST")
    env = after(machine, "sh", '. "$1"', env={PROFILE: "/mine.xml", RANGE: "SUBNET"})
    assert (env[PROFILE], env[RANGE]) == ("/mine.xml", "SUBNET")


def test_a_screen_is_used_where_there_is_one(machine):
    assert after(machine, "sh", '. "$1"')["MUJOCO_GL"] == "egl"
    assert "MUJOCO_GL" not in after(machine, "sh", '. "$1"', env={"DISPLAY": ":0"})


@pytest.fixture
def installation(tmp_path):
    """Something that looks like an installation of ROS 2."""
    prefix = tmp_path / "opt" / "ros" / "kilted"
    (prefix / "share" / "rclpy").mkdir(parents=True)
    (prefix / "setup.sh").write_text(
        f"export ROS_DISTRO=kilted AMENT_PREFIX_PATH={prefix} SOURCED=${{SOURCED:-}}+\n"
    )
    return prefix


def test_an_installation_of_ros_is_sourced_and_ours_put_in_front(machine, installation):
    on_top = Machine(root=machine.root, python=machine.python, underlay=installation)
    environment.write(on_top)
    env = after(on_top, "sh", '. "$1"', '. "$1"', env={"ROS_DISTRO": "another"})
    assert env["SOURCED"] == "+"
    assert env["ROS_DISTRO"] == "kilted"
    assert env["AMENT_PREFIX_PATH"].split(":")[-1] == str(installation)
    assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in env
    assert env["PYTHONPATH"].split(":")[-1] == str(machine.site_packages)
    assert str(machine.venv / "lib") not in env["LD_LIBRARY_PATH"]


def test_what_is_ros2_controls_is_built_only_where_ros_lacks_it(machine, installation, monkeypatch):
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    on_top = Machine(root=machine.root, python=machine.python, underlay=installation)
    wanted = ["control_msgs", "controller_manager_msgs", "robot_cell_interfaces"]
    assert [p.name for p in on_top.interface_packages()] == wanted
    for name in ("control_msgs", "controller_manager_msgs"):
        (installation / "share" / name).mkdir()
        wanted.remove(name)
        assert [p.name for p in on_top.interface_packages()] == wanted


def test_an_installation_is_found_when_sourced_and_remembered(tmp_path, installation, monkeypatch):
    monkeypatch.delenv("ROBOT_CELL_ROS", raising=False)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}/root/.venv:{installation}")
    root = tmp_path / "root"
    assert find_underlay(root) == installation
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    assert find_underlay(root) is None
    (root / ".setup").mkdir(parents=True)
    (root / ".setup" / "underlay").write_text(f"{installation}\n")
    assert find_underlay(root) == installation
    monkeypatch.setenv("ROBOT_CELL_ROS", "wheels")
    assert find_underlay(root) is None
