"""FollowJointTrajectory server and joint states of one arm; its servo child does the moving."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Final

import numpy as np
from control_msgs.action import FollowJointTrajectory
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.action import CancelResponse, GoalResponse
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String

from drivers.clock import FOREVER_NS
from planners.kinematics.arm_description import read_arm
from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.execution.arm_state import told_state
from robot_cell.execution.epoch import EpochPage, read
from robot_cell.execution.heartbeat import Beat, HeartbeatPage
from robot_cell.execution.horizon import Horizon, Outcome, Result
from robot_cell.execution.loop_statistics import LoopStatistics
from robot_cell.execution.presence import CONTROLLER
from robot_cell.execution.trajectory_goal import (
    GoalCode,
    GoalRefusedError,
    JointLimits,
    Point,
    segments_of,
)
from robot_cell.model.arm_names import base_frame, joint_states_topic, page_name, servo_name
from robot_cell.nodes import path_speed
from robot_cell.nodes.base import LATCHED, PlantNode, seconds, spin
from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.other_arms import OtherArms
from robot_cell.nodes.path_speed import STOPPED_RAD_S, PathSpeed
from robot_cell.nodes.servo_child import ServoChild

JOINT_STATES_HZ: Final = 50.0
GOAL_TOLERANCE_RAD: Final = 0.005
GOAL_TIME_S: Final = 2.0
REPORT_S: Final = 1.0
FEEDBACK_NS: Final = 1_000_000_000
STATE_S: Final = 0.2

_CODES: Final = {
    Outcome.DONE: GoalCode.SUCCESSFUL,
    Outcome.STOPPED: GoalCode.STOPPED,
    Outcome.PATH_TOLERANCE: GoalCode.PATH_TOLERANCE_VIOLATED,
    Outcome.GOAL_TOLERANCE: GoalCode.GOAL_TOLERANCE_VIOLATED,
    Outcome.DEVICE_FAULT: GoalCode.DEVICE,
    Outcome.STARVED: GoalCode.STOPPED,
    Outcome.STALLED: GoalCode.DEVICE,
}


class ArmNode(PlantNode):
    """One arm: goals in, measured motion out."""

    def __init__(self) -> None:
        super().__init__("arm", in_cell=True)
        self.declare_parameter("arm", "")
        path_speed.declare(self)
        self._servo: ServoChild | None = None
        self._lock = threading.Lock()
        self._pending: dict[int, Any] = {}
        self._told_ns = 0
        self._controller: Beat | None = None
        self._epoch = 0
        self._void = False
        self._was_connected = False
        self._reported_s = 0.0

    def configure(self) -> None:
        """Start the servo child and offer the action."""
        arm = self._arm = self._own_arm()
        joints = read_arm(self.cell.arms[arm].urdf).joints
        self._limits = JointLimits(
            tuple(joint.name for joint in joints),
            lower=np.array([joint.lower for joint in joints]),
            upper=np.array([joint.upper for joint in joints]),
            velocity=np.array([joint.velocity for joint in joints]),
            acceleration=np.array([joint.acceleration for joint in joints]),
            jerk=np.array([joint.jerk for joint in joints]),
        )
        path = self.run_dir / "horizons" / f"{page_name(self.cell_name, arm)}.page"
        self._horizon = Horizon(path, len(self._limits.names), create=True)
        self._beats = HeartbeatPage(self.run_dir / "heartbeats" / f"{self.cell_name}.page")
        self._epochs = EpochPage(self.run_dir, self.cell_name)
        self._others = OtherArms(self._beats, (name for name in self.cell.arms if name != arm))
        servo = self._servo = ServoChild(self, arm, self._limits.names)
        self.start_thread(lambda: servo.listen(self._on_servo), "servo events")
        self._speed = PathSpeed(self, arm, self._horizon, lambda: bool(self._pending))
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._states = self.create_publisher(JointState, joint_states_topic(arm), 10)
        self._state = self.create_publisher(String, f"{arm}/state", LATCHED)
        self._told_state = ""
        self.every(1.0 / JOINT_STATES_HZ, self._turn)
        self.every(STATE_S, self._tell_state)
        self._server = DeferredActionServer(
            self,
            FollowJointTrajectory,
            f"{arm}/follow_joint_trajectory",
            begin=self._begin,
            accept=self._accept,
            cancel=self._cancel,
        )
        self.clock.silent_until(FOREVER_NS)  # it talks to its own cell
        self.clock.wait_for()

    def release(self) -> None:
        """Stop the servo; the arm holds."""
        servo, self._servo = self._servo, None
        if servo is not None:
            servo.end()
            report = LoopStatistics(self._horizon.statistics).report()
            path = self.run_dir / "loops" / f"{page_name(self.cell_name, self._arm)}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(report.as_json(), indent=2) + "\n")

    def _own_arm(self) -> str:
        """Which arm of the cell this is.

        Raises:
            RobotCellError: the parameter names none, or another than the node is called after.
        """
        given = str(self.get_parameter("arm").value)
        arms = self.cell.arms
        listed = ", ".join(arms)
        if not given and len(arms) > 1:
            raise RobotCellError(f"parameter arm: {self.cell_name} has several, name one: {listed}")
        arm = given or next(iter(arms))
        if arm not in arms:
            raise RobotCellError(
                f"parameter arm: {self.cell_name} has no arm {arm!r}; it has: {listed}"
            )
        if len(arms) > 1 and self.get_name() != arm:
            raise RobotCellError(
                f"the node of arm {arm} is called {self.get_name()}: the cell's processes know "
                "each other by name; call it as the arm is called"
            )
        return arm

    # -- motion ---------------------------------------------------------------------------------

    def _on_servo(self) -> None:
        """Wake the goal that waits for the order that has just ended."""
        result = self._horizon.result()
        self.clock.busy()
        with self._lock:
            goal = self._pending.pop(result.order, None)
        if goal is not None:
            self._ended(goal, result)
        self.clock.wait_for()

    def _turn(self) -> None:
        self._was_connected = self._was_connected or self._horizon.connected
        self._publish_state()
        self._stop_if_void()
        self._speed.tell_held()
        if self._speed.slowed or self._horizon.permitted_speed() < 1.0:
            self._tell_that_it_goes_on()
        now_s = time.monotonic()
        if now_s - self._reported_s > REPORT_S:
            self._reported_s = now_s
            if self._diagnostics.get_subscription_count():
                self._diagnostics.publish(self._loop_message())

    def _stop_if_void(self) -> None:
        """Stop on the path when the motion's epoch is over or its controller has ended.

        Then nobody could stop or hold it any more; the next controller goes on from where the arm
        stands.
        """
        if not self._pending or self._void:
            return
        if self._epochs.current() != self._epoch:
            why = f"epoch {self._epoch} is over"
        elif self._controller is not None and not self._controller.alive():
            why = "the cell's controller has ended"
        elif self._epochs.overdue():
            why = "the button that lets it run is no longer held"
        elif (other := self._others.trouble()) is not None:
            why = str(other)
        else:
            return
        self._void = True
        self.get_logger().warning(f"{why} in mid-motion: the arm stops on its path")
        self._horizon.stop()

    def _tell_that_it_goes_on(self) -> None:
        """Whoever waits for a motion that is slowed or held hears of it once a second."""
        now_ns = self.clock.now_ns()
        if 0 <= now_ns - self._told_ns < FEEDBACK_NS:
            return
        self._told_ns = now_ns
        with self._lock:
            goals = list(self._pending.values())
        for goal in goals:  # without positions: those come with the end
            goal.publish_feedback(FollowJointTrajectory.Feedback(joint_names=self._limits.names))

    def _loop_message(self) -> Any:
        report = LoopStatistics(self._horizon.statistics).report()
        values = {
            "cycles": report.cycles,
            "overruns": report.overruns,
            "nominal_us": report.nominal_us,
            "settings": " ".join(report.settings) or "none",
            "path_speed_percent": 100.0 * self._horizon.progress()[1],
            "held_back_by": self._speed.held_back_by or "nobody",
            "permitted_speed_percent": 100.0 * self._horizon.permitted_speed(),
            "arm": self._state_of_arm(),
        }
        for name in ("period", "lateness", "compute"):
            spread = getattr(report, name)
            values |= {f"{name}_p99_us": spread.p99, f"{name}_largest_us": spread.largest}
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if report.overruns else DiagnosticStatus.OK,
            name=f"{self.cell_name}/{self._arm}: servo loop",
            message=f"{report.overruns} of {report.cycles} periods missed",
            hardware_id=self.cell.arms[self._arm].driver_for(simulated=self.simulated).kind,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        return DiagnosticArray(header=Header(stamp=self.stamp()), status=[status])

    def _publish_state(self) -> None:
        measured = self._horizon.measured()
        if measured is None or not self._horizon.connected:
            return
        if not self._states.get_subscription_count():
            return
        self._states.publish(
            JointState(
                header=Header(
                    stamp=self.stamp(measured.time_ns if self.simulated else None),
                    frame_id=base_frame(self.cell_name, self._arm),
                ),
                name=list(self._limits.names),
                position=measured.positions.tolist(),
                velocity=measured.velocities.tolist(),
            )
        )

    # -- action ---------------------------------------------------------------------------------

    def _accept(self, request: Any) -> GoalResponse:
        """Take every goal: what is wrong with it is said in its result, with a code."""
        del request
        self.clock.busy()
        return GoalResponse.ACCEPT

    def _cancel(self, goal: Any) -> CancelResponse:
        del goal
        self._horizon.stop()
        return CancelResponse.ACCEPT

    def _begin(self, goal: Any) -> None:
        """Check a goal as a whole and hand it to the servo."""
        try:
            self._follow(goal)
        except GoalRefusedError as error:
            answer = FollowJointTrajectory.Result(
                error_code=int(error.code), error_string=str(error)
            )
            self.clock.signal()
            goal.abort()
            self._server.finish(goal, answer)
            self.clock.wait_for()

    def _follow(self, goal: Any) -> None:
        request = goal.request
        if request.trajectory.points:  # else only a question whether answers come
            failpoints.reach("arm.goal-taken")
        epoch = self._epochs.current()
        given = read(request.trajectory.header.frame_id)
        if given is not None and given < epoch:
            raise GoalRefusedError(
                GoalCode.VOID,
                f"it was permitted in epoch {given}, which has ended; the cell is in epoch {epoch}",
            )
        measured = self._horizon.measured()
        if measured is None or not self._horizon.connected:
            code = GoalCode.OTHER_ARM if self._only_starts() else GoalCode.DEVICE
            raise GoalRefusedError(code, f"the arm is not there: {self._state_of_arm()}")
        other = self._others.trouble(anew=True)
        if other is not None:
            raise GoalRefusedError(other.code, f"nothing moves in the cell: {other}")
        points = [
            Point(seconds(p.time_from_start), p.positions, p.velocities, p.accelerations)
            for p in request.trajectory.points
        ]
        names = list(request.trajectory.joint_names)
        segments = segments_of(names, points, self._limits, measured.setpoint)
        goal_time = seconds(request.goal_time_tolerance)
        path_tolerance = self._tolerance(request.path_tolerance, 0.0)
        goal_tolerance = self._tolerance(request.goal_tolerance, GOAL_TOLERANCE_RAD)
        with self._lock:
            if self._pending:
                raise GoalRefusedError(GoalCode.INVALID_GOAL, "the arm follows another goal")
            servo = f"{self.cell_name}/{servo_name(self._arm)}"
            signals = self.clock.seq(servo)
            order = self._horizon.follow(
                segments,
                self._limits.of_changes,
                path_tolerance=path_tolerance,
                goal_tolerance=goal_tolerance,
                stopped_velocity=np.full(len(self._limits.names), STOPPED_RAD_S),
                goal_time_tolerance_s=goal_time if goal_time > 0.0 else GOAL_TIME_S,
            )
            self._pending[order] = goal
            self._controller = self._beats.read().get(CONTROLLER)
            self._epoch, self._void = epoch, False
        failpoints.reach("arm.goal-begun")
        self.clock.wait_for({servo: signals})

    def _ended(self, goal: Any, result: Result) -> None:
        """Say how a goal ended; the feedback carries what was measured there."""
        code, told = _CODES[result.outcome], self._describe(result)
        if result.outcome is Outcome.STOPPED and not goal.is_cancel_requested:
            other = self._others.trouble()
            if other is not None:  # whoever stopped it: this is why
                code, told = other.code, f"stopped on the path: {other}"
        answer = FollowJointTrajectory.Result(error_code=int(code), error_string=told)
        failpoints.reach("arm.goal-ended")
        goal.publish_feedback(self._feedback(result))
        self.clock.signal()
        if result.outcome is Outcome.DONE:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        self._server.finish(goal, answer)

    def _only_starts(self) -> bool:
        """Whether this node's servo has not had its arm yet, in a cell of several arms.

        Then the goal's step began while this process was being started again, and its cell asks
        where the arms stand as soon as they are heard.
        """
        return len(self.cell.arms) > 1 and not self._was_connected

    def _state_of_arm(self) -> str:
        """What the servo says of itself; why it has no arm, where it has none."""
        beat = self._beats.read().get(servo_name(self._arm))
        return "its servo has not come yet" if beat is None else beat.state

    def _tell_state(self) -> None:
        """Say at each change whether there is an arm, and what is wrong with it."""
        state = told_state(self._state_of_arm())
        if state != self._told_state:
            self._told_state = state
            self._state.publish(String(data=state))

    def _tolerance(self, given: Any, default: float) -> Any:
        """Per joint (n,): 0 means the default, negative means unlimited (control_msgs)."""
        values = np.full(len(self._limits.names), default)
        for tolerance in given:
            if tolerance.name not in self._limits.names:
                raise GoalRefusedError(
                    GoalCode.INVALID_JOINTS, f"tolerance for unknown joint {tolerance.name!r}"
                )
            index = self._limits.names.index(tolerance.name)
            if tolerance.position > 0.0:
                values[index] = tolerance.position
            elif tolerance.position < 0.0:
                values[index] = np.inf if default else 0.0
        return values

    def _feedback(self, result: Result) -> Any:
        feedback = FollowJointTrajectory.Feedback()
        feedback.joint_names = list(self._limits.names)
        feedback.actual.positions = result.positions.tolist()
        feedback.error.positions = result.error.tolist()
        feedback.desired.positions = (result.positions - result.error).tolist()
        return feedback

    def _describe(self, result: Result) -> str:
        worst = int(np.argmax(np.abs(result.error)))
        name, error = self._limits.names[worst], result.error[worst]
        if result.outcome is Outcome.DONE:
            return ""
        if result.outcome is Outcome.STOPPED:
            return "stopped on the path, as was asked"
        if result.outcome is Outcome.DEVICE_FAULT:
            return "the arm was lost in mid-motion; see the servo's log"
        if result.outcome is Outcome.STALLED:
            return (
                "the arm's controller made no way in mid-motion and was stopped; "
                "see its panel: paused, or its speed at zero?"
            )
        what = "path" if result.outcome is Outcome.PATH_TOLERANCE else "goal"
        return f"{name} is {error:+.4f} rad off, beyond its {what} tolerance; the arm has stopped"


def main() -> None:
    """Entry point of `arm_node`."""
    spin(ArmNode)
