"""What a cell in Gazebo is told and tells: topics and services, with their types on both sides.

World, bridge and engine take their names from here, so that none of them can drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sim.layout import TOOL, WORLD, GripPlace, Layout

ARM: Final = "arm"
TURN: Final = "turn"
"""The joint of a rotary table."""

PART_LINK: Final = "body"
TOOL_CONTACTS: Final = f"/model/{ARM}/tool_contacts"

Direction = Literal["ROS_TO_GZ", "GZ_TO_ROS"]


@dataclass(frozen=True)
class Topic:
    """One topic of the bridge.

    Attributes:
        reader: who on the side of ROS 2 uses it: our `engine`, or `people` who look on.
    """

    ros_name: str
    gz_name: str
    ros_type: str
    gz_type: str
    direction: Direction
    reader: Literal["engine", "people"] = "engine"


@dataclass(frozen=True)
class Service:
    """One service of the bridge; both sides know it by one name."""

    name: str
    ros_type: str
    gz_request: str
    gz_reply: str


def holder(place: GripPlace) -> tuple[str, str]:
    """Model and link to which a clamp's parts are joined."""
    if place.body == TOOL:
        return ARM, TOOL
    if place.body == WORLD:
        return place.name, "foot"
    return place.body, "top"


def joint_trajectory(model: str) -> str:
    """Where a model's joint trajectory controller listens."""
    return f"/model/{model}/joint_trajectory"


def joint_state(model: str) -> str:
    """Where a model's joints are published."""
    return f"/model/{model}/joint_state"


def grip_topic(clamp: str, part: str, what: Literal["attach", "detach", "state"]) -> str:
    """The topics of a clamp's joint with a part."""
    return f"/grip/{clamp}/{part}/{what}"


def ros_name(cell: str, gz_name: str) -> str:
    """A topic's name on the side of ROS 2."""
    return f"/{cell}/gazebo{gz_name}"


def topics(cell: str, laid: Layout) -> tuple[Topic, ...]:
    """Every topic of a cell's bridge."""
    found: list[Topic] = []

    def add(
        gz_name: str,
        types: tuple[str, str],
        direction: Direction,
        reader: Literal["engine", "people"] = "engine",
    ) -> None:
        found.append(Topic(ros_name(cell, gz_name), gz_name, *types, direction, reader))

    empty = ("std_msgs/msg/Empty", "gz.msgs.Empty")
    for model in (ARM, *(table.name for table in laid.tables)):
        trajectory = ("trajectory_msgs/msg/JointTrajectory", "gz.msgs.JointTrajectory")
        add(joint_trajectory(model), trajectory, "ROS_TO_GZ")
        add(joint_state(model), ("sensor_msgs/msg/JointState", "gz.msgs.Model"), "GZ_TO_ROS")
    for part in laid.parts:
        pose = ("geometry_msgs/msg/PoseStamped", "gz.msgs.Pose")
        add(f"/model/{part.name}/pose", pose, "GZ_TO_ROS")
    for place in laid.grips:
        for part in laid.parts:
            add(grip_topic(place.name, part.name, "attach"), empty, "ROS_TO_GZ")
            add(grip_topic(place.name, part.name, "detach"), empty, "ROS_TO_GZ")
            state = ("std_msgs/msg/String", "gz.msgs.StringMsg")
            add(grip_topic(place.name, part.name, "state"), state, "GZ_TO_ROS")
    add("/clock", ("rosgraph_msgs/msg/Clock", "gz.msgs.Clock"), "GZ_TO_ROS", "people")
    contacts = ("ros_gz_interfaces/msg/Contacts", "gz.msgs.Contacts")
    add(TOOL_CONTACTS, contacts, "GZ_TO_ROS", "people")
    return tuple(found)


def services(world: str) -> tuple[Service, Service]:
    """Stepping and resetting, and placing parts."""
    return (
        Service(
            f"/world/{world}/control",
            "ros_gz_interfaces/srv/ControlWorld",
            "gz.msgs.WorldControl",
            "gz.msgs.Boolean",
        ),
        Service(
            f"/world/{world}/set_pose",
            "ros_gz_interfaces/srv/SetEntityPose",
            "gz.msgs.Pose",
            "gz.msgs.Boolean",
        ),
    )
