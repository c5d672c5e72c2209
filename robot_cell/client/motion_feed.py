"""Where arms and simulated bodies are, and what devices say: taken when somebody asks.

Joint states come fifty times a second from each arm. Whoever shows them ten times a second would
spend most of its time on those it does not show: here the middleware keeps the newest, and only
that is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from robot_cell_interfaces.msg import BodyPoses, FixtureCommands, FixtureReadings
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_cell.client.views import CommandsView, commands_view
from robot_cell.model.arm_names import THE_ARM, joint_states_topic, positions_key

_NEWEST: Final = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
_LATCHED: Final = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


@dataclass(frozen=True)
class JointsView:
    """Where an arm stands: joint names base to flange, positions in rad, plant time in ns."""

    names: tuple[str, ...]
    positions: tuple[float, ...]
    at_ns: int


BodiesView = dict[str, list[float]]
"""Pose of each moving body of a simulated cell: x, y, z in m, quaternion x, y, z, w."""
DevicesView = dict[str, dict[str, str]]
"""What each device of a cell was last read to say; an empty one does not answer."""


class MotionFeed:
    """The newest joint states, body poses and device readings of each cell, for one thread.

    Args:
        cells: whose; with the names of their arms, or each has the one that is called `arm`.
        bodies: whether simulated bodies are wanted as well.
    """

    def __init__(
        self, context: Context, cells: Iterable[str] | Mapping[str, Iterable[str]], *, bodies: bool
    ) -> None:
        arms = cells if isinstance(cells, Mapping) else dict.fromkeys(cells, (THE_ARM,))
        # A node that no executor spins: nothing is read before it is asked for.
        self._node = Node(
            "motion_feed",
            context=context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._joints: dict[str, JointsView] = {}
        self._bodies: dict[str, BodiesView] = {}
        self._devices: dict[str, DevicesView] = {}
        self._of_joints = {
            positions_key(cell, arm): self._listen(JointState, f"/{cell}/{joint_states_topic(arm)}")
            for cell, names in arms.items()
            for arm in names
        }
        self._of_bodies = (
            {cell: self._listen(BodyPoses, f"/{cell}/sim/bodies") for cell in arms}
            if bodies
            else {}
        )
        self._arms: dict[str, str] = {}
        self._of_arms = {
            positions_key(cell, arm): self._listen(String, f"/{cell}/{arm}/state", _LATCHED)
            for cell, names in arms.items()
            for arm in names
        }
        self._of_devices = {
            cell: self._listen(FixtureReadings, f"/{cell}/fixtures/readings", _LATCHED)
            for cell in arms
        }
        self._commands: dict[str, CommandsView] = {}
        self._of_commands = {
            cell: self._listen(FixtureCommands, f"/{cell}/fixtures/commands", _LATCHED)
            for cell in arms
        }

    def _listen(self, kind: Any, topic: str, profile: QoSProfile = _NEWEST) -> Any:
        return self._node.create_subscription(kind, topic, lambda _message: None, profile)

    def take(self) -> bool:
        """Read what is newest; whether an arm was heard."""
        heard = False
        for cell, subscription in self._of_joints.items():
            message = _newest(subscription)
            if message is not None:
                heard = True
                stamp = message.header.stamp
                self._joints[cell] = JointsView(
                    tuple(message.name),
                    tuple(message.position),
                    stamp.sec * 1_000_000_000 + stamp.nanosec,
                )
        for cell, subscription in self._of_bodies.items():
            message = _newest(subscription)
            if message is not None:
                self._bodies[cell] = {
                    name: [
                        pose.position.x, pose.position.y, pose.position.z,
                        pose.orientation.x, pose.orientation.y,
                        pose.orientation.z, pose.orientation.w,
                    ]
                    for name, pose in zip(message.names, message.poses, strict=True)
                }  # fmt: skip

        for cell, subscription in self._of_devices.items():
            message = _newest(subscription)
            if message is not None:
                self._devices[cell] = {
                    one.device: dict(zip(one.keys, one.values, strict=True))
                    for one in message.readings
                }
        for cell, subscription in self._of_commands.items():
            message = _newest(subscription)
            if message is not None:
                self._commands[cell] = commands_view(message)
        for key, subscription in self._of_arms.items():
            message = _newest(subscription)
            if message is not None:
                self._arms[key] = message.data
        return heard

    @property
    def arms(self) -> dict[str, str]:
        """What each arm's driver said last (`positions_key`): `running`, or what is wrong."""
        return self._arms

    @property
    def joints(self) -> dict[str, JointsView]:
        """As of the last `take`, of the arms that have been heard of (`positions_key`)."""
        return self._joints

    @property
    def bodies(self) -> dict[str, BodiesView]:
        """As of the last `take`, of the simulated cells that have been heard of."""
        return self._bodies

    @property
    def devices(self) -> dict[str, DevicesView]:
        """As of the last `take`, of the cells that have told of any."""
        return self._devices

    @property
    def commands(self) -> dict[str, CommandsView]:
        """What the devices of each cell can be told, of the cells that have said so."""
        return self._commands

    def close(self) -> None:
        """Listen no more."""
        self._node.destroy_node()


def _newest(subscription: Any) -> Any | None:
    with subscription.handle:
        taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    return None if taken is None else taken[0]
