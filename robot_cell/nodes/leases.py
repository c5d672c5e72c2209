"""The scheduler's leases: what each cell has, what it said, and how what it has comes back.

Everything here happens in the scheduler's deciding thread, but for `heard`, which notes one word.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rclpy.action import ActionClient
from robot_cell_interfaces.action import ExecuteOperation

from robot_cell import failpoints
from robot_cell.model import PlannedOperation
from robot_cell.model.packml import State
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.goal_call import GoalCall
from robot_cell.nodes.proven_link import ProvenLink
from robot_cell.nodes.waiting import NoAnswerError, await_now
from robot_cell.orders.board import Board
from robot_cell.orders.taking_back import take_back
from robot_cell.store import Journal
from robot_cell.store.leasing import BEGIN_WITHIN_NS, Lease, LeaseTable, Standing, Word

CELLS_S: Final = 5.0
"""How long the first batch waits for cells that have not said that they are ready, wall time."""

ANSWER_S: Final = 10.0
"""How long a cell's answer is waited for before other things are done, wall time."""

END_S: Final = 5.0
"""How long after a cell has said that it is not at work the end of its work may come, wall time."""

_POLL_S: Final = 0.002
_LOOK_S: Final = 0.1
_WORKING: Final = (
    State.IDLE,
    State.STARTING,
    State.EXECUTE,
    State.COMPLETING,
    State.COMPLETE,
    State.RESETTING,
)

NOT_AT_WORK: Final = (State.IDLE, State.STOPPED, State.ABORTED)

Task = Callable[[], None]


@dataclass(frozen=True, order=True)
class _Ended:
    """The end of an operation, to be acted upon from an instant on: in the order of the plant."""

    effective_ns: int
    ended_ns: int
    operation_id: str
    act: Task = field(compare=False)


@dataclass
class CellLink:
    """A cell as the scheduler sees it.

    Attributes:
        heard: the state that it said last; a working cell may be idle before it has said so.
        said: how often it has said one.
        said_s: when it did so last, monotonic wall time.
        said_before: `said` when it was leased what it runs.
        doubted: `said` when it was found out to be wrong; from the next word on it is believed.
        running: what it has been leased.
        lease: counts the leases; what an older one brings is void.
        lost: its controller has ended, and no other has said that it is idle.
        silent: nobody will send the end of what it runs: the controller that took it has ended, or
            the scheduler has, or it was lost on the way; it is looked up in the journal.
    """

    client: ActionClient
    link: ProvenLink
    heard: State | None = None
    said: int = 0
    said_s: float = 0.0
    said_before: int = 0
    doubted: int = 0
    running: PlannedOperation | None = None
    signals: int = 0
    lease: int = 0
    lost: bool = False
    silent: bool = False

    @property
    def willing(self) -> bool:
        """Whether it would take work, as far as is known, once it has none."""
        return not self.lost and self.heard in _WORKING and self.said > self.doubted

    @property
    def available(self) -> bool:
        """Whether it is willing, and a goal would arrive: its state comes on another way."""
        return self.willing and self.link.ready


