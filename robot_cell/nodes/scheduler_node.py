"""The plant's scheduler: takes batches in, plans, publishes, and leases operations to cells."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, Final

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.msg import CellState, Schedule
from robot_cell_interfaces.srv import CancelJob, CellCommand, GetJobs, GetSchedule, SubmitBatch

from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.execution.presence import CONTROLLER, Presence
from robot_cell.model.packml import Mode, State
from robot_cell.nodes import messages
from robot_cell.nodes.alarm_writer import AlarmWriter
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.leases import NOT_AT_WORK, Leases, Task
from robot_cell.nodes.plan_keeper import PlanKeeper
from robot_cell.nodes.waiting import NoAnswerError
from robot_cell.orders.board import Board
from robot_cell.orders.cell_loss import Interrupted, settle
from robot_cell.orders.dispatching import decide
from robot_cell.orders.intake import orders_from_json
from robot_cell.orders.planning_process import PlanningProcess
from robot_cell.orders.problems import BatchError
from robot_cell.orders.status import job_views
from robot_cell.store import OperationRecord, journal_location, open_journal
from robot_cell.store.accept import allow_order, prioritise_order, revoke_order

_POLL_S: Final = 0.002
_AGAIN_NS: Final = 1_000_000_000
"""When what could not be given to a cell is tried again, plant time."""

_LOOK_EVERY_S: Final = 0.2
"""How often it is looked whether the cells' controllers live, wall time."""

_SHELVING_EVERY: Final = 10
"""Every so many looks it is looked whether alarms have been shelved for long enough."""

PLANT: Final = "plant"
"""Source of alarms that are about no cell."""


