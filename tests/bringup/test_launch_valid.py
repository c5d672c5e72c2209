"""Every launch file, strictly by our own schema always, and by ROS 2's launch where it is."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml

from robot_cell.bringup.launch_file import declared_arguments, load_launch_file
from robot_cell.bringup.launch_xml import read_launch_xml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.xml"))
VALUES = {"plant": "plant.yaml", "cell": "cell_a"}


def console_scripts() -> dict[str, str]:
    """`module:function` of each executable of robot_cell."""
    points = distribution("robot_cell").entry_points
    return {p.name: p.value for p in points if p.group == "console_scripts"}


def required(file: Path) -> dict[str, str]:
    """Values for the arguments that have no default."""
    return {a.name: VALUES[a.name] for a in declared_arguments(file) if a.default is None}


def ros_launch() -> str:
    """Why ROS 2's launch cannot be used here; empty if it can."""
    for module in ("launch.frontend", "launch_xml", "launch_ros.actions"):
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            spec = None
        if spec is None:
            return f"ROS 2's launch is not installed: there is no {module}"
    return ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_launch_file_is_of_our_schema(file):
    plan = load_launch_file(file, required(file))
    assert plan.processes
    for process in plan.processes:
        if process.package == "robot_cell":
            assert process.executable in console_scripts()
        else:
            assert (process.package, process.executable) == ("ros_gz_bridge", "parameter_bridge")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_argument_is_used_and_described(file):
    text = file.read_text()
    for argument in declared_arguments(file):
        assert argument.description, argument.name
        assert f"$(var {argument.name})" in text, f"{argument.name} is not used"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_parameter_is_one_that_its_node_declares(file):
    for process in load_launch_file(file, required(file)).processes:
        if process.package != "robot_cell":
            continue
        given = {
            match[1]
            for flag, word in zip(process.arguments, process.arguments[1:], strict=False)
            if flag == "-p" and (match := re.match(r"(\w+):=", word))
        }
        module = console_scripts()[process.executable].partition(":")[0]
        sources = [ROOT / f"{module.replace('.', '/')}.py", ROOT / "robot_cell/nodes/base.py"]
        words = {
            node.value
            for source in sources
            for node in ast.walk(ast.parse(source.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert given <= words, f"{process.executable} does not know {given - words}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_included_file_gets_what_it_declares(file):
    def includes(element):
        for child in element.children:
            if child.tag == "include":
                yield child
            yield from includes(child)

    for include in includes(read_launch_xml(file)):
        path = Path(include.attributes["file"].replace("$(dirname)", str(file.parent)))
        declared = {argument.name: argument.default for argument in declared_arguments(path)}
        given = {child.attributes["name"] for child in include.children}
        assert given <= declared.keys()
        assert {name for name, default in declared.items() if default is None} <= given


def test_the_plant_in_gazebo_is_resolved_to_its_last_argument(tmp_path):
    """Where there is no Gazebo nothing of it runs; what would be started is known all the same."""
    given = {"plant": "plant.yaml", "run_dir": str(tmp_path)}
    named = {
        name: {p.name: p for p in load_launch_file(ROOT / "launch" / name, given).processes}
        for name in ("gazebo.launch.xml", "sim.launch.xml")
    }
    gazebo, mujoco = named["gazebo.launch.xml"], named["sim.launch.xml"]
    server, bridge = gazebo.pop("cell_a.gazebo_server"), gazebo.pop("cell_a.gazebo_bridge")
    assert gazebo.keys() == mujoco.keys()
    # The control processes cannot tell which simulator they are in, nor can that of the other cell.
    for name, process in gazebo.items():
        if name != "cell_a.sim":
            assert set(process.arguments) <= set(mujoco[name].arguments)
            assert process == dataclasses.replace(mujoco[name], arguments=process.arguments)
    assert 'gazebo_world:="housing_cell"' in gazebo["cell_a.sim"].arguments

    world = Path(server.arguments[0])
    assert ElementTree.parse(world).getroot().find("world").attrib == {"name": "housing_cell"}
    *services, config = [word for word in bridge.arguments if word.startswith(("/", "config_file"))]
    assert [one.partition("@")[0] for one in services] == [
        "/world/housing_cell/control", "/world/housing_cell/set_pose",
    ]  # fmt: skip
    topics = yaml.safe_load(Path(config.partition(":=")[2].strip('"')).read_text())
    assert all(one["gz_topic_name"] for one in topics)
    assert server.env == bridge.env == (("GZ_PARTITION", "robot_cell_a"),)
    words = [word for one in (server, bridge, *gazebo.values()) for word in one.arguments]
    assert not [word for word in words if "$(" in word]


@pytest.mark.skipif(bool(ros_launch()), reason=ros_launch() or "it is")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_launch_file_is_valid_for_ros_2s_own_launch(file):
    from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
    from launch.frontend import Parser
    from launch_ros.actions import Node

    entity, parser = Parser.load(str(file))
    actions = parser.parse_description(entity).entities
    tags = [element.tag for element in read_launch_xml(file).children]
    for kind, tag in ((Node, "node"), (IncludeLaunchDescription, "include")):
        assert sum(isinstance(action, kind) for action in actions) == tags.count(tag)
    declared = [a.name for a in actions if isinstance(a, DeclareLaunchArgument)]
    assert declared == [argument.name for argument in declared_arguments(file)]
