"""An arm behind a topic of joint positions: a ros2_control forward controller, or Gazebo.

Such a controller does whatever it is told and holds what it was told last. So all limits are ours,
and nothing stops an arm but the setpoints that it gets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Float64MultiArray

from drivers.arms.base import ArmFault, ArmNotConnected, ArmState, SetpointsRefused, in_words
from drivers.arms.ros_link import RosLink, controller_of

_RATE_STATES: Final = 10
_FASTER: Final = 1.4
_SLOWER: Final = 1.8
"""Joint states that come faster or slower than the plant file says by these factors are refused.

Too fast would be a motion that is faster than planned. Too slow may be a busy machine for a while.
"""

_BURST: Final = 0.5
"""A state that comes sooner than this share of a period after the last one is passed over."""


class PositionStreamArm:
    """One arm that follows a topic of positions (`drivers.arms.ArmDriver`).

    Args:
        commands: topic of std_msgs/Float64MultiArray.
        joints: the controller's names of the joints, in the order of every array.
        joint_states, rate_hz: where and how often joint states come; a setpoint goes with each.
        ready: topic of std_msgs/Bool that says whether the arm may be moved, if there is one.
        sim_time: stamps are of simulated time: each state is answered, however soon it comes.
        controller_manager: full name of ros2_control's node whose controller takes the commands;
            the arm is moved only while that is active. None: nobody is asked.
    """

    setpoints_per_period = 1

    def __init__(
        self,
        commands: str,
        joints: Sequence[str],
        joint_states: str = "/joint_states",
        rate_hz: float = 100.0,
        ready: str | None = None,
        sim_time: bool = False,
        controller_manager: str | None = None,
    ) -> None:
        self._sim_time = sim_time
        self.joint_names = tuple(joints)
        self.period_ns = round(1e9 / rate_hz)
        self._commands = commands
        controller = controller_of(commands, controller_manager)
        self._args = (joints, joint_states, rate_hz, ready, None, controller)
        self._link: RosLink | None = None
        self._read_ns = 0

    def connect(self, timeout_s: float) -> ArmState:
        """See that the arm is heard of, at the right rate, and that somebody takes its commands.

        Raises:
            ArmNotConnected: no joint states, or nobody listens for commands.
            ArmFault: the arm may not be moved, or its states come at another rate.
        """
        # At a low rate the states that are looked at take longer than a short time-out.
        until_s = time.monotonic() + timeout_s + 2e-9 * _RATE_STATES * self.period_ns
        if self._link is None:
            self._link = RosLink(*self._args)
            self._publisher = self._link.node.create_publisher(Float64MultiArray, self._commands, 1)
        link = self._link
        link.begin()
        stamps: list[int] = []
        while len(stamps) <= _RATE_STATES:
            state = link.expect(until_s, timeout_s)
            stamps.append(state.time_ns)
        self._require_rate(np.diff(stamps))
        link.require_ready(max(0.0, until_s - time.monotonic()))
        if not self._publisher.get_subscription_count():
            raise ArmNotConnected(
                link.arm, f"nobody listens to {self._commands}",
                "Activate the position controller (`ros2 control switch_controllers`), and check "
                "the topic's name (`commands` in the plant file).",
            )  # fmt: skip
        return state

    def look(self, timeout_s: float) -> str:
        """That arm and controller are there and ready; nothing is published.

        Raises:
            ArmNotConnected: no joint states, or nobody listens for commands.
            ArmFault: the arm may not be moved, or its states come at another rate.
        """
        try:
            state = self.connect(timeout_s)
            return f"{self._commands} is listened to, {in_words(state.positions)}"
        finally:
            self.close()

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the next joint state.

        Raises:
            ArmTimeout: none came in time.
            ArmNotConnected: none has come for longer than it may, or there is no connection.
            ArmFault: the controller says that the arm may not be moved.
        """
        link = self._connected()
        until_s = time.monotonic() + timeout_s
        while True:
            state = link.read(max(0.0, until_s - time.monotonic()))
            now_ns = time.monotonic_ns()
            if self._sim_time or now_ns - self._read_ns > _BURST * self.period_ns:
                self._read_ns = now_ns
                return state

    def write(self, setpoints: NDArray[np.float64]) -> None:
        """Publish the next setpoint (1, n) in rad.

        Raises:
            SetpointsRefused: wrong shape, or not finite.
            ArmNotConnected: there is no connection.
        """
        link = self._connected()
        if setpoints.shape != (1, len(self.joint_names)) or not np.isfinite(setpoints).all():
            raise SetpointsRefused(
                link.arm,
                f"setpoints of shape {setpoints.shape}, expected (1, {len(self.joint_names)}) "
                "and finite",
                "Nothing was sent.",
            )
        self._publisher.publish(Float64MultiArray(data=setpoints[0].tolist()))

    def stop(self) -> None:
        """Nothing to ask: the arm holds the last setpoint."""

    def close(self) -> None:
        """End the node; the arm holds the last setpoint."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _require_rate(self, apart_ns: NDArray[np.int64]) -> None:
        assert self._link is not None
        mean_ns, median_ns = float(np.mean(apart_ns)), float(np.median(apart_ns))
        if mean_ns * _FASTER < self.period_ns or median_ns > self.period_ns * _SLOWER:
            raise ArmFault(
                self._link.arm, "RATE",
                f"joint states come at {1e9 / max(1.0, median_ns):.0f} Hz, not at "
                f"{1e9 / self.period_ns:.0f}",
                "Set `rate_hz` in the plant file to the rate of the joint state broadcaster.",
            )  # fmt: skip

    def _connected(self) -> RosLink:
        if self._link is None:
            raise ArmNotConnected(self._commands, "there is no connection", "Connect first.")
        return self._link