class SchedulerNode(PlantNode):
    """Orders in, leases out. All decisions are made in one thread, one after the other."""

    def __init__(self) -> None:
        super().__init__("scheduler", in_cell=False)
        self.declare_parameter("hold_until_batch", False)
        self.declare_parameter("planning_time_s", 10.0)
        self.declare_parameter("seed", 0)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._batches = 0
        self._planning: PlanningProcess | None = None
        self._alarms: AlarmWriter | None = None
        self._stuck = False
        self._closing = False
        self._ending = threading.Event()

    def configure(self) -> None:
        """Open the journal, the links to the cells and the doors."""
        planning = PlanningProcess(
            self.plant,
            time_limit_s=float(self.get_parameter("planning_time_s").value),
            seed=int(self.get_parameter("seed").value),
        )
        self._planning = planning
        self._journal_path = journal_location(self.run_dir)
        self._journal = open_journal(self._journal_path)
        self._board = Board(self.plant, self._journal, self.clock)
        self._presence = Presence(self.run_dir, self.plant.cells)
        self._alarms = AlarmWriter(self, self._journal, PLANT)
        self._schedules = self.create_publisher(Schedule, "/schedule", LATCHED)
        self._leases = Leases(self, self._journal, self._board, self._tasks.put, self._publish)
        self._keeper = PlanKeeper(
            self,
            self._journal,
            self._journal_path,
            self._board,
            planning,
            self._tasks.put,
            self._leases.lost,
            self._publish,
            self._alarms,
        )
        for name in self.plant.cells:
            self.create_subscription(
                CellState,
                f"/{name}/state",
                lambda message, cell=name: self._heard(cell, _for_leases(message)),
                LATCHED,
            )
        self._intake = Node(
            "scheduler_intake", use_global_arguments=False, start_parameter_services=False
        )
        self._intake.create_service(SubmitBatch, "/submit_batch", self._decided(self._submit))
        self._intake.create_service(CancelJob, "/cancel_job", self._decided(self._cancel))
        self._intake.create_service(
            CellCommand, "/prioritise_order", self._decided(self._prioritise)
        )
        self._intake.create_service(CellCommand, "/allow_order", self._decided(self._allow))
        self._intake.create_service(
            CellCommand, "/decide_draft", self._decided(self._keeper.decide_draft)
        )
        self.create_service(GetJobs, "/get_jobs", self._get_jobs)
        self.create_service(GetSchedule, "/get_schedule", self._get_schedule)
        self.start_thread(self._serve, "decisions")
        self.start_thread(self._take_in, "intake")
        self.start_thread(self._look_after_cells, "presence")

    def release(self) -> None:
        """End the decisions and the planning process."""
        self._closing = True
        self._ending.set()
        if self._alarms is not None:
            self._alarms.end()
        self._tasks.put(None)
        if self._planning is not None:
            self._planning.close()

    # -- the one thread that decides ------------------------------------------------------------

    def _decided(self, answer: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """A service whose answer is made by the deciding thread; its caller waits for it."""

        def handle(request: Any, response: Any) -> Any:
            done = threading.Event()

            def task() -> None:
                try:
                    answer(request, response)
                except RobotCellError as error:
                    response.message = str(error)
                finally:
                    done.set()

            self._tasks.put(task)
            done.wait()
            return response

        return handle

    def _take_in(self) -> None:
        """Serve what may take long (planning) in a node and a thread of its own."""
        executor = SingleThreadedExecutor()
        executor.add_node(self._intake)
        while not self._closing and rclpy.ok():
            executor.spin_once(timeout_sec=0.2)

    def _serve(self) -> None:
        self._recover()
        wake_ns: int | None = None
        while True:
            self._let_time_pass(wake_ns)
            if not self._next_tasks(wake_ns):
                return
            try:
                self._leases.act_on_endings()
                wake_ns = self._dispatch()
                self._tell_dispatching("")
            except (RobotCellError, NoAnswerError) as error:
                # What runs goes on; a journal that takes nothing may take it again later.
                self.get_logger().error(f"cannot dispatch: {error}")
                self._tell_dispatching(str(error))
                wake_ns = self.clock.now_ns() + _AGAIN_NS
            self._keeper.improve_if_due()
            for due_ns in (self._leases.next_ending_ns(), self._keeper.improve_at_ns):
                if due_ns is not None:
                    wake_ns = due_ns if wake_ns is None else min(wake_ns, due_ns)

    def _tell_dispatching(self, error: str) -> None:
        """Say at each change whether work can be given to cells."""
        if bool(error) is self._stuck or self._alarms is None:
            return
        self._stuck = bool(error)
        if error:
            self._alarms.raise_("dispatch_failed", "", f"cannot dispatch: {error}")
        else:
            self._alarms.over(("dispatch_failed",))

    def _let_time_pass(self, wake_ns: int | None) -> None:
        if bool(self.get_parameter("hold_until_batch").value) and not self._batches:
            return
        peers = self._leases.peers()
        if wake_ns is None:
            self.clock.wait_for(peers)
        else:
            self.clock.wait_for(peers, until_ns=wake_ns)

    def _next_tasks(self, wake_ns: int | None) -> bool:
        """Wait for something to do and do it; False at the end."""
        while True:
            try:
                task = self._tasks.get(timeout=None if wake_ns is None else _POLL_S)
            except queue.Empty:
                assert wake_ns is not None
                if self.clock.now_ns() < wake_ns:
                    continue
                self.clock.busy()
                return True
            self.clock.busy()
            while True:
                if task is None:
                    return False
                task()
                try:
                    task = self._tasks.get_nowait()
                except queue.Empty:
                    return True

    def _recover(self) -> None:
        """Go on from the journal: what was leased is planned again, what runs is awaited."""
        now_ns = self.clock.now_ns()
        for record in self._journal.operations(status="leased"):
            self._journal.requeue(record.operation_id, "the scheduler was restarted", now_ns)
        self._batches = int(self._keeper.recover())
        self._board.refresh()
        rows = {row.operation_id: row for row in self._keeper.plan.rows}
        for record in self._journal.operations(status="running"):
            row = rows.get(record.operation_id)
            if row is not None:
                self._leases.take_up(row)
                self._leases.look_up(row.cell)  # should it have ended just now
        if self._unplanned():
            self._keeper.replan()
            self._batches = 1
        self._publish()

    def _unplanned(self) -> list[OperationRecord]:
        """Accepted work without a place in the plan: the scheduler ended before it had planned."""
        return [
            record
            for record in self._board.operations.values()
            if record.status == "planned" and record.planned_end_ns is None
        ]

    # -- dispatch -------------------------------------------------------------------------------

    def _heard(self, cell: str, state: State) -> None:
        """A cell has said its state: an idle one may be given work."""
        idle = self._leases.heard(cell, state)
        if self._leases.links[cell].silent and state in NOT_AT_WORK:
            self._tasks.put(self._guarded(self._look_up, cell))
        if idle and self._leases.links[cell].lost:
            self._tasks.put(self._guarded(self._regain, cell))
        elif idle:
            self._tasks.put(lambda: None)

    def _dispatch(self) -> int | None:
        """Start what may start; returns the plant time at which time alone lets more start."""
        idle = self._leases.idle()
        if not idle or not self._keeper.plan.rows:
            return None
        decision = decide(self._keeper.plan.rows, self._board.work(), idle, self.clock.now_ns())
        for row in decision.start:
            self._leases.give(row)
        if decision.start:
            self._publish()
        return decision.wake_ns

    # -- cells come and go ----------------------------------------------------------------------

    def _look_after_cells(self) -> None:
        """See that the cells' controllers live, and that the ends of their work are heard."""
        presence, looks = self._presence, 0
        while not self._ending.wait(_LOOK_EVERY_S):
            looks += 1
            if looks % _SHELVING_EVERY == 0 and self._alarms is not None:
                self._alarms.end_shelving()
            for cell, change in presence.look():
                act = self._lose if change == "lost" else self._restarting
                self._tasks.put(self._guarded(act, cell))
            for cell in self.plant.cells:
                if self._leases.end_missing(cell):
                    self._tasks.put(self._guarded(self._miss_end, cell))

    def _guarded(self, act: Callable[[str], None], cell: str) -> Task:
        """Act on a cell's coming or going; a failure is told, and the rest goes on."""

        def task() -> None:
            try:
                act(cell)
            except RobotCellError as error:
                self.get_logger().error(f"{cell}: {error}")

        return task

    def _lose(self, cell: str) -> None:
        """A cell's controller has ended: what it had is settled, what it was to do is rerouted."""
        now_ns = self.clock.now_ns()
        had = self._leases.lose(cell)
        settled: list[Interrupted] = []
        if had is not None:
            settled.append(settle(self._journal, self.plant, had.operation_id, cell, now_ns))
        data = {"cell": cell, "interrupted": [asdict(one) for one in settled]}
        self._journal.event("scheduler", "cell lost", now_ns, data)
        told = "; ".join(one.message for one in settled) or "it had no work"
        self.get_logger().error(f"{cell} is lost: {told}")
        if self._alarms is not None:
            self._alarms.raise_("cell_lost", "", f"{cell} is lost: {told}", cell)
        self._board.refresh()
        if self._batches:
            self._keeper.repair(f"{cell} was lost")
        self.clock.signal()

    def _restarting(self, cell: str) -> None:
        """A cell's controller has ended and is started again: it goes on from the journal."""
        self._leases.silence(cell)
        self._journal.event("scheduler", "controller ended", self.clock.now_ns(), {"cell": cell})
        text = "its controller has ended and is awaited"
        self.get_logger().warning(f"{cell}: {text}")
        if self._alarms is not None:
            self._alarms.raise_("process_ended", CONTROLLER, text, cell)

    def _look_up(self, cell: str) -> None:
        """See in the journal whether what a silent cell runs is over."""
        if self._leases.look_up(cell):
            self._publish()

    def _miss_end(self, cell: str) -> None:
        """See in the journal what became of work whose end has not come over DDS."""
        if self._leases.miss_end(cell):
            self._publish()

    def _regain(self, cell: str) -> None:
        """A lost cell is idle again: work goes back to it where that is better."""
        if not self._leases.links[cell].lost or not self._presence.present(cell):
            return  # said before it was lost, or heard twice
        self._leases.regain(cell)
        self._journal.event("scheduler", "cell back", self.clock.now_ns(), {"cell": cell})
        self.get_logger().info(f"{cell} is back")
        if self._alarms is not None:
            self._alarms.over(("cell_lost",), None, cell)
        if self._batches:
            self._keeper.repair(f"{cell} is back")
        self.clock.signal()

    def _publish(self) -> None:
        self._schedules.publish(
            messages.schedule(
                self._keeper.plan, self._board, self._keeper.revision, self.clock, self.stamp()
            )
        )

    # -- services -------------------------------------------------------------------------------

    def _submit(self, request: Any, response: Any) -> None:
        try:
            orders = orders_from_json(request.content_json, self.plant, request.source)
        except BatchError as error:
            response.errors = [messages.input_error(problem) for problem in error.problems]
            response.message = str(error)
            return
        self.get_logger().info(f"batch {request.source} of {len(orders)} orders")
        accepted = self._journal.accept_batch(
            orders, request.source, request.submitted_by, self.plant, at_ns=self.clock.now_ns()
        )
        failpoints.reach("scheduler.batch-accepted")
        response.order_ids = list(accepted.new_ids)
        response.already_known = list(accepted.known_ids)
        response.accepted = True
        response.message = f"{len(accepted.new_ids)} orders accepted"
        self._board.refresh()
        if accepted.new_ids:
            self._keeper.replan()
        if not self._batches:
            self._leases.await_cells()
        self._batches += 1

    def _cancel(self, request: Any, response: Any) -> None:
        cancelled = self._journal.cancel_order(
            request.order_id, request.asked_by, request.reason, self.clock.now_ns()
        )
        response.success = True
        response.message = f"{len(cancelled)} operations of {request.order_id} cancelled"
        self._board.refresh()
        if cancelled:
            self._keeper.replan()

    def _allow(self, request: Any, response: Any) -> None:
        """The command is an order's id and whether it may begin, `WO-1007 revoke` or `allow`."""
        order_id, _, word = request.command.strip().rpartition(" ")
        change = {"revoke": revoke_order, "allow": allow_order}.get(word)
        if change is None:
            response.message = f"{request.command!r} is not an order's id and revoke or allow"
            return
        self._journal.change(
            partial(change, order_id=order_id, who=request.asked_by, at_ns=self.clock.now_ns())
        )
        response.success = True
        response.message = f"{order_id} {'may not begin' if word == 'revoke' else 'may begin'}"
        self._board.refresh()
        if self._batches:
            self._keeper.replan()

    def _prioritise(self, request: Any, response: Any) -> None:
        """The command is an order's id and its new priority, `WO-1007 9`."""
        order_id, _, text = request.command.strip().rpartition(" ")
        if not text.isdecimal():
            response.message = f"{request.command!r} is not an order's id and a priority"
            return
        changed = self._journal.change(
            partial(
                prioritise_order,
                order_id=order_id,
                priority=int(text),
                who=request.asked_by,
                at_ns=self.clock.now_ns(),
            )
        )
        response.success = True
        response.message = f"{order_id} has priority {int(text)}"
        self._board.refresh()
        if changed and self._batches:
            self._keeper.replan()

    # Questions are answered by the executor's thread from what the board holds, so that they are
    # answered while a plan is being made.

    def _get_jobs(self, request: Any, response: Any) -> Any:
        start = self.clock.start()
        orders, operations = self._board.asked_for(request.order_ids)
        response.jobs = [
            messages.job_status(view, start) for view in job_views(orders, operations, start)
        ]
        response.now_ns = messages.unix_ns(start, self.clock.now_ns())
        return response

    def _get_schedule(self, request: Any, response: Any) -> Any:
        del request
        response.schedule = messages.schedule(
            self._keeper.plan, self._board, self._keeper.revision, self.clock, self.stamp()
        )
        response.cells = sorted(self.plant.cells)
        return response


def _for_leases(message: Any) -> State:
    """The state of a cell as far as leases go: outside production it takes none, as if stopped."""
    state = State(message.state)
    idle_for_others = state is State.IDLE and message.mode != Mode.PRODUCTION
    return State.STOPPED if idle_for_others else state


def main() -> None:
    """Entry point of `scheduler_node`."""
    spin(SchedulerNode)
