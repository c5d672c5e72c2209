"""The cell controller: follows PackML and runs the operations that are leased to it."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from rclpy.action import GoalResponse
from robot_cell_interfaces.action import ExecuteOperation
from robot_cell_interfaces.msg import CellState
from robot_cell_interfaces.srv import CellCommand

from drivers.clock import FOREVER_NS
from planners.kinematics.arm_description import read_arm
from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.execution.asking import RECOVERIES, Recovery
from robot_cell.execution.begun import Order, TakenBackError, begun_operation
from robot_cell.execution.control import CellControl, CommandRefusedError, StoppedError, Transition
from robot_cell.execution.epoch import EpochPage
from robot_cell.execution.executor import Executor, OperationOutcome
from robot_cell.execution.verdicts import (
    VerdictRefusedError,
    Verdicts,
    read_word,
    record_word,
)
from robot_cell.model import JointPose, MoveStep
from robot_cell.model.packml import COMPLETED, Command, State, parse_command
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.feed_hold import FeedHold
from robot_cell.nodes.joint_listener import JointListener
from robot_cell.nodes.ports import ActionArm, ActionFixtures
from robot_cell.programs import (
    CycleLibrary,
    ProgramCycle,
    ProgramKey,
    StepMotion,
    plan_home,
    plan_rest,
)
from robot_cell.programs.geometry import joints_rad
from robot_cell.store import (
    JournalError,
    StaleToken,
    WrongStatus,
    journal_location,
    open_journal,
)
from robot_cell.store.leasing import CellGate

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
_STOPS: Final = ("stop", "abort")
_STOPS_AND_STARTS: Final = (*_STOPS, "reset")

RECOVERY_VARIABLE: Final = "ROBOT_CELL_RECOVERY"
"""Set by the fault tests alone, to see that they catch a wrong recovery."""


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
        self._gate = CellGate()
        self._told_s = 0.0
        self._lock = threading.Lock()

    def configure(self) -> None:
        """Open the journal, the ports and the doors."""
        self._joints = tuple(joint.name for joint in read_arm(self.cell.arm.urdf).joints)
        self._library = CycleLibrary(self.plant)
        self._journal = open_journal(journal_location(self.run_dir))
        self._states = self.create_publisher(CellState, "state", LATCHED)
        self._epochs = EpochPage(self.run_dir, self.cell_name)
        self._epochs.enter(self._epochs.current() + 1)  # what an earlier controller asked is void
        self._control = CellControl(self.cell_name, self._on_change, epoch=self._epochs.current())
        self._listener = JointListener(self, self._joints)
        self._arm = ActionArm(
            self, self.clock, self.cell_name, self._listener, self._control.ending
        )
        self._fixtures = ActionFixtures(
            self, self.clock, self.cell_name, lambda: self._control.epoch
        )
        self._verdicts = Verdicts()
        self._feed_hold = FeedHold(self, self._on_arm_held)
        self._executor_of_steps = Executor(
            self.cell,
            self._arm,
            self._fixtures,
            self._journal,
            self.clock,
            self._control,
            self._plan_rest,
            self._verdicts,
            self._recovery(),
        )
        self._server = DeferredActionServer(
            self,
            ExecuteOperation,
            "execute_operation",
            begin=self._work.put,
            accept=self._accept,
        )
        self.create_service(CellCommand, "command", self._on_command)
        self.create_service(CellCommand, "resolve_step", self._on_resolve)
        self._waiting_for_ports = self._may_start_by_itself()
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
        self._epochs.enter(change.epoch)
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

    def _may_start_by_itself(self) -> bool:
        """Whether nothing forbids it: a cell that a person has stopped waits for a person."""
        if not bool(self.get_parameter("reset_on_start").value):
            return False
        last = self._journal.last_command(self.cell_name, _STOPS_AND_STARTS)
        if last is None or last.what not in _STOPS:
            return True
        self.get_logger().warning(
            f"{last.who or 'somebody'} gave {last.what} and nobody a reset since: it stays Stopped"
        )
        return False

    def _recovery(self) -> Recovery:
        asked = os.environ.get(RECOVERY_VARIABLE, "ask")
        for recovery in RECOVERIES:
            if recovery == asked:
                if recovery != "ask":
                    self.get_logger().error(f"{RECOVERY_VARIABLE}={asked}: wrong on purpose")
                return recovery
        raise RobotCellError(f"{RECOVERY_VARIABLE}={asked!r} is none of {', '.join(RECOVERIES)}")

    def _plan_rest(
        self, cycle: ProgramCycle, index: int, measured_rad: tuple[float, ...], *, holding: bool
    ) -> StepMotion:
        product = self.plant.products[cycle.product]
        self.get_logger().info(f"step {index + 1}: the rest is planned from where the arm stands")
        return plan_rest(
            self.cell_name, self.cell, product, cycle, index, measured_rad, holding=holding
        )

    def _check_ports(self) -> None:
        """Once the arm and the fixtures are there, become ready by itself (if so configured)."""
        self._listener.turn(self._control.state in (*AT_REST, State.RESETTING))
        if not self._waiting_for_ports or self._control.state is not State.STOPPED:
            return
        if self._arm.ready and self._fixtures.ready and self._listener.measured() is not None:
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

    def _on_resolve(self, request: Any, response: Any) -> Any:
        """A person says what became of an uncertain step: `STEP done|redo|abort`."""
        try:
            word = read_word(request.command, request.asked_by)
            self._verdicts.check(word.step_id)
            if self._control.state is not State.HELD:
                raise VerdictRefusedError(f"the cell is {self._control.state.label}, not yet Held")
            record_word(self._journal, word, self.clock.now_ns())
            failpoints.reach("cell.step-resolved")
            self._verdicts.give(word)
            self._ask(Command.UNHOLD, str(word))
            response.success, response.message = True, str(word)
        except (VerdictRefusedError, CommandRefusedError, JournalError) as error:
            response.message = str(error)
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
        if self._control.state is not State.IDLE or self._running.operation_id:
            return GoalResponse.REJECT
        refusal = self._gate.refusal(request.token, request.deadline_ns, self.clock.now_ns())
        if refusal:
            self.get_logger().warning(f"{request.operation_id}: {refusal}")
            return GoalResponse.REJECT
        self.clock.busy()
        self.clock.silent_until(0)
        return GoalResponse.ACCEPT

    def _serve(self) -> None:
        """The worker: operations and resets, one after the other."""
        while (item := self._work.get()) is not None:
            if item == "reset":
                self.clock.busy()
                self._reset()
            else:
                self._run_leased(item)
            self.clock.wait_for()

    def _run_leased(self, goal: Any) -> None:
        request = goal.request
        failpoints.reach("cell.lease-heard")
        order = Order(
            request.operation_id,
            request.order_id,
            request.unit,
            request.program,
            request.product,
            request.token,
            self.clock.now_ns(),
        )
        answer = self._run(order, goal.publish_feedback)
        self._tell()
        if answer.success:
            goal.succeed()
        else:
            goal.abort()
        self._server.finish(goal, answer)

    def _tell(self) -> None:
        """Whoever waits for the operation in work has something to do."""
        self.clock.speak()
        self.clock.signal()
        self.clock.silent_until(FOREVER_NS)

    def _run(self, order: Order, tell: Callable[[Any], None]) -> Any:
        steps = len(self.cell.programs[order.program].steps)
        self._running = _Running(
            order.operation_id, order.order_id, order.unit, order.program, steps=steps
        )
        broken = ""
        try:
            outcome = self._run_program(order, tell)
        except TakenBackError as error:  # nothing of it was done, and the cell is well
            self.get_logger().warning(str(error))
            outcome = OperationOutcome("cancelled", str(error))
        except Exception as error:  # whatever it is: the journal knows how far it came
            broken = f"{type(error).__name__}: {error}"
            self.get_logger().error(f"{order.operation_id}: {broken}\n{traceback.format_exc()}")
            outcome = OperationOutcome("failed", broken)
        ended_ns = self.clock.now_ns()
        if not broken and outcome.status != "cancelled":
            broken = self._record_end(order, outcome, ended_ns)
        if broken:
            # It is not over: the journal has it running, and a reset goes on with it.
            outcome = replace(outcome, status="uncertain", message=f"broken off: {broken}")
        failpoints.reach("cell.operation-ended")
        self._running = _Running()
        if order.taken_up:
            # No goal's result tells the scheduler, but the state that follows: the signal has to
            # come before it, or it would be taken for that of the next operation.
            self._tell()
        self._settle(outcome)
        return ExecuteOperation.Result(
            success=outcome.status == "complete",
            status="interrupted" if broken else outcome.status,
            message=outcome.message,
            started_ns=order.started_ns,
            ended_ns=ended_ns,
            joint_error_rad=outcome.joint_error_rad,
            end_positions=[q for positions in outcome.end_positions_rad for q in positions],
            dof=len(self._joints),
        )

    def _record_end(self, order: Order, outcome: OperationOutcome, ended_ns: int) -> str:
        """Write an operation's end; says why not."""
        try:
            self._journal.end_operation(
                order.operation_id,
                outcome.status,
                ended_ns,
                outcome.message,
                outcome.joint_error_rad,
                outcome.end_positions_rad,
                token=order.token,
            )
        except (StaleToken, WrongStatus) as error:
            self.get_logger().error(f"{order.operation_id}: {error}")  # it is no longer ours
        except JournalError as error:
            return str(error)
        return ""

    def _run_program(self, order: Order, tell: Callable[[Any], None]) -> OperationOutcome:
        key = ProgramKey(self.cell_name, order.program, order.product)
        self._control.command(Command.START)
        try:
            self._journal.begin_operation(
                order.operation_id, self.cell_name, order.token, order.started_ns
            )
        except (StaleToken, WrongStatus) as error:
            raise TakenBackError(str(error)) from error
        failpoints.reach("cell.operation-begun")
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
                tell(feedback)

        return self._executor_of_steps.run(
            order.operation_id, order.product, cycle, on_step, order.begun
        )

    def _settle(self, outcome: OperationOutcome) -> None:
        """After an operation: Complete and back to Idle, or Aborted, or where a stop leads."""
        if outcome.status == "complete":
            with contextlib.suppress(StoppedError):  # held in its last step
                self._control.checkpoint(self.clock.wait_for, self.clock.busy)
        if self._control.ending():
            self._control.completed(self._control.state)
        elif outcome.status == "cancelled":
            self._control.command(Command.STOP, outcome.message)
            self._control.completed(State.STOPPING)
            self._control.command(Command.RESET)
            self._control.completed(State.RESETTING)
        elif outcome.status == "complete":
            self._control.command(Command.COMPLETE)
            self._control.completed(State.COMPLETING)
            self._control.command(Command.RESET)
            self._control.completed(State.RESETTING)
        else:
            self._control.command(Command.ABORT, outcome.message)
            self._control.completed(State.ABORTING)

    def _reset(self) -> None:
        """Go on with what the journal has begun; else bring the arm home, and the cell is idle."""
        order = begun_operation(self._journal, self.cell_name)
        if order is not None:
            self._go_on(order)
            return
        home = self.cell.poses[self.cell.arm.home]
        assert isinstance(home, JointPose)
        try:
            deadline_s = time.monotonic() + MEASURED_WITHIN_S
            while (measured := self._listener.measured()) is None and time.monotonic() < deadline_s:
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

    def _go_on(self, order: Order) -> None:
        """Run the rest of an operation that was begun before this process, or before a fault."""
        self._gate.token = max(self._gate.token, order.token)
        self.get_logger().warning(
            f"goes on with {order.operation_id} behind {len(order.begun)} steps in the journal"
        )
        if not self._control.completed(State.RESETTING):
            return
        self.clock.silent_until(0)
        self._journal.event(
            self.cell_name,
            "operation taken up",
            self.clock.now_ns(),
            {"operation_id": order.operation_id, "steps": len(order.begun)},
        )
        self._run(order, lambda _: None)

    def _move_home(self, motion: StepMotion) -> None:
        ended = self._arm.follow(motion)
        if not ended.ok:
            raise RobotCellError(ended.message)


def main() -> None:
    """Entry point of `cell_node`."""
    spin(CellNode)
