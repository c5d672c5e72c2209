"""The plant's scheduler: plans, publishes, and leases operations to cells.

What comes in, and what is asked, comes through its doors (`order_doors`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from robot_cell_interfaces.msg import CellState, Schedule

from robot_cell.errors import RobotCellError
from robot_cell.execution.presence import CONTROLLER, Presence
from robot_cell.model.packml import Mode, State
from robot_cell.nodes import messages
from robot_cell.nodes.alarm_writer import AlarmWriter
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.leases import NOT_AT_WORK, Leases, Task
from robot_cell.nodes.order_doors import OrderDoors
from robot_cell.nodes.plan_keeper import PlanKeeper
from robot_cell.nodes.waiting import NoAnswerError
from robot_cell.orders.board import Board
from robot_cell.orders.cell_loss import Interrupted, settle
from robot_cell.orders.dispatching import decide
from robot_cell.orders.planning_process import PlanningProcess
from robot_cell.store import OperationRecord, journal_location, open_journal

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
        self._planning: PlanningProcess | None = None
        self._alarms: AlarmWriter | None = None
        self._stuck = False
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
        self._doors = OrderDoors(
            self,
            self._journal,
            self._board,
            self._keeper,
            self._tasks.put,
            self._leases.await_cells,
        )
        self.start_thread(self._serve, "decisions")
        self.start_thread(lambda: self._doors.serve(self._ending), "intake")
        self.start_thread(self._look_after_cells, "presence")

    def release(self) -> None:
        """End the decisions and the planning process."""
        self._ending.set()
        if self._alarms is not None:
            self._alarms.end()
        self._tasks.put(None)
        if self._planning is not None:
            self._planning.close()

    # -- the one thread that decides ------------------------------------------------------------

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
        if bool(self.get_parameter("hold_until_batch").value) and not self._doors.batches:
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
        self._doors.batches = int(self._keeper.recover())
        self._board.refresh()
        rows = {row.operation_id: row for row in self._keeper.plan.rows}
        for record in self._journal.operations(status="running"):
            row = rows.get(record.operation_id)
            if row is not None:
                self._leases.take_up(row)
                self._leases.look_up(row.cell)  # should it have ended just now
        if self._unplanned():
            self._keeper.replan()
            self._doors.batches = 1
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
        decision = decide(
            self._keeper.plan.rows,
            self._board.work(),
            idle,
            self.clock.now_ns(),
            self._keeper.setting_up,
        )
        self._keeper.setting_up = decision.setting_up
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
        if self._doors.batches:
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
        if self._doors.batches:
            self._keeper.repair(f"{cell} is back")
        self.clock.signal()

    def _publish(self) -> None:
        self._schedules.publish(
            messages.schedule(
                self._keeper.plan, self._board, self._keeper.revision, self.clock, self.stamp()
            )
        )


def _for_leases(message: Any) -> State:
    """The state of a cell as far as leases go: outside production it takes none, as if stopped."""
    state = State(message.state)
    idle_for_others = state is State.IDLE and message.mode != Mode.PRODUCTION
    return State.STOPPED if idle_for_others else state


def main() -> None:
    """Entry point of `scheduler_node`."""
    spin(SchedulerNode)