class Leases:
    """Gives operations to cells and takes them back.

    Args:
        node: whose thread talks to the cells.
        post: hands a task to the deciding thread.
        on_change: called after work has ended or come back.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        board: Board,
        post: Callable[[Task], None],
        on_change: Task,
    ) -> None:
        self._node = node
        self._journal = journal
        self._board = board
        self._post = post
        self._on_change = on_change
        self._endings: list[_Ended] = []
        self._table = LeaseTable()
        self.links: dict[str, CellLink] = {}
        for name in node.plant.cells:
            client = ActionClient(node, ExecuteOperation, f"/{name}/execute_operation")
            # Without a token nothing is leased: a cell refuses it.
            proven = ProvenLink(node, client, ExecuteOperation.Goal())
            self.links[name] = CellLink(client, proven)

    # -- what cells say -------------------------------------------------------------------------

    def heard(self, cell: str, state: State) -> bool:
        """A cell has said its state; whether it may be given work now."""
        link = self.links[cell]
        link.heard = state
        link.said_s = time.monotonic()
        link.said += 1
        return state is State.IDLE and (link.running is None or link.silent)

    def lose(self, cell: str) -> PlannedOperation | None:
        """A cell's controller has ended; returns the operation that it had."""
        link = self.links[cell]
        had, link.running = link.running, None
        self._table.lose(cell)
        link.lease += 1
        link.lost, link.silent = True, False
        link.doubted = link.said
        return had

    def silence(self, cell: str) -> None:
        """A cell's controller has ended and is being started again: it goes on by itself."""
        link = self.links[cell]
        link.lease += 1
        self._await_silently(cell)
        link.doubted = link.said

    def take_up(self, row: PlannedOperation) -> None:
        """A cell runs what an earlier scheduler leased to it."""
        self.links[row.cell].running = row
        self._await_silently(row.cell)

    def _await_silently(self, cell: str) -> None:
        """What the cell has signalled so far is known: plant time need not wait for it here."""
        link = self.links[cell]
        link.silent = True
        link.signals = self._node.clock.seq(f"{cell}/cell")

    def look_up(self, cell: str) -> bool:
        """Look in the journal for what a silent cell runs; whether that is over."""
        link = self.links[cell]
        if not link.silent or link.running is None:
            link.silent = False
            return False
        record = self._journal.operation(link.running.operation_id)
        if record.status == "running" and record.cell == cell:
            self._await_silently(cell)  # it was broken off: what it signalled meant that
            return False
        if record.status == "leased" and record.cell == cell:  # never begun, and nobody has it
            reason = f"{cell} ended before it began"
            self._journal.requeue(record.operation_id, reason, self._node.clock.now_ns())
        link.running, link.silent = None, False
        self._board.refresh()
        return True

    def end_missing(self, cell: str) -> bool:
        """Whether a cell has long said that it is not at work, and nothing came of what it had.

        What is sent to a cell, or by it, is lost if it is cut off for longer than DDS waits for it.
        May be asked by any thread.
        """
        link, held = self.links[cell], self._table.of(cell)
        return (
            link.running is not None
            and not link.silent
            and (held is None or held[1] is not Standing.OFFERED)  # that has a deadline of its own
            and link.heard in NOT_AT_WORK
            and link.said > link.said_before
            and time.monotonic() - link.said_s > END_S
        )

    def miss_end(self, cell: str) -> bool:
        """See in the journal what became of work whose end is missing; whether it is over."""
        if not self.end_missing(cell):
            return False
        link = self.links[cell]
        assert link.running is not None
        self._node.get_logger().warning(
            f"{cell}: the end of {link.running.operation_id} was not heard; the journal knows it"
        )
        link.silent = True
        return self.look_up(cell)

    def regain(self, cell: str) -> None:
        """A lost cell has a controller again, and that is idle."""
        link = self.links[cell]
        link.lost = False
        link.doubted = link.said - 1

    def lost(self) -> tuple[str, ...]:
        """Cells without a controller."""
        return tuple(name for name, link in self.links.items() if link.lost)

    def idle(self) -> list[str]:
        """Cells that would take work now; it is looked again soon for those that goals miss."""
        free = {name: link for name, link in self.links.items() if link.running is None}
        idle = [name for name, link in free.items() if link.available]
        if any(link.willing for name, link in free.items() if name not in idle):
            threading.Timer(_LOOK_S, self._post, (lambda: None,)).start()
        return idle

    def peers(self) -> dict[str, int]:
        """Whose signal the scheduler waits for: cells that have work, with their counts."""
        return {
            f"{name}/cell": link.signals
            for name, link in self.links.items()
            if link.running is not None
        }

    def await_cells(self) -> None:
        """Before the first batch: hear of every cell, so that all begin at the same instant.

        Whoever submits may have heard that the cells are ready before this node has.
        """
        until_s = time.monotonic() + CELLS_S
        while time.monotonic() < until_s:
            if all(link.available for link in self.links.values()):
                return
            time.sleep(_POLL_S)

    # -- leases ---------------------------------------------------------------------------------

    def give(self, row: PlannedOperation) -> None:
        """Lease an operation to its cell."""
        clock, link = self._node.clock, self.links[row.cell]
        token = self._journal.lease_operation(row.operation_id, row.cell, row.program)
        try:
            failpoints.reach("scheduler.lease-written")
        except failpoints.FailpointError as error:  # its cell knows nothing of it
            self._journal.requeue(row.operation_id, str(error), clock.now_ns())
            raise
        goal = ExecuteOperation.Goal(
            operation_id=row.operation_id,
            order_id=row.order_id,
            unit=row.unit,
            product=self._board.product(row.order_id),
            operation=row.operation,
            program=row.program,
            token=token,
            deadline_ns=clock.now_ns() + BEGIN_WITHIN_NS,
        )
        self._table.lose(row.cell)  # whatever it had has been settled by the journal
        self._table.offer(Lease(row.operation_id, row.cell, token, goal.deadline_ns))
        link.signals = clock.seq(f"{row.cell}/cell")
        link.running = row
        link.lease += 1
        said, lease = link.said, link.lease
        link.said_before = said
        late = threading.Event()

        def on_answer() -> None:
            if late.is_set():
                self._post(lambda: self._late(row, token, said, call.accepted))

        call = GoalCall(
            self._node,
            link.client,
            goal,
            on_answer=on_answer,
            on_end=lambda result: self._post(lambda: self._take_ending(row, lease, result)),
        )
        try:
            await_now(call.answered, f"cell {row.cell}", ANSWER_S)
        except NoAnswerError as error:
            # It may have taken the work all the same: the lease stands until an answer comes, or
            # until its deadline has passed and the journal says that it has not begun.
            late.set()
            if not call.answered.is_set():
                self._node.get_logger().error(str(error))
                return
        self._answered(row, token, said, call.accepted)

    def _late(self, row: PlannedOperation, token: int, said: int, accepted: bool) -> None:
        """An answer that was not waited for any more."""
        self._answered(row, token, said, accepted)
        self._on_change()

    def _answered(self, row: PlannedOperation, token: int, said: int, accepted: bool) -> None:
        """A cell has taken an operation, or refused it; said twice or too late it changes nothing.

        `said` is how often it had said its state when it was asked: that was wrong if it refuses.
        """
        if accepted:
            if self._table.hear(row.cell, token, Word.ACCEPTED):
                failpoints.reach("scheduler.lease-taken")
                self._board.set_running(row, self._node.clock.now_ns())
            return
        held = self._table.of(row.cell)
        if held is None or held[0].token != token:
            return
        if self._take_back(held[0], Word.REFUSED, f"{row.cell} did not take it"):
            self.links[row.cell].doubted = said

    def _take_back_overdue(self) -> None:
        """Take back what no cell has answered for and none may begin any more."""
        for lease in self._table.overdue(self._node.clock.now_ns()):
            reason = f"{lease.cell} gave no answer and did not begin it in time"
            self._node.get_logger().error(f"{lease.operation_id}: {reason}")
            if self._take_back(lease, Word.TAKEN_BACK, reason):
                # It may be idle, and then says nothing more of itself: it is the link that failed.
                self.links[lease.cell].link.doubt()
                self._on_change()

    def _take_back(self, lease: Lease, word: Word, reason: str) -> bool:
        """Give up a lease; whether its cell has none now."""
        now_ns = self._node.clock.now_ns()
        freed = take_back(self._journal, self._table, lease, word, reason, now_ns)
        if freed:
            link = self.links[lease.cell]
            link.running = None
            link.lease += 1
        self._board.refresh()
        return freed

    def next_ending_ns(self) -> int | None:
        """From when on the next end that is known, or a deadline, may be acted upon."""
        at_ns = [self._endings[0].effective_ns] if self._endings else []
        deadline_ns = self._table.next_deadline_ns()
        return min(at_ns if deadline_ns is None else [*at_ns, deadline_ns], default=None)

    def act_on_endings(self) -> None:
        """Act upon the operations whose end takes effect by now, the first to end first."""
        self._take_back_overdue()
        now_ns = self._node.clock.now_ns()
        while self._endings and self._endings[0].effective_ns <= now_ns:
            heapq.heappop(self._endings).act()

    def _take_ending(self, row: PlannedOperation, lease: int, result: Any) -> None:
        ending = _Ended(
            self._node.clock.effective_ns(result.ended_ns),
            result.ended_ns,
            row.operation_id,
            lambda: self._ended(row, lease, result),
        )
        heapq.heappush(self._endings, ending)

    def _ended(self, row: PlannedOperation, lease: int, result: Any) -> None:
        link = self.links[row.cell]
        if link.lease != lease:
            return  # the cell was lost in the meantime: the journal has said what became of it
        failpoints.reach("scheduler.end-heard")
        if result.status == "interrupted":
            self._await_silently(row.cell)  # it is not over: a reset goes on with it
            self._node.get_logger().error(f"{row.operation_id} on {row.cell}: {result.message}")
            return
        if (held := self._table.of(row.cell)) is not None:
            self._table.hear(row.cell, held[0].token, Word.ENDED)
        link.running = None
        if result.success:
            self._board.set_ended(row, result.started_ns, result.ended_ns)
        else:
            self._node.get_logger().error(
                f"{row.operation_id} on {row.cell} {result.status}: {result.message}"
            )
            self._board.refresh()
        self._on_change()
