"""The worker of a cell: runs the operations that are leased to it, and resets it.

Both happen in one thread, one after the other. What a lease brings is checked at the door; what was
begun before this process, or before a fault, is found in the journal and gone on with.
"""

from __future__ import annotations

import contextlib
import queue
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from rclpy.action import GoalResponse
from robot_cell_interfaces.action import ExecuteOperation

from drivers.clock import FOREVER_NS
from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.execution.begun import Order, TakenBackError, begun_operation
from robot_cell.execution.control import CellControl, StoppedError
from robot_cell.execution.executor import Executor, OperationOutcome
from robot_cell.execution.operation import BrokenOffError
from robot_cell.execution.ports import Alarming
from robot_cell.model.packml import Command, Mode, State
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.cell_reset import CellReset
from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.in_work import Hand, InWork
from robot_cell.nodes.joint_listener import JointListener
from robot_cell.programs import CycleLibrary, ProgramKey
from robot_cell.store import Journal, JournalError, StaleToken, WrongStatus
from robot_cell.store.leasing import CellGate

FEEDBACK_EVERY_S: Final = 0.5
"""The published state tells of every step; the action's feedback only that work goes on."""


class CellOperations:
    """Leases and resets in, steps out.

    Args:
        ready: makes the cell ready for a program at a reset.
        listeners: of the cell's arms, by name.
        hand: what is in work is put there.
        publish: tells of it; called in the ROS executor's thread.
        on_execute: called once the cell is in Execute.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        control: CellControl,
        executor: Executor,
        ready: CellReset,
        listeners: Mapping[str, JointListener],
        hand: Hand,
        alarms: Alarming,
        *,
        publish: Callable[[], None],
        on_execute: Callable[[], None],
    ) -> None:
        self._node = node
        self._journal = journal
        self._control = control
        self._executor = executor
        self._ready = ready
        self._listeners = listeners
        self._hand = hand
        self._alarms = alarms
        self._publish = publish
        self._on_execute = on_execute
        self._library = CycleLibrary(node.plant)
        self._gate = CellGate()
        self._told_s = 0.0
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._server = DeferredActionServer(
            node,
            ExecuteOperation,
            "execute_operation",
            begin=self._work.put,
            accept=self._accept,
        )

    def reset(self) -> None:
        """Have the cell reset, after what is in work; does not wait."""
        self._work.put("reset")

    def do(self, work: Callable[[], None]) -> None:
        """Have something else done, after what is in work; it sees to the clock by itself."""
        self._work.put(work)

    def end(self) -> None:
        """End the worker; a step in work is left to its devices and asked for at the next start."""
        self._work.put(None)

    def serve(self) -> None:
        """The worker: operations and resets, one after the other."""
        while (item := self._work.get()) is not None:
            if callable(item):
                item()
                continue
            if item == "reset":
                self._node.clock.busy()
                self._reset()
            else:
                self._run_leased(item)
            self._node.clock.wait_for()

    def _accept(self, request: Any) -> GoalResponse:
        if not request.operation_id:
            return GoalResponse.REJECT  # a scheduler that only asks whether answers come
        if self._control.mode is not Mode.PRODUCTION:
            return GoalResponse.REJECT
        if self._control.state is not State.IDLE or self._hand.now.operation_id:
            return GoalResponse.REJECT
        refusal = self._gate.refusal(request.token, request.deadline_ns, self._node.clock.now_ns())
        if refusal:
            self._node.get_logger().warning(f"{request.operation_id}: {refusal}")
            return GoalResponse.REJECT
        self._node.clock.busy()
        self._node.clock.silent_until(0)
        return GoalResponse.ACCEPT

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
            self._node.clock.now_ns(),
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
        self._node.clock.speak()
        self._node.clock.signal()
        self._node.clock.silent_until(FOREVER_NS)

    def _run(self, order: Order, tell: Callable[[Any], None]) -> Any:
        self._hand.now = InWork(
            order.operation_id,
            order.order_id,
            order.unit,
            order.program,
            steps=len(self._node.cell.programs[order.program].steps),
        )
        broken = ""
        try:
            outcome = self._run_program(order, tell)
        except TakenBackError as error:  # nothing of it was done, and the cell is well
            self._node.get_logger().warning(str(error))
            outcome = OperationOutcome("cancelled", str(error))
        except BrokenOffError as error:
            broken = str(error)
            outcome = OperationOutcome("failed", broken)
        except Exception as error:  # whatever it is: the journal knows how far it came
            broken = f"{type(error).__name__}: {error}"
            self._node.get_logger().error(
                f"{order.operation_id}: {broken}\n{traceback.format_exc()}"
            )
            outcome = OperationOutcome("failed", broken)
        ended_ns = self._node.clock.now_ns()
        if not broken and outcome.status != "cancelled":
            broken = self._record_end(order, outcome, ended_ns)
        if broken:
            # It is not over: the journal has it running, and a reset goes on with it.
            outcome = replace(outcome, status="uncertain", message=f"broken off: {broken}")
        failpoints.reach("cell.operation-ended")
        self._hand.now = InWork()
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
            dof=self._dof(),
        )

    def _dof(self) -> int:
        """Joints of each motion that is told of; 0 where the cell's arms differ in that."""
        counts = {len(heard.names) for heard in self._listeners.values()}
        return counts.pop() if len(counts) == 1 else 0

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
            self._node.get_logger().error(f"{order.operation_id}: {error}")  # it is no longer ours
        except JournalError as error:
            return str(error)
        return ""

    def _run_program(self, order: Order, tell: Callable[[Any], None]) -> OperationOutcome:
        key = ProgramKey(self._node.cell_name, order.program, order.product)
        self._control.command(Command.START)
        try:
            self._journal.begin_operation(
                order.operation_id, self._node.cell_name, order.token, order.started_ns
            )
        except (StaleToken, WrongStatus) as error:
            raise TakenBackError(str(error)) from error
        failpoints.reach("cell.operation-begun")
        self._library.ensure([key])
        cycle = self._library.find(key)
        assert cycle is not None
        self._control.completed(State.STARTING)
        self._on_execute()

        def on_step(index: int, label: str) -> None:
            self._hand.now = replace(self._hand.now, step=index + 1, label=label)
            self._node.executor.create_task(
                self._publish
            )  # while the journal makes the intent durable
            now_s = time.monotonic()
            if now_s - self._told_s > FEEDBACK_EVERY_S:
                self._told_s = now_s
                feedback = ExecuteOperation.Feedback(
                    step=index + 1,
                    steps=self._hand.now.steps,
                    label=label,
                    progress=index / self._hand.now.steps,
                )
                tell(feedback)

        return self._executor.run(
            order.operation_id, order.product, cycle, on_step, order.begun, order.by_hand
        )

    def _settle(self, outcome: OperationOutcome) -> None:
        """After an operation: Complete and back to Idle, or Aborted, or where a stop leads."""
        if outcome.status == "complete":
            with contextlib.suppress(StoppedError):  # held in its last step
                self._control.checkpoint(self._node.clock.wait_for, self._node.clock.busy)
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
        """Go on with what the journal has begun; else bring the arms home, and the cell is idle."""
        epoch = self._control.epoch
        if self._control.state is not State.RESETTING:
            return  # stopped meanwhile; one that is stopped from now on is so in a later epoch
        order = begun_operation(self._journal, self._node.cell_name)
        if order is not None and self._control.mode is not Mode.PRODUCTION:
            self._give_up_reset(f"{order.operation_id} is begun; go over to production first")
            return
        if order is not None:
            self._go_on(order)
            return
        try:
            self._ready.make_ready(epoch)
        except RobotCellError as error:
            self._give_up_reset(str(error))
            return
        self._control.completed(State.RESETTING)

    def _give_up_reset(self, why: str) -> None:
        """Stop instead, unless a person has done so already."""
        if self._control.state is State.RESETTING:
            self._alarms.raise_("reset_failed", "", f"reset failed: {why}")
            self._control.command(Command.STOP, f"reset failed: {why}")
            self._control.completed(State.STOPPING)

    def _go_on(self, order: Order) -> None:
        """Run the rest of an operation that was begun before this process, or before a fault."""
        self._gate.token = max(self._gate.token, order.token)
        self._node.get_logger().warning(
            f"goes on with {order.operation_id} behind {len(order.begun)} steps in the journal"
        )
        if not self._control.completed(State.RESETTING):
            return
        self._node.clock.silent_until(0)
        self._journal.event(
            self._node.cell_name,
            "operation taken up",
            self._node.clock.now_ns(),
            {"operation_id": order.operation_id, "steps": len(order.begun)},
        )
        self._run(order, lambda _: None)
