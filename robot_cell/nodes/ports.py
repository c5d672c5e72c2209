"""The executor's ports over ROS 2 actions: the cell's arm and the cell's fixtures."""

from __future__ import annotations

import threading
import time
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
from robot_cell import failpoints
from robot_cell.execution.epoch import written
from robot_cell.execution.ports import FixtureOutcome, MotionOutcome
from robot_cell.execution.trajectory_goal import GoalCode
from robot_cell.nodes.goal_call import GoalCall
from robot_cell.nodes.joint_listener import JointListener
from robot_cell.nodes.proven_link import ProvenLink
from robot_cell.nodes.waiting import NoAnswerError, await_now, await_peer
from robot_cell.programs import StepMotion

PATH_TOLERANCE_RAD: Final = 0.1
_ARM_SLACK_S: Final = 5.0
_GOALS_KEPT: Final = 256
_LOST: Final = (int(GoalCode.START_DIFFERS), int(GoalCode.OTHER_ARM))
"""The arm is not where the motion begins, and has not moved; or it has stopped on its way because
the processes of another arm are being started again: where the arms stand is asked."""

_QUESTIONS: Final = ("read", "outcome")
_POLL_S: Final = 0.05
_ANY_EPOCH: Final = 0
"""Of a question, which moves nothing, no epoch is asked."""

TAKEN_S: Final = 5.0
"""How long a node may take to say whether it takes a goal, wall time."""

ASKED_FOR_S: Final = 15.0
"""For how long a device that does not answer is asked what became of a step, wall time."""


def duration(seconds: float) -> Duration:
    """A ROS duration message."""
    nanoseconds = round(seconds * 1e9)
    return Duration(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


class ActionArm:
    """The arm behind a FollowJointTrajectory server, ours or any vendor's.

    Args:
        arm: its name.
        joints: hears where the arm stands.
        stopped: whether the cell may not move now; asked once a motion can be stopped.
    """

    def __init__(
        self,
        node: Node,
        clock: PlantClock,
        cell: str,
        arm: str,
        joints: JointListener,
        stopped: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._peer = f"{cell}/{arm}"
        self._listener = joints
        self._joints = joints.names
        self._stopped = stopped
        self._node = node
        self._client = ActionClient(node, FollowJointTrajectory, f"{arm}/follow_joint_trajectory")
        # Without points there is nothing to follow: any server says so.
        self._link = ProvenLink(node, self._client, FollowJointTrajectory.Goal())
        self._call: GoalCall | None = None
        self._goals: dict[int, tuple[StepMotion, Any]] = {}
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether the server is there and answers; does not wait, look again."""
        return self._link.ready

    def standing(self) -> tuple[float, ...] | None:
        """Measured joint positions (n,) in rad once the arm stands; None if it cannot be asked."""
        self._clock.wait_for()  # an arm that comes to rest takes plant time to do so
        try:
            return self._listener.standing(lambda: self.ready)
        finally:
            self._clock.busy()

    def follow(self, motion: StepMotion, epoch: int) -> MotionOutcome:
        """Follow a trajectory to its end; returns when the arm stands or has failed."""
        goal = self._goal(motion)
        goal.trajectory.header.frame_id = written(epoch)
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
            await_now(call.answered, "the arm", TAKEN_S)
            if not call.accepted:
                return MotionOutcome(False, "the arm refused the goal")
            failpoints.reach("cell.step-commanded")
            heard[0] = self._clock.now_ns() + int(motion.duration_s * 1e9)
            self._await_end(call, signals, heard)
        except NoAnswerError as error:
            self._link.doubt()
            call.cancel()  # should it come to life again, it is not to go on with this
            return MotionOutcome(False, str(error), lost=True)
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
            lost=result.error_code in _LOST,
            arm_gone=result.error_code == GoalCode.DEVICE,
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

    def __init__(self, node: Node, clock: PlantClock, cell: str) -> None:
        self._clock = clock
        self._peer = f"{cell}/fixtures"
        self._node = node
        self._client = ActionClient(node, FixtureCommand, "fixtures/command")
        self._link = ProvenLink(node, self._client, FixtureCommand.Goal(command="read"))

    @property
    def ready(self) -> bool:
        """Whether the server is there and answers; does not wait, look again."""
        return self._link.ready

    def command(
        self,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        timeout_s: float,
        epoch: int,
    ) -> FixtureOutcome:
        """Give a command (or `read`) and wait for its outcome."""
        return self._give(device, step_id, command, args, timeout_s, epoch)

    def outcome(self, device: str, step_id: int, timeout_s: float) -> FixtureOutcome:
        """Ask the device what became of a step; waits for one that still runs."""
        until_s = time.monotonic() + ASKED_FOR_S
        silent = f"fixture {device}: its node does not answer"
        told = FixtureOutcome("uncertain", silent, unanswered=True)
        while time.monotonic() < until_s:
            if self._reached(until_s):
                told = self._give(device, step_id, "outcome", (), timeout_s, _ANY_EPOCH)
            if told.status != "uncertain":
                break
        return told

    def _reached(self, until_s: float) -> bool:
        """Wait for the node to be there; time passes meanwhile."""
        self._clock.wait_for()
        try:
            while not self.ready and time.monotonic() < until_s:
                time.sleep(_POLL_S)
            return self.ready
        finally:
            self._clock.busy()

    def _give(
        self,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        timeout_s: float,
        epoch: int,
    ) -> FixtureOutcome:
        goal = FixtureCommand.Goal(
            device=device,
            step_id=step_id,
            command=command,
            args=list(args),
            timeout_s=timeout_s,
            epoch=epoch,
        )
        signals = self._clock.seq(self._peer)
        what = f"fixture {device}"
        call = GoalCall(self._node, self._client, goal)
        try:
            await_now(call.answered, what, TAKEN_S)
            if not call.accepted:
                return FixtureOutcome("refused", f"{what}: the goal was refused")
            if command not in _QUESTIONS:
                failpoints.reach("cell.step-commanded")
            deadline_ns = self._clock.now_ns() + int((timeout_s + 5.0) * 1e9)
            await_peer(self._clock, call.ended, self._peer, signals, deadline_ns, what)
        except NoAnswerError as error:
            self._link.doubt()
            return FixtureOutcome("uncertain", str(error), unanswered=True)
        result = call.result
        values = dict(zip(result.keys, result.values, strict=True))
        return FixtureOutcome(result.status, result.message, values, result.reading)
