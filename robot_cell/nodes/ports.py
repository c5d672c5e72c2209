"""The executor's ports over ROS 2 actions: the cell's arm and the cell's fixtures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from builtin_interfaces.msg import Duration
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from rclpy.action import ActionClient
from rclpy.node import Node
from robot_cell_interfaces.action import FixtureCommand
from trajectory_msgs.msg import JointTrajectoryPoint

from drivers.clock import PlantClock
from robot_cell.execution.executor import FixtureOutcome, MotionOutcome
from robot_cell.nodes.goal_call import GoalCall
from robot_cell.nodes.proven_link import ProvenLink
from robot_cell.nodes.waiting import NoAnswerError, await_now, await_peer
from robot_cell.programs import StepMotion

PATH_TOLERANCE_RAD: Final = 0.1
_ARM_SLACK_S: Final = 5.0
_GOALS_KEPT: Final = 256


def duration(seconds: float) -> Duration:
    """A ROS duration message."""
    nanoseconds = round(seconds * 1e9)
    return Duration(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


class ActionArm:
    """The arm behind a FollowJointTrajectory server, ours or any vendor's.

    Args:
        stopped: whether the cell may not move now; asked once a motion can be stopped.
    """

    def __init__(
        self,
        node: Node,
        clock: PlantClock,
        cell: str,
        joint_names: tuple[str, ...],
        stopped: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._peer = f"{cell}/arm"
        self._joints = joint_names
        self._stopped = stopped
        self._node = node
        self._client = ActionClient(node, FollowJointTrajectory, "arm/follow_joint_trajectory")
        # Without points there is nothing to follow: any server says so.
        self._link = ProvenLink(node, self._client, FollowJointTrajectory.Goal())
        self._call: GoalCall | None = None
        self._goals: dict[int, tuple[StepMotion, Any]] = {}
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether the server is there and answers; does not wait, look again."""
        return self._link.ready

    def follow(self, motion: StepMotion) -> MotionOutcome:
        """Follow a trajectory to its end; returns when the arm stands or has failed."""
        goal = self._goal(motion)
        measured: dict[str, tuple[float, ...]] = {}
        arrived = threading.Event()
        heard = [0]

        def on_feedback(message: Any) -> None:
            heard[0] = max(heard[0], self._clock.now_ns())
            if not message.feedback.actual.positions:
                return  # the arm goes on; what it measured comes with the end
            measured["error"] = tuple(message.feedback.error.positions)
            measured["positions"] = tuple(message.feedback.actual.positions)
            arrived.set()

        signals = self._clock.seq(self._peer)
        call = GoalCall(self._node, self._client, goal, on_feedback=on_feedback)
        with self._lock:
            self._call = call
        if self._stopped():
            call.cancel()  # whoever stopped the cell a moment ago found no motion to stop
        try:
            await_now(call.answered, "the arm")
            if not call.accepted:
                return MotionOutcome(False, "the arm refused the goal")
            heard[0] = self._clock.now_ns() + int(motion.duration_s * 1e9)
            self._await_end(call, signals, heard)
        except NoAnswerError as error:
            return MotionOutcome(False, str(error))
        finally:
            with self._lock:
                self._call = None
        arrived.wait(0.5)
        result = call.result
        return MotionOutcome(
            result.error_code == FollowJointTrajectory.Result.SUCCESSFUL,
            result.error_string,
            measured.get("error", ()),
            measured.get("positions", ()),
        )

    def _await_end(self, call: GoalCall, signals: int, heard: list[int]) -> None:
        """Wait until the motion ends, for as long as the arm says that it goes on.

        Raises:
            NoAnswerError: it is overdue, and the arm has said nothing for the slack.
        """
        while True:
            deadline_ns = heard[0] + int(_ARM_SLACK_S * 1e9)
            try:
                await_peer(self._clock, call.ended, self._peer, signals, deadline_ns, "the arm")
                return
            except NoAnswerError:
                # Held or slowed, a motion takes longer than planned: the arm says so each second.
                if heard[0] + int(_ARM_SLACK_S * 1e9) <= deadline_ns:
                    raise

    def _goal(self, motion: StepMotion) -> Any:
        """The motion as a message; a program's motions are the same each time it runs."""
        known = self._goals.get(id(motion))
        if known is not None:
            return known[1]
        goal = FollowJointTrajectory.Goal()
        goal.trajectory.joint_names = list(self._joints)
        rows = zip(
            motion.times.tolist(),
            motion.positions.tolist(),
            motion.velocities.tolist(),
            motion.accelerations.tolist(),
            strict=True,
        )
        goal.trajectory.points = [
            JointTrajectoryPoint(
                positions=q, velocities=v, accelerations=a, time_from_start=duration(t)
            )
            for t, q, v, a in rows
        ]
        goal.path_tolerance = [
            JointTolerance(name=name, position=PATH_TOLERANCE_RAD) for name in self._joints
        ]
        if len(self._goals) >= _GOALS_KEPT:
            self._goals.clear()
        self._goals[id(motion)] = motion, goal  # the motion too: its id stays its own
        return goal

    def stop(self) -> None:
        """Stop the running motion on its path, if there is one; does not wait."""
        with self._lock:
            if self._call is not None:
                self._call.cancel()


class ActionFixtures:
    """The cell's fixtures behind one FixtureCommand server."""

    def __init__(self, node: Node, clock: PlantClock, cell: str, epoch: Callable[[], int]) -> None:
        self._clock = clock
        self._peer = f"{cell}/fixtures"
        self._epoch = epoch
        self._node = node
        self._client = ActionClient(node, FixtureCommand, "fixtures/command")
        self._link = ProvenLink(node, self._client, FixtureCommand.Goal(command="read"))

    @property
    def ready(self) -> bool:
        """Whether the server is there and answers; does not wait, look again."""
        return self._link.ready

    def command(
        self, device: str, step_id: int, command: str, args: Sequence[str], timeout_s: float
    ) -> FixtureOutcome:
        """Give a command (or `read`) and wait for its outcome."""
        goal = FixtureCommand.Goal(
            device=device,
            step_id=step_id,
            command=command,
            args=list(args),
            timeout_s=timeout_s,
            epoch=self._epoch(),
        )
        signals = self._clock.seq(self._peer)
        what = f"fixture {device}"
        call = GoalCall(self._node, self._client, goal)
        try:
            await_now(call.answered, what)
            if not call.accepted:
                return FixtureOutcome("refused", f"{what}: the goal was refused")
            deadline_ns = self._clock.now_ns() + int((timeout_s + 5.0) * 1e9)
            await_peer(self._clock, call.ended, self._peer, signals, deadline_ns, what)
        except NoAnswerError as error:
            return FixtureOutcome("uncertain", str(error))
        result = call.result
        values = dict(zip(result.keys, result.values, strict=True))
        return FixtureOutcome(result.status, result.message, values)
