"""What setup.py promises can be found: executables, drivers, shared files."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
from set_up.steps import EXECUTABLES

from robot_cell.bringup.session import free_domain

ROOT = Path(__file__).resolve().parents[2]


def of_ours(group):
    """The entry points of a group that robot_cell itself registers."""
    return [point for point in distribution("robot_cell").entry_points if point.group == group]


def test_set_up_shows_every_executable_to_ros():
    assert sorted(point.name for point in of_ours("console_scripts")) == sorted(EXECUTABLES)


@pytest.mark.parametrize("name", EXECUTABLES)
def test_every_executable_can_be_loaded(name):
    (point,) = [point for point in of_ours("console_scripts") if point.name == name]
    assert callable(point.load())


@pytest.mark.parametrize("group", ["robot_cell.arm_drivers", "robot_cell.fixture_drivers"])
def test_every_driver_can_be_loaded(group):
    points = entry_points(group=group)
    assert points
    for point in points:
        assert callable(point.load())


def test_ros_finds_the_executables_and_the_working_tree():
    prefix = ROOT / ".setup" / "prefix"
    if not prefix.exists():
        pytest.skip("this tree was not set up with make setup")
    assert (prefix / "share/robot_cell").resolve() == ROOT
    for name in EXECUTABLES:
        assert (prefix / "lib/robot_cell" / name).is_file()


def test_versions_agree():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.findtext("version") == distribution("robot_cell").version


def test_package_xml_names_every_ros_package_that_is_imported():
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    declared = {e.text for tag in ("exec_depend", "test_depend") for e in root.iter(tag)}
    script = (
        "import grimp; graph = grimp.build_graph('planners', 'drivers', 'robot_cell', 'sim', "
        "include_external_packages=True, cache_dir=None); "
        "print('\\n'.join(m for m in graph.modules if graph.is_module_squashed(m)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    of_ros = {name for name in imported if name.endswith(("_msgs", "_interfaces"))} | (
        imported & {"rclpy", "ament_index_python"}
    )
    # rclpy brings the messages of its own services.
    assert of_ros - declared - {"rcl_interfaces"} == set()


@pytest.mark.parametrize("package", ["planners", "drivers", "robot_cell", "sim"])
def test_our_types_are_published(package):
    assert (ROOT / package / "py.typed").is_file()


def said_by_fast_dds(profile: Path, script: str) -> str:
    """What a process that makes a node says, with this profile."""
    env = os.environ | {
        "FASTDDS_DEFAULT_PROFILES_FILE": str(profile),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",
        "ROS_DOMAIN_ID": str(free_domain()),
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import rclpy; rclpy.init(); n = rclpy.create_node('n'); {script}"],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout + done.stderr


@pytest.mark.ros
@pytest.mark.parametrize("name", ["dds.xml", "dds_loopback.xml"])
def test_fast_dds_reads_its_profile_without_complaint(tmp_path, name):
    assert "XMLPARSER" not in said_by_fast_dds(ROOT / "launch" / name, "")
    broken = tmp_path / "dds.xml"
    broken.write_text((ROOT / "launch" / name).read_text().replace("OFF<", "SOMETIMES<"))
    assert "XMLPARSER" in said_by_fast_dds(broken, "")


@pytest.mark.ros
def test_on_one_machine_dds_has_no_shared_memory_and_listens_on_loopback_only():
    script = """
import os
names = {open(f"/proc/self/task/{t}/comm").read().strip() for t in os.listdir("/proc/self/task")}
sockets = {os.readlink(f"/proc/self/fd/{f}") for f in os.listdir("/proc/self/fd") if f.isdigit()
           and os.path.lexists(f"/proc/self/fd/{f}")}
bound = [line.split() for line in open("/proc/net/udp").readlines()[1:]]
print("bound", *(row[1].split(":")[0] for row in bound if f"socket:[{row[9]}]" in sockets))
print("threads", *sorted(names))
"""
    said = said_by_fast_dds(ROOT / "launch" / "dds_loopback.xml", f"exec({script!r})")
    bound, threads = (line.split()[1:] for line in said.splitlines())
    assert bound
    assert set(bound) == {"0100007F"}, said  # 127.0.0.1, as the kernel writes it
    assert not [name for name in threads if name.startswith(("dds.shm", "dds.tls"))]
