"""The systems of Gazebo that our worlds use, and what each of them understands.

File names and classes are the same in Harmonic (gz-sim 8), Ionic (9) and Jetty (10). A parameter
that a system does not know is ignored by Gazebo without a word; so the world is checked against
this table, which names only what all three know. Source: the systems' headers in gz-sim.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

RELEASES: Final = {"harmonic": 8, "ionic": 9, "jetty": 10}
"""Major version of gz-sim in each release of Gazebo for which this table was made."""

System = tuple[str, str]
"""File name and class."""


def _system(file: str, name: str) -> System:
    return f"gz-sim-{file}-system", f"gz::sim::systems::{name}"


PHYSICS: Final = _system("physics", "Physics")
USER_COMMANDS: Final = _system("user-commands", "UserCommands")
SCENE_BROADCASTER: Final = _system("scene-broadcaster", "SceneBroadcaster")
CONTACT: Final = _system("contact", "Contact")
JOINT_TRAJECTORY_CONTROLLER: Final = _system(
    "joint-trajectory-controller", "JointTrajectoryController"
)
JOINT_STATE_PUBLISHER: Final = _system("joint-state-publisher", "JointStatePublisher")
POSE_PUBLISHER: Final = _system("pose-publisher", "PosePublisher")
DETACHABLE_JOINT: Final = _system("detachable-joint", "DetachableJoint")


@dataclass(frozen=True)
class Declared:
    """What a system understands.

    Attributes:
        parent: the element that it belongs to.
        required: parameters without which it does not work (or, like gains, does nothing).
        optional: the other parameters that it reads.
    """

    parent: str
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


_PID: Final = frozenset(
    f"{kind}_{part}"
    for kind in ("position", "velocity")
    for part in ("i_gain", "d_gain", "i_min", "i_max", "cmd_min", "cmd_max", "cmd_offset")
)

SYSTEMS: Final[dict[System, Declared]] = {
    PHYSICS: Declared("world"),
    USER_COMMANDS: Declared("world"),
    SCENE_BROADCASTER: Declared("world", optional=frozenset({"dynamic_pose_hertz", "state_hertz"})),
    CONTACT: Declared("world"),
    JOINT_TRAJECTORY_CONTROLLER: Declared(
        "model",
        required=frozenset({"joint_name", "position_p_gain", "velocity_p_gain"}),
        optional=_PID | {"topic", "use_header_start_time", "initial_position"},
    ),
    JOINT_STATE_PUBLISHER: Declared("model", optional=frozenset({"joint_name", "topic"})),
    POSE_PUBLISHER: Declared(
        "model",
        optional=frozenset(
            {
                "publish_link_pose",
                "publish_visual_pose",
                "publish_collision_pose",
                "publish_sensor_pose",
                "publish_model_pose",
                "publish_nested_model_pose",
                "use_pose_vector_msg",
                "update_frequency",
                "static_publisher",
                "static_update_frequency",
            }
        ),
    ),
    DETACHABLE_JOINT: Declared(
        "model",
        required=frozenset({"parent_link", "child_model", "child_link"}),
        optional=frozenset(
            {"topic", "detach_topic", "attach_topic", "output_topic", "suppress_child_warning"}
        ),
    ),
}


def check_systems(world: ElementTree.Element) -> Iterator[str]:
    """What is wrong with the systems of a `<world>`; nothing if all is well."""
    for parent in world.iter():
        for plugin in parent.findall("plugin"):
            system = plugin.get("filename", ""), plugin.get("name", "")
            where = f"{parent.tag} {parent.get('name')}: {system[0]} ({system[1]})"
            declared = SYSTEMS.get(system)
            if declared is None:
                yield f"{where} is not a system that we know"
                continue
            if parent.tag != declared.parent:
                yield f"{where} belongs to a {declared.parent}"
            given = {child.tag for child in plugin}
            for name in sorted(given - declared.required - declared.optional):
                yield f"{where} does not know <{name}>"
            for name in sorted(declared.required - given):
                yield f"{where} lacks <{name}>"
    here = {(p.get("filename", ""), p.get("name", "")) for p in world.findall("plugin")}
    for system, declared in SYSTEMS.items():
        if declared.parent == "world" and system not in here:
            yield f"world {world.get('name')} lacks {system[0]}"
