"""A stand-in for Gazebo and its bridge as a process: DART behind the topics and services of both.

It speaks what the committed world and `bridge.yaml` say, and keeps the habits that a client has to
live with: a reply to `multi_step` comes before the steps, joints are published while the world
stands still, and joints that can be taken off are loaded in place.

    python -m tests.sim_contract.gazebo_stand_in WORLD FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import rclpy
import yaml
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from ros_gz_interfaces.srv import ControlWorld, SetEntityPose
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, String
from trajectory_msgs.msg import JointTrajectory

from tests.sim_contract.dart_link import DartLink

BRIDGE = Path(__file__).parents[2] / "sim" / "gazebo" / "bridge.yaml"
IDLE_S = 0.01


class StandIn(Node):
    """One world, standing still unless it is asked to step."""

    def __init__(self, world: Path, folder: Path) -> None:
        super().__init__("gazebo_stand_in")
        self.dart = DartLink(world, folder)
        self._owed = 0
        self._joint_pubs, self._pose_pubs, self._state_pubs = {}, {}, {}
        for topic in yaml.safe_load(BRIDGE.read_text()):
            words = topic["gz_topic_name"].split("/")
            name, kind = topic["ros_topic_name"], topic["ros_type_name"].rpartition("/")[2]
            if kind == "JointTrajectory":
                self.create_subscription(JointTrajectory, name, self._follow(words[2]), 64)
            elif kind == "Empty":
                _, _, clamp, part, what = words
                self.create_subscription(Empty, name, self._grip(clamp, part, what), 64)
            elif kind == "JointState":
                self._joint_pubs[words[2]] = self.create_publisher(JointState, name, 64)
            elif kind == "PoseStamped":
                self._pose_pubs[words[2]] = self.create_publisher(PoseStamped, name, 64)
            elif kind == "String":
                self._state_pubs[words[2], words[3]] = self.create_publisher(String, name, 64)
        name = f"/world/{self.dart.name}"
        self.create_service(ControlWorld, f"{name}/control", self._control)
        self.create_service(SetEntityPose, f"{name}/set_pose", self._set_pose)
        self.create_timer(IDLE_S, self._idle)

    def _follow(self, model):
        def heard(message):
            rows = [
                np.array([getattr(point, what) for point in message.points])
                for what in ("positions", "velocities", "effort")
            ]
            self.dart.follow(model, *rows)

        return heard

    def _grip(self, clamp, part, what):
        def heard(_):
            getattr(self.dart, what)(clamp, part)

        return heard

    def _control(self, request, response):
        control = request.world_control
        assert control.pause, "multi_step counts only while the world is paused"
        if control.reset.all:
            self.dart.reset()
        self._owed += control.multi_step
        response.success = True
        return response

    def _set_pose(self, request, response):
        at, turned = request.pose.position, request.pose.orientation
        pose = [at.x, at.y, at.z, turned.w, turned.x, turned.y, turned.z]
        self.dart.place(request.entity.name, np.array(pose))
        response.success = True
        return response

    def _idle(self) -> None:
        before = self.dart.joined()
        for _ in range(self._owed):
            measured = self.dart.step(1)
            self._publish_joints(measured)
            if self.dart.steps % 20 == 0:
                for part, pose in measured.parts.items():
                    self._publish_pose(part, pose)
        if not self._owed:
            self.dart.apply()  # systems join and part while the world stands still as well
            self._publish_joints(self.dart.measured())
        self._owed = 0
        for grip in before ^ self.dart.joined():
            word = "attached" if grip in self.dart.joined() else "detached"
            self._state_pubs[grip].publish(String(data=word))

    def _stamp(self) -> Time:
        now_ns = self.dart.steps * 1_000_000
        return Time(sec=now_ns // 1_000_000_000, nanosec=now_ns % 1_000_000_000)

    def _publish_joints(self, measured) -> None:
        for model, (positions, velocities) in measured.joints.items():
            message = JointState(name=self.dart.joints(model))
            message.header.stamp = self._stamp()
            message.position, message.velocity = positions.tolist(), velocities.tolist()
            self._joint_pubs[model].publish(message)

    def _publish_pose(self, part, pose) -> None:
        message = PoseStamped()
        message.header.stamp = self._stamp()
        at, turned = message.pose.position, message.pose.orientation
        at.x, at.y, at.z, turned.w, turned.x, turned.y, turned.z = pose.tolist()
        self._pose_pubs[part].publish(message)


def main() -> None:
    rclpy.init()
    rclpy.spin(StandIn(Path(sys.argv[1]), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
