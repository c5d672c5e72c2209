"""The configuration of ros_gz_bridge's `parameter_bridge` for a cell.

Services are not in it: how a file names them differs between releases of the bridge, while all of
them take `NAME@TYPE` as an argument (`launch/gazebo.launch.xml`).
"""

from __future__ import annotations

from sim.gazebo.names import Service, topics
from sim.layout import Layout


def bridge_text(cell: str, laid: Layout, origin: str) -> str:
    """The YAML file; one entry per topic."""
    lines = [f"# Topics of {cell} between ROS 2 and Gazebo. {origin}"]
    for topic in topics(cell, laid):
        lines += [
            f"- ros_topic_name: {topic.ros_name}",
            f"  gz_topic_name: {topic.gz_name}",
            f"  ros_type_name: {topic.ros_type}",
            f"  gz_type_name: {topic.gz_type}",
            f"  direction: {topic.direction}",
        ]
    return "\n".join(lines) + "\n"


def service_argument(service: Service) -> str:
    """A service as an argument of `parameter_bridge`."""
    return f"{service.name}@{service.ros_type}"
