"""The bridge's topics against the world's, against the node's own, and against ros_gz_bridge."""

from __future__ import annotations

import os
import shlex
import sys
import types
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from sim.errors import SimulationError
from sim.gazebo.names import services
from sim.layout import lay_out
from sim.scene import build_scene

ROOT = Path(__file__).parents[3]
BRIDGE = yaml.safe_load((ROOT / "sim" / "gazebo" / "bridge.yaml").read_text())
WORLD = ElementTree.parse(ROOT / "sim" / "worlds" / "housing_cell.sdf").getroot().find("world")

# Pairs that ros_gz_bridge of Jazzy and later translates, after its documentation.
TRANSLATED = {
    "geometry_msgs/msg/PoseStamped": "gz.msgs.Pose",
    "ros_gz_interfaces/msg/Contacts": "gz.msgs.Contacts",
    "rosgraph_msgs/msg/Clock": "gz.msgs.Clock",
    "sensor_msgs/msg/JointState": "gz.msgs.Model",
    "std_msgs/msg/Empty": "gz.msgs.Empty",
    "std_msgs/msg/String": "gz.msgs.StringMsg",
    "trajectory_msgs/msg/JointTrajectory": "gz.msgs.JointTrajectory",
}


def by_direction(direction: str) -> dict[str, dict[str, str]]:
    return {t["gz_topic_name"]: t for t in BRIDGE if t["direction"] == direction}


def test_every_pair_of_types_is_one_that_the_bridge_translates():
    for topic in BRIDGE:
        assert TRANSLATED[topic["ros_type_name"]] == topic["gz_type_name"]
        assert set(topic) == {
            "ros_topic_name", "gz_topic_name", "ros_type_name", "gz_type_name", "direction",
        }  # fmt: skip


def test_the_topics_are_those_of_the_worlds_systems():
    heard = {e.text for p in WORLD.iter("plugin") for e in p if e.tag.endswith("tach_topic")}
    told = {e.text for p in WORLD.iter("plugin") for e in p if e.tag == "output_topic"}
    told |= {sensor.find("topic").text for sensor in WORLD.iter("sensor")}
    for model in WORLD.findall("model"):
        for plugin in model.findall("plugin"):
            kind = plugin.attrib["name"].rpartition("::")[2]
            topic = plugin.findtext("topic")
            if kind == "JointTrajectoryController":
                heard.add(topic)
            elif kind == "JointStatePublisher":
                told.add(topic)
            elif kind == "PosePublisher":  # it has a topic of its own making
                told.add(f"/model/{model.attrib['name']}/pose")
    assert by_direction("ROS_TO_GZ").keys() == heard
    assert by_direction("GZ_TO_ROS").keys() == told | {"/clock"}


@pytest.mark.ros
def test_the_nodes_topics_are_those_of_the_bridge(plant, urdfs, monkeypatch):
    import rclpy
    from std_srvs.srv import Trigger

    from robot_cell.bringup.session import free_domain
    from sim.gazebo.ros_link import RosLink

    # Only the names of topics are looked at: any service type will do for the two clients.
    stand_in = types.ModuleType("ros_gz_interfaces.srv")
    stand_in.ControlWorld = stand_in.SetEntityPose = Trigger
    monkeypatch.setitem(sys.modules, "ros_gz_interfaces", types.ModuleType("ros_gz_interfaces"))
    monkeypatch.setitem(sys.modules, "ros_gz_interfaces.srv", stand_in)
    monkeypatch.setitem(os.environ, "ROS_DOMAIN_ID", str(free_domain()))
    cell = plant.cells["cell_a"]
    scene = build_scene(cell, plant.products, {"arm": urdfs["cell_a"]})
    rclpy.init()
    try:
        link = RosLink("cell_a", "housing_cell", lay_out(cell, plant.products), scene)
        node = link._node
        told = dict(node.get_publisher_names_and_types_by_node("gazebo_link", "/cell_a"))
        heard = dict(node.get_subscriber_names_and_types_by_node("gazebo_link", "/cell_a"))
        asked = dict(node.get_client_names_and_types_by_node("gazebo_link", "/cell_a"))
        link.close()
        link.close()
    finally:
        rclpy.shutdown()
    bridged = {
        direction: {
            topic["ros_topic_name"]: [topic["ros_type_name"]]
            for topic in by_direction(direction).values()
        }
        for direction in ("ROS_TO_GZ", "GZ_TO_ROS")
    }
    assert {t: k for t, k in told.items() if "/gazebo/" in t} == bridged["ROS_TO_GZ"]
    for_people = {"/cell_a/gazebo/clock", "/cell_a/gazebo/model/arm/tool_contacts"}
    wanted = {t: k for t, k in bridged["GZ_TO_ROS"].items() if t not in for_people}
    assert {t: k for t, k in heard.items() if "/gazebo/" in t} == wanted
    assert {s.name for s in services("housing_cell")} <= asked.keys()


def test_the_launch_file_bridges_the_services_of_the_world(plant, urdfs):
    from robot_cell.bringup.launch_file import load_launch_file

    started = load_launch_file(
        ROOT / "launch" / "gazebo.launch.xml",
        {"plant": str(ROOT / "examples" / "housing_plant.yaml")},
    )
    bridge = next(p for p in started.processes if p.executable == "parameter_bridge")
    for service in services(WORLD.attrib["name"]):
        assert f"{service.name}@{service.ros_type}" in bridge.arguments
    config = next(word for word in bridge.arguments if word.startswith("config_file:="))
    path = shlex.split(config.partition(":=")[2])[0]
    assert Path(path).resolve() == ROOT / "sim" / "gazebo" / "bridge.yaml"
    server = next(p for p in started.processes if p.executable == "gazebo_server")
    assert dict(server.env)["GZ_PARTITION"] == dict(bridge.env)["GZ_PARTITION"]
    assert Path(server.arguments[0]).resolve() == ROOT / "sim" / "worlds" / "housing_cell.sdf"


def test_without_the_bridges_messages_it_says_what_to_install(plant, urdfs, monkeypatch):
    from sim.gazebo.ros_link import RosLink

    monkeypatch.setitem(sys.modules, "ros_gz_interfaces", None)
    cell = plant.cells["cell_a"]
    scene = build_scene(cell, plant.products, {"arm": urdfs["cell_a"]})
    with pytest.raises(SimulationError, match=r"install ros-.*-ros-gz"):
        RosLink("cell_a", "housing_cell", lay_out(cell, plant.products), scene)
