"""What is told of an arm over ROS 2: joint states, whether it may be moved, how slowed it is.

One node and one executor, turned by the thread that reads: nothing happens between two reads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64

from drivers.arms.base import ArmFault, ArmNotConnected, ArmState, ArmTimeout
from drivers.arms.controller_watch import ControllerWatch

Array = NDArray[np.float64]

_NEWEST: Final = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Whatever the publisher offers is good enough; of several states only the newest counts."""

_LOOK_S: Final = 0.1
"""Who offers a service is told by no message: it is looked at every so often."""

_TAKEN_UP: Final = 32
"""Each turn of the executor calls back once, and the first state may end an attempt to connect: so
what is behind it (an answer, a word of the controller manager) would wait for one attempt more and
more. Of each topic only the newest message is kept."""

_LOST_PERIODS: Final = 10
_LOST_S: Final = 0.5
"""Silence after which joint states count as lost: ten periods, and no less than this."""


def controller_of(topic: str, manager: str | None) -> tuple[str, str] | None:
    """Manager and name of the controller whose own topic or action this is (`~/...`); or None."""
    return None if manager is None else (manager, topic.split("/")[-2])


class RosLink:
    """The node of one arm's driver.

    Args:
        joints: the controller's names, in the order of every array.
        joint_states: topic of sensor_msgs/JointState; those of other devices may come on it, too.
        rate_hz: how often they come.
        ready: topic of std_msgs/Bool, or None.
        scaling: topic of std_msgs/Float64 in percent, or None.
        controller: full name of a controller manager, and of its controller that moves the arm, or
            None.

    Raises:
        ArmNotConnected: there is a controller manager to be watched, and no messages to do so.

    Attributes:
        states: how many joint states have come.
        apart_ns: from the last one's stamp to the one before.
    """

    def __init__(
        self,
        joints: Sequence[str],
        joint_states: str,
        rate_hz: float,
        ready: str | None,
        scaling: str | None = None,
        controller: tuple[str, str] | None = None,
    ) -> None:
        self.joints = tuple(joints)
        self.topic = joint_states
        self.states = 0
        self.apart_ns = 0
        self._lost_s = max(_LOST_S, _LOST_PERIODS / rate_hz)
        self._ready_topic = ready
        self._ready: bool | None = None if ready else True
        self._fraction = 1.0
        self._newest: tuple[int, Array, Array, Array] | None = None
        self._last: tuple[int, Array] | None = None
        self._heard_s = time.monotonic()
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(
            "arm_driver",
            context=self._context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = EventsExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.create_subscription(JointState, joint_states, self._on_state, _NEWEST)
        self._hears_ready = False
        if scaling is not None:
            self.node.create_subscription(Float64, scaling, self._on_scaling, _NEWEST)
        self._watch: ControllerWatch | None = None
        if controller is not None:
            try:
                self._watch = ControllerWatch(self.node, *controller)
            except ArmNotConnected:
                self.close()
                raise

    @property
    def arm(self) -> str:
        """What the arm is called in errors."""
        return self.topic

    def begin(self) -> None:
        """Take what has come meanwhile, and count silence from now on: states so far are old."""
        for _ in range(_TAKEN_UP):
            self._executor.spin_once(timeout_sec=0.0)
        self._newest = None
        self._heard_s = time.monotonic()
        if self._watch is not None:
            self._watch.begin()

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the next joint state.

        Raises:
            ArmTimeout: none came in time.
            ArmNotConnected: none has come for longer than it may, or the controller manager is
                silent.
            ArmFault: the controller says that the arm may not be moved, or is not active.
        """
        if not self.wait(lambda: self._newest is not None, timeout_s):
            silent_s = time.monotonic() - self._heard_s
            if silent_s > self._lost_s:
                raise self.no_states(silent_s)
            raise ArmTimeout(self.arm, timeout_s)
        assert self._newest is not None
        (time_ns, positions, velocities, efforts), self._newest = self._newest, None
        self._require_no_trouble()
        return ArmState(time_ns, positions, velocities, efforts, self._fraction)

    def expect(self, until_s: float, timeout_s: float) -> ArmState:
        """The next joint state, by an instant of the monotonic clock; `timeout_s` is for the error.

        Raises:
            ArmNotConnected: none came.
            ArmFault: the arm may not be moved, or its controller is not active.
        """
        try:
            return self.read(max(0.0, until_s - time.monotonic()))
        except ArmTimeout as error:
            raise self.no_states(timeout_s) from error

    def wait(self, done: Callable[[], bool], timeout_s: float, look_s: float = math.inf) -> bool:
        """Let messages come until something is so; False if it is not in time.

        It is looked at after each message, and every `look_s`.
        """
        until_s = time.monotonic() + timeout_s
        while not done():
            left_s = until_s - time.monotonic()
            if left_s <= 0.0:
                return False
            self._executor.spin_once(timeout_sec=min(left_s, look_s))
        return True

    def require_ready(self, timeout_s: float) -> None:
        """See that the arm may be moved, and that its controller is active.

        Raises:
            ArmNotConnected: nothing is said of that.
            ArmFault: it may not, or it is not.
        """
        until_s = time.monotonic() + timeout_s
        watch = self._watch
        if watch is not None and not self.wait(watch.known, timeout_s, _LOOK_S):
            raise watch.silent(self.arm)
        self.wait(self._listen_ready, timeout_s)
        if not self.wait(lambda: self._ready is not None, max(0.0, until_s - time.monotonic())):
            raise ArmNotConnected(
                self.arm, f"nothing is said on {self._ready_topic}",
                "Check that the arm's driver runs, and the topic's name (`ready` in the plant "
                "file).",
            )  # fmt: skip
        self._require_no_trouble()

    def _require_no_trouble(self) -> None:
        if self._watch is not None and (trouble := self._watch.trouble(self.arm)) is not None:
            raise trouble
        if self._ready is False:
            raise self.not_ready()

    def _listen_ready(self) -> bool:
        """Subscribe as the publisher offers it: some say it at each change only, and keep it."""
        topic = self._ready_topic
        if topic is None or self._hears_ready:
            return True
        offered = self.node.get_publishers_info_by_topic(topic)
        if offered:
            profile = QoSProfile(depth=1, durability=offered[0].qos_profile.durability)
            self.node.create_subscription(Bool, topic, self._on_ready, profile)
            self._hears_ready = True
        return self._hears_ready

    def close(self) -> None:
        """End the node; may be called twice."""
        if self._context.ok():
            self._executor.shutdown(timeout_sec=0.1)
            self.node.destroy_node()
            rclpy.try_shutdown(context=self._context)

    def no_states(self, silent_s: float) -> ArmNotConnected:
        """The error of an arm that is not heard of."""
        named = ", ".join(self.joints)
        return ArmNotConnected(
            self.arm, f"no joint states on {self.topic} for {silent_s:.2f} s",
            f"Check that the arm's driver runs (`ros2 topic hz {self.topic}`), and that its states "
            f"name {named}.",
        )  # fmt: skip

    def not_ready(self) -> ArmFault:
        """The error of an arm that may not be moved."""
        return ArmFault(
            self.arm, "NOT_READY", f"{self._ready_topic} says that the arm may not be moved",
            "See the arm's panel: its program, its safety stops; it goes on by itself.",
        )  # fmt: skip

    def _on_state(self, message: Any) -> None:
        try:
            row = [message.name.index(name) for name in self.joints]
            positions = np.array([message.position[k] for k in row])
        except (ValueError, IndexError):
            return  # of another device
        if not all(map(math.isfinite, positions)):
            return  # a broadcaster that has not read its hardware yet
        stamp = message.header.stamp
        time_ns = stamp.sec * 1_000_000_000 + stamp.nanosec or time.monotonic_ns()
        if self._last is not None:
            self.apart_ns = time_ns - self._last[0]
        velocities = self._column(message.velocity, row)
        if velocities is None:
            velocities = np.zeros(len(row))
            if self._last is not None and self.apart_ns > 0:
                velocities = (positions - self._last[1]) / (self.apart_ns * 1e-9)
        efforts = self._column(message.effort, row)
        self._last = time_ns, positions
        self._newest = (
            time_ns, positions, velocities, np.zeros(len(row)) if efforts is None else efforts,
        )  # fmt: skip
        self._heard_s = time.monotonic()
        self.states += 1

    @staticmethod
    def _column(values: Sequence[float], row: list[int]) -> Array | None:
        if len(values) <= max(row):
            return None
        column = np.array([values[k] for k in row])
        return column if np.isfinite(column).all() else None

    def _on_ready(self, message: Any) -> None:
        self._ready = bool(message.data)

    def _on_scaling(self, message: Any) -> None:
        fraction = float(message.data) / 100.0
        if math.isfinite(fraction):
            self._fraction = min(1.0, max(0.0, fraction))
