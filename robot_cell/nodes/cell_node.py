"""The cell controller: follows PackML and runs the operations that are leased to it."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from rclpy.action import GoalResponse
from robot_cell_interfaces.action import ExecuteOperation
from robot_cell_interfaces.msg import CellState
from robot_cell_interfaces.srv import CellCommand
from sensor_msgs.msg import JointState

from drivers.clock import FOREVER_NS
from planners.kinematics.arm_description import read_arm
from robot_cell.errors import RobotCellError
from robot_cell.execution.control import CellControl, CommandRefusedError, StoppedError, Transition
from robot_cell.execution.executor import Executor, OperationOutcome
from robot_cell.model import JointPose, MoveStep
from robot_cell.model.packml import COMPLETED, Command, State, parse_command
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.feed_hold import FeedHold
from robot_cell.nodes.ports import ActionArm, ActionFixtures
from robot_cell.programs import CycleLibrary, ProgramKey, StepMotion, plan_home
from robot_cell.programs.geometry import Array, joints_rad
from robot_cell.store import JournalError, open_journal

AT_HOME_RAD: Final = 0.02
AT_REST: Final = (State.STOPPED, State.ABORTED)
NOT_YET_OR_NO_MORE: Final = (
    State.IDLE,
    State.STARTING,
    State.COMPLETING,
    State.COMPLETE,
    State.RESETTING,
)
"""PackML holds a cell in Execute only; here its arm is held, and the cell when it would execute."""

MEASURED_WITHIN_S: Final = 10.0
FEEDBACK_EVERY_S: Final = 0.5
"""The published state tells of every step; the action's feedback only that work goes on."""

_READY_POLL_S: Final = 0.1


@dataclass
class _Running:
    """What the published state says of the operation in work."""

    operation_id: str = ""
    order_id: str = ""
    unit: int = 0
    program: str = ""
    step: int = 0
    steps: int = 0
    label: str = ""


