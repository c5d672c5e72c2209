"""Gazebo over ros_gz_bridge: the only module that speaks to it.

Lockstep: the world stands still; `/world/W/control` with `pause` and `multi_step` lets some steps
pass. Its reply may come before they have, so what ends a step is what Gazebo publishes: the joints'
states and the parts' poses, stamped with the instant that was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import rclpy
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from std_msgs.msg import Empty, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from sim.errors import SimulationError
from sim.gazebo import names
from sim.gazebo.link import Measured
from sim.layout import STEP_S, Layout
from sim.scene import Scene

Vector = NDArray[np.float64]

STEP_NS: Final = round(STEP_S * 1e9)
_DEPTH: Final = 64
_NEWEST: Final = 1
"""Joints are published each step, and while the world stands still: only the newest is of use."""

_REPEAT_S: Final = 0.25
"""A request to join or part goes by a topic: it is said again until Gazebo says that it is done."""

_SPIN_S: Final = 0.01
_MODEL: Final = 2
"""Entity.MODEL of ros_gz_interfaces."""


class RosLink:
    """One world behind a bridge (`sim.gazebo.link.Link`).

    Args:
        cell: the prefix of the bridge's topics. world: the name of Gazebo's world.
        patience_s: wall time that an answer may take.

    Raises:
        SimulationError: ros_gz_interfaces is not installed.
    """

    def __init__(
        self, cell: str, world: str, laid: Layout, scene: Scene, patience_s: float = 20.0
    ) -> None:
        try:
            from ros_gz_interfaces.srv import ControlWorld, SetEntityPose
        except ImportError as error:
            raise SimulationError(
                "Gazebo is reached over ros_gz_bridge, and ros_gz_interfaces cannot be imported "
                f"({error}); install ros-$ROS_DISTRO-ros-gz, or leave gazebo_world empty for MuJoCo"
            ) from error
        self._world, self._patience_s = world, patience_s
        self._joints = {names.ARM: scene.arm_joints}
        self._joints |= {table.name: (names.TURN,) for table in laid.tables}
        self._parts = tuple(part.name for part in laid.parts)
        self._goal_ns = 0
        self._serve: Callable[[], None] = _nothing
        self._joint_states: dict[str, tuple[int, Vector]] = {}
        self._poses: dict[str, tuple[int, Vector]] = {}
        self._told: dict[tuple[str, str], str] = {}
        self._asked: dict[tuple[str, str], str] = {}
        # A launch file names the process's node; this one is another, and keeps its own name.
        self._node = rclpy.create_node("gazebo_link", namespace=cell, use_global_arguments=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        control, set_pose = names.services(world)
        self._control_type, self._pose_type = ControlWorld, SetEntityPose
        self._control = self._node.create_client(ControlWorld, control.name)
        self._set_pose = self._node.create_client(SetEntityPose, set_pose.name)
        self._trajectories = {}
        for model in self._joints:
            topic = names.ros_name(cell, names.joint_trajectory(model))
            self._trajectories[model] = self._node.create_publisher(JointTrajectory, topic, _DEPTH)
            heard = self._joints_heard(model)
            self._listen(JointState, cell, names.joint_state(model), heard, _NEWEST)
        for part in self._parts:
            self._listen(PoseStamped, cell, f"/model/{part}/pose", self._pose_heard(part))
        self._grips: dict[tuple[str, str, str], Any] = {}
        for place in laid.grips:
            for part in self._parts:
                state = names.grip_topic(place.name, part, "state")
                self._listen(String, cell, state, self._grip_heard(place.name, part))
                for what in ("attach", "detach"):
                    name = names.grip_topic(place.name, part, what)
                    topic = names.ros_name(cell, name)
                    self._grips[place.name, part, what] = self._node.create_publisher(
                        Empty, topic, _DEPTH
                    )

    # -- the link -------------------------------------------------------------------------------

    def reset(self) -> None:
        """As loaded. Waits for Gazebo and its bridge to be there."""
        self._wait(self._control.service_is_ready, "its bridge does not offer /world/../control")
        request = self._control_type.Request()
        request.world_control.pause = True
        request.world_control.reset.all = True
        self._call(self._control, request, "reset the world")
        self._goal_ns = 0
        self._joint_states.clear()
        self._wait(lambda: self._reached(self._joint_states, self._joints), "it did not reset")
        self._poses.clear()
        self._told.clear()
        self._asked.clear()

    def follow(self, model: str, rows: Vector, speeds: Vector, efforts: Vector) -> None:
        """A trajectory with a point each step; the first is due at once."""
        message = JointTrajectory(joint_names=list(self._joints[model]))
        for index, (row, speed, effort) in enumerate(zip(rows, speeds, efforts, strict=True)):
            # No accelerations: the controller ignores them, and says so each time.
            message.points.append(
                JointTrajectoryPoint(
                    positions=row.tolist(),
                    velocities=speed.tolist(),
                    effort=effort.tolist(),
                    time_from_start=Duration(sec=0, nanosec=index * STEP_NS),
                )
            )
        self._trajectories[model].publish(message)

    def step(self, count: int) -> Measured:
        """Some steps, to their end."""
        self._goal_ns += count * STEP_NS
        request = self._control_type.Request()
        request.world_control.pause = True
        request.world_control.multi_step = count
        self._call(self._control, request, f"make {count} steps")
        self._wait(
            lambda: (
                self._reached(self._joint_states, self._joints)
                and self._reached(self._poses, self._parts)
            ),
            f"it did not reach {self._goal_ns * 1e-9:.3f} s; is it stepped by somebody else?",
        )
        self._confirm()
        return Measured(
            {model: state for model, (_, state) in self._joint_states.items()},
            {part: pose for part, (_, pose) in self._poses.items()},
        )

    def attach(self, clamp: str, part: str) -> None:
        """Ask for it; `step` waits until it is so."""
        self._ask(clamp, part, "attach")

    def detach(self, clamp: str, part: str) -> None:
        """Ask for it; `step` waits until it is so."""
        self._ask(clamp, part, "detach")

    def place(self, part: str, pose: Vector) -> None:
        """Put a part somewhere."""
        x, y, z, qw, qx, qy, qz = pose.tolist()
        request = self._pose_type.Request()
        request.entity.name, request.entity.type = part, _MODEL
        request.pose = Pose(
            position=Point(x=x, y=y, z=z), orientation=Quaternion(w=qw, x=qx, y=qy, z=qz)
        )
        self._call(self._set_pose, request, f"place {part}")

    def while_waiting(self, serve: Callable[[], None]) -> None:
        """What to do while Gazebo is waited for: fixtures answer in real time."""
        self._serve = serve

    def close(self) -> None:
        """Leave the graph."""
        node, self._node = self._node, None
        if node is not None:
            self._executor.shutdown(timeout_sec=0.5)
            node.destroy_node()

    # -------------------------------------------------------------------------------------------

    def _listen(
        self,
        kind: Any,
        cell: str,
        gz_name: str,
        heard: Callable[[Any], None],
        depth: int = _DEPTH,
    ) -> None:
        self._node.create_subscription(kind, names.ros_name(cell, gz_name), heard, depth)

    def _joints_heard(self, model: str) -> Callable[[Any], None]:
        joints = self._joints[model]

        def heard(message: Any) -> None:
            index = [message.name.index(joint) for joint in joints]
            state = np.array([message.position, message.velocity])[:, index]
            self._joint_states[model] = _stamp_ns(message), state

        return heard

    def _pose_heard(self, part: str) -> Callable[[Any], None]:
        def heard(message: Any) -> None:
            at, turned = message.pose.position, message.pose.orientation
            pose = np.array([at.x, at.y, at.z, turned.w, turned.x, turned.y, turned.z])
            self._poses[part] = _stamp_ns(message), pose

        return heard

    def _grip_heard(self, clamp: str, part: str) -> Callable[[Any], None]:
        def heard(message: Any) -> None:
            self._told[clamp, part] = message.data

        return heard

    def _reached(self, heard: dict[str, tuple[int, Vector]], wanted: Any) -> bool:
        return all(name in heard and heard[name][0] == self._goal_ns for name in wanted)

    def _ask(self, clamp: str, part: str, what: str) -> None:
        self._asked[clamp, part] = what
        self._told.pop((clamp, part), None)
        self._grips[clamp, part, what].publish(Empty())

    def _confirm(self) -> None:
        """Wait until every join that was asked for is made, and every other undone."""
        again_s = time.monotonic() + _REPEAT_S

        def done() -> bool:
            nonlocal again_s
            for grip, what in list(self._asked.items()):
                if self._told.get(grip) == f"{what}ed":
                    del self._asked[grip]
            if self._asked and time.monotonic() > again_s:
                again_s = time.monotonic() + _REPEAT_S
                for (clamp, part), what in self._asked.items():
                    self._grips[clamp, part, what].publish(Empty())
            return not self._asked

        self._wait(done, "a clamp did not take or let go of its part")

    def _call(self, client: Any, request: Any, what: str) -> None:
        self._wait(client.service_is_ready, f"nobody offers {client.srv_name}")
        future = client.call_async(request)
        self._wait(future.done, f"it did not answer when asked to {what}")
        if not future.result().success:
            raise self._silent(f"it refused to {what}")

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        until_s = time.monotonic() + self._patience_s
        while not condition():
            left_s = until_s - time.monotonic()
            if left_s <= 0.0:
                raise self._silent(otherwise)
            self._executor.spin_once(timeout_sec=min(left_s, _SPIN_S))
            self._serve()

    def _silent(self, what: str) -> SimulationError:
        return SimulationError(
            f"Gazebo, world {self._world}: {what}. Look at the logs of gazebo_server and "
            "parameter_bridge, and whether GZ_PARTITION is the same for both"
        )


def _nothing() -> None:
    pass


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
