"""A cell that answers late, or never: it is neither forgotten nor given the same work twice."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.action import GoalResponse
from rclpy.node import Node
from robot_cell_interfaces.action import ExecuteOperation

from drivers.clock import WallClock
from robot_cell.model import PlannedOperation, Plant
from robot_cell.model.packml import State
from robot_cell.nodes import leases
from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.leases import Leases
from robot_cell.orders.board import Board
from robot_cell.store import Journal, StaleToken, open_journal
from tests.nodes.test_goal_call import domain, node
from tests.store.test_journal import START, order

__all__ = ["domain", "node"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

WAIT_S = 50.0
FIRST, SECOND = "WO-1/1/deburr", "WO-1/2/deburr"


class Scheduler:
    """What surrounds the leases: a journal, a board, and the queue of the deciding thread."""

    def __init__(self, node: Node, plant: Plant, journal: Journal) -> None:
        self.journal = journal
        journal.accept_batch([order()], "f", "me", plant)
        node.clock = WallClock(START)
        self.board = Board(plant, journal, node.clock)
        self.board.refresh()
        self.tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.changes: list[int] = []
        node.plant = SimpleNamespace(cells={"cell_a": None})
        self.clock = node.clock
        self.leases = Leases(
            node, journal, self.board, self.tasks.put, lambda: self.changes.append(1)
        )

    def give(self, operation_id: str) -> None:
        record = self.journal.operation(operation_id)
        now_ns = self.clock.now_ns()
        self.leases.give(
            PlannedOperation(
                operation_id, record.order_id, record.unit, record.name, "cell_a", "deburr_s",
                now_ns, now_ns + 1,
            )
        )  # fmt: skip

    def status(self, operation_id: str) -> str:
        return self.journal.operation(operation_id).status


class CellServer:
    """A cell that thinks over its answer until it is told to give it."""

    def __init__(self, node: Node) -> None:
        self.may_answer, self.asked = threading.Event(), threading.Event()
        self.answer = GoalResponse.REJECT
        self.goals: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.server = DeferredActionServer(
            node, ExecuteOperation, "/cell_a/execute_operation",
            begin=self.goals.put, accept=self._accept,
        )  # fmt: skip

    def _accept(self, request: Any) -> GoalResponse:
        if not request.operation_id:
            return GoalResponse.REJECT
        self.asked.set()
        self.may_answer.wait(WAIT_S)
        return self.answer


@pytest.fixture
def cell(node: Node) -> Iterator[CellServer]:
    server = CellServer(node)
    yield server
    server.may_answer.set()


@pytest.fixture
def scheduler(
    node: Node, cell: CellServer, plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduler]:
    monkeypatch.setattr(leases, "ANSWER_S", 0.3)
    with open_journal(tmp_path / "journal.db") as journal:
        scheduler = Scheduler(node, plant, journal)
        link = scheduler.leases.links["cell_a"]
        deadline = time.monotonic() + WAIT_S
        while not link.link.ready:
            assert time.monotonic() < deadline
        scheduler.leases.heard("cell_a", State.IDLE)
        yield scheduler


def test_a_refusal_that_comes_late_gives_the_work_back(
    scheduler: Scheduler, cell: CellServer
) -> None:
    assert scheduler.leases.idle() == ["cell_a"]
    scheduler.give(FIRST)
    assert scheduler.status(FIRST) == "leased"
    assert scheduler.leases.idle() == []
    cell.may_answer.set()
    scheduler.tasks.get(timeout=WAIT_S)()
    assert scheduler.status(FIRST) == "planned"
    assert scheduler.changes == [1]
    scheduler.leases.heard("cell_a", State.IDLE)
    assert scheduler.leases.idle() == ["cell_a"], "it is not busy for ever"


def test_an_acceptance_that_comes_late_counts(scheduler: Scheduler, cell: CellServer) -> None:
    cell.answer = GoalResponse.ACCEPT
    scheduler.give(FIRST)
    cell.may_answer.set()
    scheduler.tasks.get(timeout=WAIT_S)()
    assert scheduler.board.operations[FIRST].status == "running"
    goal = cell.goals.get(timeout=WAIT_S)
    assert goal.request.deadline_ns > scheduler.clock.now_ns()
    goal.succeed()
    cell.server.finish(goal, ExecuteOperation.Result(success=True, status="complete"))
    scheduler.tasks.get(timeout=WAIT_S)()
    scheduler.leases.act_on_endings()
    assert scheduler.board.operations[FIRST].status == "complete"
    assert scheduler.leases.links["cell_a"].running is None


@pytest.mark.promise("cut off")
def test_what_is_never_answered_is_taken_back_after_its_deadline(
    scheduler: Scheduler, cell: CellServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEGIN_WITHIN_NS", 1_000_000_000)
    cell.answer = GoalResponse.ACCEPT
    scheduler.give(FIRST)
    token = scheduler.journal.operation(FIRST).token
    deadline_ns = scheduler.leases.next_ending_ns()
    assert deadline_ns is not None
    until = time.monotonic() + WAIT_S
    while scheduler.clock.now_ns() < deadline_ns:
        assert time.monotonic() < until
        scheduler.leases.act_on_endings()
        if scheduler.clock.now_ns() < deadline_ns - 1_000_000:
            assert scheduler.status(FIRST) == "leased"
    scheduler.leases.act_on_endings()
    assert scheduler.status(FIRST) == "planned"
    assert scheduler.leases.idle() == []
    # What the cell says and does afterwards is void.
    cell.may_answer.set()
    scheduler.tasks.get(timeout=WAIT_S)()
    assert scheduler.board.operations[FIRST].status == "planned"
    with pytest.raises(StaleToken):
        scheduler.journal.begin_operation(FIRST, "cell_a", token, 0)
    # It says nothing more of itself; once it answers a question, it is given work again.
    while scheduler.leases.idle() != ["cell_a"]:
        assert time.monotonic() < until
    scheduler.give(SECOND)
    assert scheduler.board.operations[SECOND].status == "running"


@pytest.mark.promise("cut off")
def test_what_has_begun_is_not_taken_back(
    scheduler: Scheduler, cell: CellServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEGIN_WITHIN_NS", 0)
    scheduler.give(FIRST)
    record = scheduler.journal.operation(FIRST)
    scheduler.journal.begin_operation(FIRST, "cell_a", record.token, 0)
    scheduler.leases.act_on_endings()
    assert scheduler.status(FIRST) == "running"
    assert scheduler.leases.links["cell_a"].running is not None
    assert scheduler.leases.next_ending_ns() is None


def test_an_end_that_is_lost_on_the_way_is_found_in_the_journal(
    scheduler: Scheduler, cell: CellServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a cut that DDS has given up on: the cell is heard again, its result never comes."""
    monkeypatch.setattr(leases, "END_S", 0.2)
    cell.answer = GoalResponse.ACCEPT
    cell.may_answer.set()
    scheduler.give(FIRST)
    cell.goals.get(timeout=WAIT_S)  # and it is never finished
    link = scheduler.leases.links["cell_a"]

    def missing_within(seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not scheduler.leases.end_missing("cell_a"):
            if time.monotonic() > until:
                return False
        return True

    assert not missing_within(0.5), "idle is what it said before it was given work"
    record = scheduler.journal.operation(FIRST)
    scheduler.journal.begin_operation(FIRST, "cell_a", record.token, 0)
    scheduler.leases.heard("cell_a", State.EXECUTE)
    assert not missing_within(0.5), "it is at work"
    scheduler.leases.heard("cell_a", State.ABORTED)
    assert missing_within(WAIT_S)
    assert not scheduler.leases.miss_end("cell_a"), "broken off: a reset goes on with it"
    assert link.running is not None

    link.silent = False
    scheduler.journal.end_operation(FIRST, "complete", 1, token=record.token)
    scheduler.leases.heard("cell_a", State.IDLE)
    assert missing_within(WAIT_S)
    assert scheduler.leases.miss_end("cell_a")
    assert link.running is None
    assert scheduler.board.operations[FIRST].status == "complete"
    assert scheduler.leases.idle() == ["cell_a"]


def test_what_was_offered_and_not_answered_has_no_end_that_could_be_missing(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell says again that it is idle before it has thought over its answer."""
    monkeypatch.setattr(leases, "END_S", 0.0)
    scheduler.give(FIRST)
    scheduler.leases.heard("cell_a", State.IDLE)
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        assert not scheduler.leases.end_missing("cell_a")
    assert scheduler.status(FIRST) == "leased"
