"""The plant's scheduler: takes batches in, plans, publishes, and leases operations to cells."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future as PoolFuture
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.action import ExecuteOperation
from robot_cell_interfaces.msg import CellState, Schedule
from robot_cell_interfaces.srv import CancelJob, GetJobs, GetSchedule, SubmitBatch

from robot_cell.errors import RobotCellError
from robot_cell.model import PlannedOperation
from robot_cell.model.packml import State
from robot_cell.nodes import messages
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.goal_call import GoalCall
from robot_cell.nodes.waiting import NoAnswerError, await_now
from robot_cell.orders.board import Board
from robot_cell.orders.dispatching import decide
from robot_cell.orders.intake import orders_from_json
from robot_cell.orders.planning_job import Plan, make_plan, prepare
from robot_cell.orders.problems import BatchError
from robot_cell.orders.status import job_views
from robot_cell.store import open_journal

_POLL_S: Final = 0.002
_LOOK_S: Final = 0.1
_CELLS_S: Final = 5.0
"""How long the first batch waits for cells that have not said that they are ready, wall time."""

_WORKING: Final = (
    State.IDLE,
    State.STARTING,
    State.EXECUTE,
    State.COMPLETING,
    State.COMPLETE,
    State.RESETTING,
)

Task = Callable[[], None]


@dataclass(frozen=True, order=True)
class _Ended:
    """The end of an operation, to be acted upon from an instant on: in the order of the plant."""

    effective_ns: int
    ended_ns: int
    operation_id: str
    act: Task = field(compare=False)


@dataclass
class _CellLink:
    """A cell as the scheduler sees it.

    Attributes:
        heard: the state that it said last; a working cell may be idle before it has said so.
        said: how often it has said one.
        doubted: `said` when it was found out to be wrong; from the next word on it is believed.
    """

    client: ActionClient
    heard: State | None = None
    said: int = 0
    doubted: int = 0
    running: PlannedOperation | None = None
    signals: int = 0

    @property
    def willing(self) -> bool:
        """Whether it would take work, as far as is known, once it has none."""
        return self.heard in _WORKING and self.said > self.doubted

    @property
    def available(self) -> bool:
        """Whether it is willing, and a goal would arrive.

        The state comes on a topic of its own. A goal that is sent before both ends of its own link
        know each other is lost without a word.
        """
        return self.willing and bool(self.client.server_is_ready())


class SchedulerNode(PlantNode):
    """Orders in, leases out. All decisions are made in one thread, one after the other."""

    def __init__(self) -> None:
        super().__init__("scheduler", in_cell=False)
        self.declare_parameter("hold_until_batch", False)
        self.declare_parameter("planning_time_s", 10.0)
        self.declare_parameter("seed", 0)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._endings: list[_Ended] = []
        self._links: dict[str, _CellLink] = {}
        self._plan = Plan.empty()
        self._revision = 0
        self._batches = 0
        self._pool: ProcessPoolExecutor | None = None
        self._closing = False

    def configure(self) -> None:
        """Open the journal, the links to the cells and the doors."""
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("forkserver"))
        self._prepared: PoolFuture[None] = self._pool.submit(prepare, self.plant)
        self._journal_path = self.run_dir / "journal.db"
        self._journal = open_journal(self._journal_path)
        self._board = Board(self.plant, self._journal)
        self._schedules = self.create_publisher(Schedule, "/schedule", LATCHED)
        for name in self.plant.cells:
            client = ActionClient(self, ExecuteOperation, f"/{name}/execute_operation")
            self._links[name] = _CellLink(client)
            self.create_subscription(
                CellState,
                f"/{name}/state",
                lambda message, cell=name: self._heard(cell, State(message.state)),
                LATCHED,
            )
        self._intake = Node(
            "scheduler_intake", use_global_arguments=False, start_parameter_services=False
        )
        self._intake.create_service(SubmitBatch, "/submit_batch", self._decided(self._submit))
        self._intake.create_service(CancelJob, "/cancel_job", self._decided(self._cancel))
        self.create_service(GetJobs, "/get_jobs", self._get_jobs)
        self.create_service(GetSchedule, "/get_schedule", self._get_schedule)
        self.start_thread(self._serve, "decisions")
        self.start_thread(self._take_in, "intake")

    def release(self) -> None:
        """End the decisions and the planning process."""
        self._closing = True
        self._tasks.put(None)
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

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
            self._act_on_endings()
            try:
                wake_ns = self._dispatch()
            except (RobotCellError, NoAnswerError) as error:
                self.get_logger().error(f"cannot dispatch: {error}")
            if self._endings:
                effective_ns = self._endings[0].effective_ns
                wake_ns = effective_ns if wake_ns is None else min(wake_ns, effective_ns)

    def _act_on_endings(self) -> None:
        """Act upon the operations whose end takes effect by now, the first to end first."""
        now_ns = self.clock.now_ns()
        while self._endings and self._endings[0].effective_ns <= now_ns:
            heapq.heappop(self._endings).act()

    def _let_time_pass(self, wake_ns: int | None) -> None:
        if bool(self.get_parameter("hold_until_batch").value) and not self._batches:
            return
        peers = {
            f"{name}/cell": link.signals
            for name, link in self._links.items()
            if link.running is not None
        }
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
        """Plan again what was leased when the scheduler ended; what ran is a person's to say."""
        now_ns = self.clock.now_ns()
        for record in self._journal.operations(status="leased"):
            self._journal.requeue(record.operation_id, "the scheduler was restarted", now_ns)
        published = self._journal.schedule()
        if published is not None:
            self._batches = 1
            self._revision = published.revision
            self._plan = Plan(published.rows, published.engine)
        self._board.refresh()
        self._publish()

    # -- dispatch -------------------------------------------------------------------------------

    def _heard(self, cell: str, state: State) -> None:
        """A cell has said its state: an idle one may be given work."""
        link = self._links[cell]
        link.heard = state
        link.said += 1
        if state is State.IDLE and link.running is None:
            self._tasks.put(lambda: None)

    def _dispatch(self) -> int | None:
        """Start what may start; returns the plant time at which time alone lets more start."""
        free = {name: link for name, link in self._links.items() if link.running is None}
        idle = [name for name, link in free.items() if link.available]
        if any(link.willing for name, link in free.items() if name not in idle):
            threading.Timer(_LOOK_S, self._tasks.put, (lambda: None,)).start()
        if not idle or not self._plan.rows:
            return None
        decision = decide(self._plan.rows, self._board.work(self.clock), idle, self.clock.now_ns())
        for row in decision.start:
            self._lease(row)
        if decision.start:
            self._publish()
        return decision.wake_ns

    def _lease(self, row: PlannedOperation) -> None:
        link = self._links[row.cell]
        token = self._journal.lease_operation(row.operation_id, row.cell, row.program)
        goal = ExecuteOperation.Goal(
            operation_id=row.operation_id,
            order_id=row.order_id,
            unit=row.unit,
            product=self._board.product(row.order_id),
            operation=row.operation,
            program=row.program,
            token=token,
        )
        link.signals = self.clock.seq(f"{row.cell}/cell")
        link.running = row
        said = link.said
        call = GoalCall(
            self,
            link.client,
            goal,
            on_end=lambda result: self._tasks.put(lambda: self._take_ending(row, result)),
        )
        try:
            await_now(call.answered, f"cell {row.cell}")
        except NoAnswerError as error:
            # It may have taken the work all the same: the lease stands until a person looks.
            self.get_logger().error(str(error))
            return
        self._answered(row, call.accepted, said)

    def _answered(self, row: PlannedOperation, accepted: bool, said: int) -> None:
        """A cell has taken a leased operation, or not; it had said so much when it was asked."""
        link = self._links[row.cell]
        if not accepted:
            link.running = None
            link.doubted = said
            reason = f"{row.cell} did not take it"
            self._journal.requeue(row.operation_id, reason, self.clock.now_ns())
            self._board.refresh()
            return
        self._board.set_running(row, self.clock.now_ns())

    def _take_ending(self, row: PlannedOperation, result: Any) -> None:
        ending = _Ended(
            self.clock.effective_ns(result.ended_ns),
            result.ended_ns,
            row.operation_id,
            lambda: self._ended(row, result),
        )
        heapq.heappush(self._endings, ending)

    def _ended(self, row: PlannedOperation, result: Any) -> None:
        link = self._links[row.cell]
        link.running = None
        if result.success:
            self._board.set_ended(row.operation_id, result.started_ns, result.ended_ns)
        else:
            self.get_logger().error(
                f"{row.operation_id} on {row.cell} {result.status}: {result.message}"
            )
            self._board.refresh()
        self._publish()

    def _publish(self) -> None:
        self._schedules.publish(
            messages.schedule(self._plan, self._board, self._revision, self.clock, self.stamp())
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
        response.order_ids = list(accepted.new_ids)
        response.already_known = list(accepted.known_ids)
        response.accepted = True
        response.message = f"{len(accepted.new_ids)} orders accepted"
        self._board.refresh()
        if accepted.new_ids:
            self._replan()
        if not self._batches:
            self._await_cells()
        self._batches += 1

    def _await_cells(self) -> None:
        """Before the first batch: hear of every cell, so that all begin at the same instant.

        Whoever submits may have heard that the cells are ready before this node has.
        """
        until_s = time.monotonic() + _CELLS_S
        while time.monotonic() < until_s:
            if all(link.available for link in self._links.values()):
                return
            time.sleep(_POLL_S)

    def _replan(self) -> None:
        """Plan everything that is not begun, check it, store it, publish it."""
        pool = self._pool
        if pool is None:
            return
        job = pool.submit(
            make_plan,
            self.plant,
            self._journal_path,
            self.clock.now_ns(),
            self.clock.start(),
            time_limit_s=float(self.get_parameter("planning_time_s").value),
            seed=int(self.get_parameter("seed").value),
        )
        started_s = time.monotonic()
        self._plan = job.result()
        self._revision = self._journal.publish_schedule(
            self._plan.rows, at_ns=self.clock.now_ns(), engine=self._plan.engine
        )
        self.get_logger().info(
            f"schedule {self._revision} by {self._plan.engine}: {len(self._plan.rows)} operations, "
            f"to {self._plan.makespan_ns * 1e-9:.1f} s, "
            f"made in {time.monotonic() - started_s:.2f} s"
        )
        self._board.refresh()
        self._publish()

    def _cancel(self, request: Any, response: Any) -> None:
        cancelled = self._journal.cancel_order(
            request.order_id, request.asked_by, request.reason, self.clock.now_ns()
        )
        response.success = True
        response.message = f"{len(cancelled)} operations of {request.order_id} cancelled"
        self._board.refresh()
        if cancelled:
            self._replan()

    # Questions are answered by the executor's thread from what the board holds, so that they are
    # answered while a plan is being made.

    def _get_jobs(self, request: Any, response: Any) -> Any:
        wanted = set(request.order_ids)
        start = self.clock.start()
        response.jobs = [
            messages.job_status(view, start)
            for view in job_views(
                self._board.orders.values(), self._board.operations.values(), start
            )
            if not wanted or view.order_id in wanted
        ]
        response.now_ns = messages.unix_ns(start, self.clock.now_ns())
        return response

    def _get_schedule(self, request: Any, response: Any) -> Any:
        del request
        response.schedule = messages.schedule(
            self._plan, self._board, self._revision, self.clock, self.stamp()
        )
        return response


def main() -> None:
    """Entry point of `scheduler_node`."""
    spin(SchedulerNode)
