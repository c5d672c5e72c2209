"""Where orders come in, and where it is told what has become of them: the scheduler's services.

What changes something is done by the deciding thread, and its caller waits for it. Questions are
answered by the node's executor from what the board holds, also while a plan is being made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.srv import CancelJob, CellCommand, GetJobs, GetSchedule, SubmitBatch

from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.nodes import messages
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.leases import Task
from robot_cell.nodes.plan_keeper import PlanKeeper
from robot_cell.orders.board import Board
from robot_cell.orders.intake import orders_from_json
from robot_cell.orders.problems import BatchError
from robot_cell.orders.status import job_views
from robot_cell.store import Journal
from robot_cell.store.accept import allow_order, prioritise_order, revoke_order


class OrderDoors:
    """The services of a scheduler.

    Args:
        node: answers questions; what may take long (planning) has a node and a thread of its own.
        post: hands a task to the deciding thread.
        await_cells: called once the first batch is there.

    Attributes:
        batches: how many have come, or 1 where the journal has a plan already.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        board: Board,
        keeper: PlanKeeper,
        post: Callable[[Task], None],
        await_cells: Task,
    ) -> None:
        self._node, self._journal, self._board, self._keeper = node, journal, board, keeper
        self._post, self._await_cells = post, await_cells
        self.batches = 0
        self._intake = Node(
            "scheduler_intake", use_global_arguments=False, start_parameter_services=False
        )
        for kind, name, answer in (
            (SubmitBatch, "/submit_batch", self._submit),
            (CancelJob, "/cancel_job", self._cancel),
            (CellCommand, "/prioritise_order", self._prioritise),
            (CellCommand, "/allow_order", self._allow),
            (CellCommand, "/decide_draft", keeper.decide_draft),
        ):
            self._intake.create_service(kind, name, self._decided(answer))
        node.create_service(GetJobs, "/get_jobs", self._get_jobs)
        node.create_service(GetSchedule, "/get_schedule", self._get_schedule)

    def serve(self, ending: threading.Event) -> None:
        """Take in, until the end."""
        executor = SingleThreadedExecutor()
        executor.add_node(self._intake)
        while not ending.is_set() and rclpy.ok():
            executor.spin_once(timeout_sec=0.2)

    def _now_ns(self) -> int:
        return self._node.clock.now_ns()

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

            self._post(task)
            done.wait()
            return response

        return handle

    def _submit(self, request: Any, response: Any) -> None:
        try:
            orders = orders_from_json(request.content_json, self._node.plant, request.source)
        except BatchError as error:
            response.errors = [messages.input_error(problem) for problem in error.problems]
            response.message = str(error)
            return
        self._node.get_logger().info(f"batch {request.source} of {len(orders)} orders")
        accepted = self._journal.accept_batch(
            orders,
            request.source,
            request.submitted_by,
            self._node.plant,
            at_ns=self._now_ns(),
        )
        failpoints.reach("scheduler.batch-accepted")
        response.order_ids = list(accepted.new_ids)
        response.already_known = list(accepted.known_ids)
        response.accepted = True
        response.message = f"{len(accepted.new_ids)} orders accepted"
        self._board.refresh()
        if accepted.new_ids:
            self._keeper.replan()
        if not self.batches:
            self._await_cells()
        self.batches += 1

    def _cancel(self, request: Any, response: Any) -> None:
        cancelled = self._journal.cancel_order(
            request.order_id, request.asked_by, request.reason, self._node.clock.now_ns()
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
            partial(change, order_id=order_id, who=request.asked_by, at_ns=self._now_ns())
        )
        response.success = True
        response.message = f"{order_id} {'may not begin' if word == 'revoke' else 'may begin'}"
        self._board.refresh()
        if self.batches:
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
                at_ns=self._now_ns(),
            )
        )
        response.success = True
        response.message = f"{order_id} has priority {int(text)}"
        self._board.refresh()
        if changed and self.batches:
            self._keeper.replan()

    def _get_jobs(self, request: Any, response: Any) -> Any:
        start = self._node.clock.start()
        orders, operations = self._board.asked_for(request.order_ids)
        response.jobs = [
            messages.job_status(view, start) for view in job_views(orders, operations, start)
        ]
        response.now_ns = messages.unix_ns(start, self._node.clock.now_ns())
        return response

    def _get_schedule(self, request: Any, response: Any) -> Any:
        del request
        response.schedule = messages.schedule(
            self._keeper.plan,
            self._board,
            self._keeper.revision,
            self._node.clock,
            self._node.stamp(),
        )
        response.cells = sorted(self._node.plant.cells)
        return response
