"""An arm behind a FollowJointTrajectory action: any vendor's ROS 2 driver, or ros2_control's.

The controller follows a whole trajectory by itself, with its own limits and at its own speed. It
keeps on when its client dies: so whoever connects has all its goals cancelled first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from action_msgs.msg import GoalStatus, GoalStatusArray
from action_msgs.srv import CancelGoal
from builtin_interfaces.msg import Duration
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from trajectory_msgs.msg import JointTrajectoryPoint

from drivers.arms.base import (
    ArmFault,
    ArmNotConnected,
    ArmState,
    Ended,
    SetpointsRefused,
    Trajectory,
    in_words,
)
from drivers.arms.ros_link import RosLink, controller_of

_ANSWER_S: Final = 2.0
"""How long a controller may take to accept or refuse a goal."""

_ACTIVE: Final = (
    GoalStatus.STATUS_ACCEPTED,
    GoalStatus.STATUS_EXECUTING,
    GoalStatus.STATUS_CANCELING,
)
_STATUS: Final = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_LOOK_S: Final = 0.5
_STILL_RAD_S: Final = 0.02


class TrajectoryActionArm:
    """One arm that follows trajectories by itself (`drivers.arms.TrajectoryDriver`).

    Args:
        action: name of the control_msgs/FollowJointTrajectory action.
        joints: the controller's names of the joints, in the order of every array.
        joint_states, rate_hz: where and how often joint states come.
        ready: topic of std_msgs/Bool that says whether the arm may be moved, if there is one.
        scaling: topic of std_msgs/Float64 in percent that says how slowed it is, if there is one.
        stalled_s: how long the arm may make no way in mid-motion.
        controller_manager: full name of ros2_control's node whose controller offers the action;
            the arm is moved only while that is active. None: nobody is asked.
    """

    def __init__(
        self,
        action: str,
        joints: Sequence[str],
        joint_states: str = "/joint_states",
        rate_hz: float = 100.0,
        ready: str | None = None,
        scaling: str | None = None,
        stalled_s: float = 10.0,
        controller_manager: str | None = None,
    ) -> None:
        self.joint_names = tuple(joints)
        self.stalled_s = stalled_s
        self._action = action
        controller = controller_of(action, controller_manager)
        self._args = (joints, joint_states, rate_hz, ready, scaling, controller)
        self._link: RosLink | None = None
        self._goal: _Goal | None = None
        self._active: set[bytes] = set()
        self._looked_s = 0.0

    def connect(self, timeout_s: float) -> ArmState:
        """See that arm and controller are there, and have whatever it follows cancelled.

        Raises:
            ArmNotConnected: no joint states, or no action server.
            ArmFault: the arm may not be moved, or moves though nothing is asked of it.
        """
        until_s = time.monotonic() + timeout_s
        link = self._link or self._open()
        self._goal = None
        state = self._find(link, until_s, timeout_s)
        self._cancel_all(link, max(_LOOK_S, until_s - time.monotonic()))
        until_s = time.monotonic() + _LOOK_S
        while np.max(np.abs(state.velocities)) > _STILL_RAD_S:
            if time.monotonic() > until_s:
                raise ArmFault(
                    link.arm, "MOVES", "it moves though nothing is asked of it",
                    "End whoever else moves it; it is tried again.",
                )  # fmt: skip
            state = link.expect(until_s + _LOOK_S, timeout_s)
        return state

    def look(self, timeout_s: float) -> str:
        """That arm and controller are there and ready; nothing is asked of them.

        Raises:
            ArmNotConnected: no joint states, or no action server.
            ArmFault: the arm may not be moved.
        """
        try:
            state = self._find(self._open(), time.monotonic() + timeout_s, timeout_s)
            return f"{self._action} is offered, {in_words(state.positions)}"
        finally:
            self.close()

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the next joint state; goals go on meanwhile.

        Raises:
            ArmTimeout: none came in time.
            ArmNotConnected: none has come for longer than it may, or the controller has gone.
            ArmFault: the controller says that the arm may not be moved.
        """
        link = self._connected()
        state = link.read(timeout_s)
        now_s = time.monotonic()
        if self._goal is not None and not self._goal.answered_by(now_s - _ANSWER_S):
            raise ArmNotConnected(
                link.arm, f"{self._action} does not answer goals",
                "Look into the log of the arm's driver; start it again if it stays so.",
            )  # fmt: skip
        if now_s - self._looked_s > _LOOK_S:
            self._looked_s = now_s
            if not self._client.server_is_ready():
                raise self._no_server()
        return state

    def send(self, trajectory: Trajectory) -> None:
        """Have a trajectory followed.

        Raises:
            SetpointsRefused: wrong shape, or not finite; or another one is being followed.
            ArmNotConnected: there is no connection.
        """
        link = self._connected()
        rows = (trajectory.positions, trajectory.velocities, trajectory.accelerations)
        shape = (len(trajectory.times), len(self.joint_names))
        if any(row.shape != shape or not np.isfinite(row).all() for row in rows):
            raise SetpointsRefused(
                link.arm, f"a trajectory that is not finite, or not of shape {shape}",
                "Nothing was sent.",
            )  # fmt: skip
        if self._goal is not None and self._goal.ended is None:
            raise SetpointsRefused(link.arm, "it follows a trajectory", "Stop that one first.")
        goal = FollowJointTrajectory.Goal()
        goal.trajectory.joint_names = list(self.joint_names)
        goal.trajectory.points = [
            JointTrajectoryPoint(
                positions=q, velocities=v, accelerations=a, time_from_start=_duration(t)
            )
            for t, q, v, a in zip(
                trajectory.times.tolist(), *(row.tolist() for row in rows), strict=True
            )
        ]
        self._goal = _Goal(self._client, goal)

    def ended(self) -> Ended | None:
        """How the last trajectory has ended; None while it is followed."""
        return None if self._goal is None else self._goal.ended

    def stop(self) -> None:
        """Cancel what is followed; the controller stops the arm and holds it.

        Raises:
            ArmNotConnected: there is no connection.
        """
        link = self._connected()
        if self._goal is not None and self._goal.ended is None:
            self._goal.cancel()
            link.wait(self._goal.cancel_sent, 0.05)

    def close(self) -> None:
        """Cancel what is followed, and end the node."""
        link, self._link = self._link, None
        if link is None:
            return
        if self._goal is not None and self._goal.ended is None:
            self._goal.cancel()
            link.wait(lambda: self._goal is None or self._goal.ended is not None, _LOOK_S)
        link.close()

    def _open(self) -> RosLink:
        link = self._link = RosLink(*self._args)
        self._client = ActionClient(link.node, FollowJointTrajectory, self._action)
        link.node.create_subscription(
            GoalStatusArray, f"{self._action}/_action/status", self._on_status, _STATUS
        )
        self._canceller = link.node.create_client(CancelGoal, f"{self._action}/_action/cancel_goal")
        return link

    def _find(self, link: RosLink, until_s: float, timeout_s: float) -> ArmState:
        """See that states come, the arm may be moved, and somebody offers the action."""
        link.begin()
        state = link.expect(until_s, timeout_s)
        link.require_ready(max(0.0, until_s - time.monotonic()))
        if not link.wait(self._client.server_is_ready, max(0.0, until_s - time.monotonic())):
            raise self._no_server()
        return state

    def _cancel_all(self, link: RosLink, timeout_s: float) -> None:
        """Cancel every goal of whomever, and wait until none of them is followed any more."""
        asked = self._canceller.call_async(CancelGoal.Request())  # an empty one means all goals
        if not link.wait(asked.done, timeout_s):
            raise self._no_server()
        left = {bytes(goal.goal_id.uuid) for goal in asked.result().goals_canceling}
        if not link.wait(lambda: not left & self._active, max(_LOOK_S, timeout_s)):
            raise ArmFault(
                link.arm, "BUSY", f"{self._action} does not end a goal that was cancelled",
                "Stop the arm at its own controller; look into the log of its driver.",
            )  # fmt: skip

    def _on_status(self, message: Any) -> None:
        self._active = {
            bytes(one.goal_info.goal_id.uuid)
            for one in message.status_list
            if one.status in _ACTIVE
        }

    def _no_server(self) -> ArmNotConnected:
        return ArmNotConnected(
            self._args[1], f"nobody offers {self._action}",
            "Check that the arm's driver runs (`ros2 action list`), and the action's name "
            "(`action` in the plant file).",
        )  # fmt: skip

    def _connected(self) -> RosLink:
        if self._link is None:
            raise ArmNotConnected(self._action, "there is no connection", "Connect first.")
        return self._link