class CellNode(PlantNode):
    """One cell: operations in, steps out."""

    def __init__(self) -> None:
        super().__init__("cell", in_cell=True)
        self.declare_parameter("reset_on_start", True)
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._running = _Running()
        self._token = 0
        self._last_joints: Any = None
        self._listening: Any = None
        self._told_s = 0.0
        self._lock = threading.Lock()

    def configure(self) -> None:
        """Open the journal, the ports and the doors."""
        self._joints = tuple(joint.name for joint in read_arm(self.cell.arm.urdf).joints)
        self._library = CycleLibrary(self.plant)
        self._journal = open_journal(self.run_dir / "journal.db")
        self._states = self.create_publisher(CellState, "state", LATCHED)
        self._control = CellControl(self.cell_name, self._on_change)
        self._arm = ActionArm(self, self.clock, self.cell_name, self._joints, self._control.ending)
        self._fixtures = ActionFixtures(
            self, self.clock, self.cell_name, lambda: self._control.epoch
        )
        self._feed_hold = FeedHold(self, self._on_arm_held)
        self._executor_of_steps = Executor(
            self.cell, self._arm, self._fixtures, self._journal, self.clock, self._control
        )
        self._server = DeferredActionServer(
            self,
            ExecuteOperation,
            "execute_operation",
            begin=self._work.put,
            accept=self._accept,
        )
        self.create_service(CellCommand, "command", self._on_command)
        self._waiting_for_ports = bool(self.get_parameter("reset_on_start").value)
        self.every(_READY_POLL_S, self._check_ports)
        self.start_thread(self._serve, "operations")
        self._publish()
        self.clock.silent_until(FOREVER_NS)
        self.clock.wait_for()

    def release(self) -> None:
        """End the worker; a step in work is left to its devices and asked for at the next start."""
        self._work.put(None)

    # -- state ----------------------------------------------------------------------------------

    def _on_change(self, change: Transition) -> None:
        text = f"{change.before.label} -> {change.after.label}"
        self.get_logger().info(f"{text} {change.message}".rstrip())
        self._publish()

    def _publish(self) -> None:
        running, state = self._running, self._control.state
        message = CellState(
            stamp=self.stamp(),
            cell=self.cell_name,
            state=int(state),
            state_name=state.label,
            operation_id=running.operation_id,
            order_id=running.order_id,
            unit=running.unit,
            program=running.program,
            step=running.step,
            steps=running.steps,
            progress=running.step / running.steps if running.steps else 0.0,
            epoch=self._control.epoch,
            message=self._control.message or running.label,
        )
        with self._lock:
            self._states.publish(message)

    def _on_joints(self, message: Any) -> None:
        self._last_joints = message

    def _measured(self) -> Array | None:
        """Joint positions (n,) in rad as last heard, None before that."""
        message = self._last_joints
        if message is None:
            return None
        by_name = dict(zip(message.name, message.position, strict=True))
        return np.array([by_name[name] for name in self._joints])

    def _listen_while_needed(self) -> None:
        """Hear the joint states while the cell is at rest: they tell how to go home, no more."""
        if self._control.state in AT_REST:
            if self._listening is None:
                self._last_joints = None
                self._listening = self.create_subscription(
                    JointState, "joint_states", self._on_joints, 1
                )
        elif self._listening is not None and self._control.state is not State.RESETTING:
            self.destroy_subscription(self._listening)
            self._listening = None

    def _check_ports(self) -> None:
        """Once the arm and the fixtures are there, become ready by itself (if so configured)."""
        self._listen_while_needed()
        if not self._waiting_for_ports or self._control.state is not State.STOPPED:
            return
        if self._arm.ready and self._fixtures.ready and self._last_joints is not None:
            self._waiting_for_ports = False
            self._ask(Command.RESET, "start-up")

    # -- commands -------------------------------------------------------------------------------

    def _on_command(self, request: Any, response: Any) -> Any:
        command = parse_command(request.command)
        if command is None:
            names = ", ".join(c.name.lower() for c in Command)
            response.message = f"unknown command {request.command!r}; there are: {names}"
        else:
            stopping = command in (Command.STOP, Command.ABORT)
            try:
                if stopping:
                    self._arm.stop()
                who = f"{command.label} by {request.asked_by or 'nobody named'}"
                if command in (Command.HOLD, Command.UNHOLD):
                    response.message = self._hold(command, who)
                else:
                    self._ask(command, who)
                response.success = True
                if command is Command.RESET:  # its way home is not to wait for an old hold
                    self._feed_hold.ask(False)
                if stopping:  # one that began before the cell's state forbade it
                    self._arm.stop()
            except CommandRefusedError as error:
                response.message = str(error)
            asked = self._journal.command(
                request.asked_by, command.name.lower(), self.cell_name, self.clock.now_ns()
            )
            outcome = "obeyed" if response.success else response.message
            self._journal.command_outcome(asked, outcome, self.clock.now_ns())
        response.state_name = self._control.state.label
        return response

    def _ask(self, command: Command, message: str) -> None:
        """Obey a command; an acting state without an operation in work is completed at once."""
        acting = self._control.command(command, message)
        if acting is State.RESETTING:
            self._work.put("reset")
        elif acting in COMPLETED and not self._running.operation_id:
            self._control.completed(acting)

    # -- hold -----------------------------------------------------------------------------------

    def _hold(self, command: Command, message: str) -> str:
        """Hold the arm on its path, or let it go on, and with it the cell; what else to say.

        Raises:
            CommandRefusedError: neither applies in the cell's state.
        """
        on = command is Command.HOLD
        try:
            self._control.command(command, message)
        except CommandRefusedError:
            if self._control.state not in NOT_YET_OR_NO_MORE:
                raise
            self._feed_hold.ask(on)
            return f"the arm {'is held' if on else 'goes on'}; the cell is not in Execute"
        if not on and not self._feed_hold.held:  # held between steps, or by an arm that cannot hold
            self._control.completed(State.UNHOLDING)
        self._feed_hold.ask(on)
        return ""

    def _on_arm_held(self, held: bool) -> None:
        """The arm stands held, or no longer: so does the cell, whoever asked for it.

        While a fixture works the cell is Holding until that step has ended.
        """
        control, why = self._control, "feed hold of the arm"
        with contextlib.suppress(CommandRefusedError):  # the state has changed meanwhile
            if held and control.state is State.EXECUTE:
                control.command(Command.HOLD, why)
            if held and self._moves():
                control.completed(State.HOLDING)
            if not held and control.message == why:
                control.completed(State.HOLDING)
                control.command(Command.UNHOLD, why)
            if not held:
                control.completed(State.UNHOLDING)

    def _moves(self) -> bool:
        """Whether the step in work is a motion."""
        running = self._running
        if not running.program or not running.step:
            return False
        return isinstance(self.cell.programs[running.program].steps[running.step - 1], MoveStep)

    # -- operations -----------------------------------------------------------------------------

    def _accept(self, request: Any) -> GoalResponse:
        if not request.operation_id:
            return GoalResponse.REJECT  # a scheduler that only asks whether answers come
        if request.token <= self._token:
            self.get_logger().warning(
                f"{request.operation_id}: token {request.token} is not newer than {self._token}"
            )
            return GoalResponse.REJECT
        if self._control.state is not State.IDLE or self._running.operation_id:
            return GoalResponse.REJECT
        self.clock.busy()
        self.clock.silent_until(0)
        self._token = request.token
        return GoalResponse.ACCEPT

    def _serve(self) -> None:
        """The worker: operations and resets, one after the other."""
        while (item := self._work.get()) is not None:
            if item == "reset":
                self.clock.busy()
                self._reset()
            else:
                answer = self._run(item)
                self.clock.speak()
                self.clock.signal()
                self.clock.silent_until(FOREVER_NS)
                if answer.success:
                    item.succeed()
                else:
                    item.abort()
                self._server.finish(item, answer)
            self.clock.wait_for()

    def _run(self, goal: Any) -> Any:
        request = goal.request
        steps = len(self.cell.programs[request.program].steps)
        self._running = _Running(
            request.operation_id, request.order_id, request.unit, request.program, steps=steps
        )
        started_ns = self.clock.now_ns()
        try:
            outcome = self._run_program(goal, started_ns)
        except Exception as error:  # the door of the worker: whatever it is, the cell is not well
            self.get_logger().error(f"{request.operation_id}: {type(error).__name__}: {error}")
            outcome = OperationOutcome("failed", f"{type(error).__name__}: {error}")
        ended_ns = self.clock.now_ns()
        self._record_end(request, outcome, ended_ns)
        self._running = _Running()
        self._settle(outcome)
        return ExecuteOperation.Result(
            success=outcome.status == "complete",
            status=outcome.status,
            message=outcome.message,
            started_ns=started_ns,
            ended_ns=ended_ns,
            joint_error_rad=outcome.joint_error_rad,
            end_positions=[q for positions in outcome.end_positions_rad for q in positions],
            dof=len(self._joints),
        )

    def _record_end(self, request: Any, outcome: OperationOutcome, ended_ns: int) -> None:
        try:
            self._journal.end_operation(
                request.operation_id,
                outcome.status,
                ended_ns,
                outcome.message,
                outcome.joint_error_rad,
                outcome.end_positions_rad,
                token=request.token,
            )
        except JournalError as error:
            self.get_logger().error(f"{request.operation_id}: {error}")

    def _run_program(self, goal: Any, started_ns: int) -> OperationOutcome:
        request = goal.request
        key = ProgramKey(self.cell_name, request.program, request.product)
        self._control.command(Command.START)
        self._journal.begin_operation(
            request.operation_id, self.cell_name, request.token, started_ns
        )
        self._library.ensure([key])
        cycle = self._library.find(key)
        assert cycle is not None
        self._control.completed(State.STARTING)
        if self._feed_hold.held:
            self._on_arm_held(True)

        def on_step(index: int, label: str) -> None:
            self._running.step, self._running.label = index + 1, label
            self.executor.create_task(self._publish)  # while the journal makes the intent durable
            now_s = time.monotonic()
            if now_s - self._told_s > FEEDBACK_EVERY_S:
                self._told_s = now_s
                feedback = ExecuteOperation.Feedback(
                    step=index + 1,
                    steps=self._running.steps,
                    label=label,
                    progress=index / self._running.steps,
                )
                goal.publish_feedback(feedback)

        return self._executor_of_steps.run(request.operation_id, request.product, cycle, on_step)

    def _settle(self, outcome: OperationOutcome) -> None:
        """After an operation: Complete and back to Idle, or Aborted, or where a stop leads."""
        if outcome.status == "complete":
            with contextlib.suppress(StoppedError):  # held in its last step
                self._control.checkpoint(self.clock.wait_for, self.clock.busy)
        if self._control.ending():
            self._control.completed(self._control.state)
        elif outcome.status == "complete":
            self._control.command(Command.COMPLETE)
            self._control.completed(State.COMPLETING)
            self._control.command(Command.RESET)
            self._control.completed(State.RESETTING)
        else:
            self._control.command(Command.ABORT, outcome.message)
            self._control.completed(State.ABORTING)

    def _reset(self) -> None:
        """Bring the arm home from where it was measured; then the cell is idle."""
        home = self.cell.poses[self.cell.arm.home]
        assert isinstance(home, JointPose)
        try:
            deadline_s = time.monotonic() + MEASURED_WITHIN_S
            while (measured := self._measured()) is None and time.monotonic() < deadline_s:
                time.sleep(_READY_POLL_S)
            if measured is None:
                raise RobotCellError("the arm's position has not been measured")
            if np.max(np.abs(measured - joints_rad(home))) > AT_HOME_RAD:
                motion = plan_home(self.cell_name, self.cell, tuple(measured))
                self._move_home(motion)
        except RobotCellError as error:
            if self._control.state is State.RESETTING:
                self._control.command(Command.STOP, f"reset failed: {error}")
                self._control.completed(State.STOPPING)
            return
        self._control.completed(State.RESETTING)

    def _move_home(self, motion: StepMotion) -> None:
        ended = self._arm.follow(motion)
        if not ended.ok:
            raise RobotCellError(ended.message)


def main() -> None:
    """Entry point of `cell_node`."""
    spin(CellNode)