class _Goal:
    """One goal from sending to its end; all of it in the thread that turns the executor."""

    def __init__(self, client: ActionClient, goal: Any) -> None:
        self.ended: Ended | None = None
        self._sent_s = time.monotonic()
        self._answered = False
        self._unwanted = False
        self._cancelling: Any = None
        self._handle: Any = None
        client.send_goal_async(goal).add_done_callback(self._take_answer)

    def answered_by(self, sent_before_s: float) -> bool:
        """False if it was sent before that instant and has no answer yet."""
        return self._answered or self._sent_s > sent_before_s

    def cancel(self) -> None:
        """Ask for its end, as soon as it has been accepted."""
        self._unwanted = True
        if self._handle is not None and self._cancelling is None:
            self._cancelling = self._handle.cancel_goal_async()

    def cancel_sent(self) -> bool:
        """Whether the cancellation has been answered."""
        return self.ended is not None or (self._cancelling is not None and self._cancelling.done())

    def _take_answer(self, sent: Any) -> None:
        self._answered = True
        handle = sent.result()
        if not handle.accepted:
            self.ended = Ended(
                False, "REFUSED",
                "the controller refused the goal: it is not active (`ros2 control "
                "list_controllers`), or its joints are others",
            )  # fmt: skip
            return
        self._handle = handle
        handle.get_result_async().add_done_callback(self._take_result)
        if self._unwanted:
            self.cancel()

    def _take_result(self, got: Any) -> None:
        status, result = got.result().status, got.result().result
        if status == GoalStatus.STATUS_SUCCEEDED and result.error_code == 0:
            self.ended = Ended(True)
        elif status == GoalStatus.STATUS_CANCELED:
            self.ended = Ended(False, "CANCELLED")
        else:
            self.ended = Ended(False, str(result.error_code), result.error_string)


def _duration(seconds: float) -> Duration:
    nanoseconds = round(seconds * 1e9)
    return Duration(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)
