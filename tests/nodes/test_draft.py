"""`robot-cell draft approve|refuse`: a better plan that waits for a person's word."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from rclpy.node import Node
from robot_cell_interfaces.srv import CellCommand, GetJobs

from drivers.clock import WallClock
from robot_cell.cli.exit_codes import ExitCode
from robot_cell.model import PlannedOperation, Plant
from robot_cell.nodes import plan_keeper
from robot_cell.nodes.plan_keeper import PlanKeeper
from robot_cell.orders.board import Board
from robot_cell.orders.planning_job import Moment, Plan
from robot_cell.store import Journal, open_journal
from tests.cli.test_commands import robot_cell
from tests.nodes.test_goal_call import domain, node
from tests.store.test_journal import START, order

__all__ = ["domain", "node"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]


def plan_on(journal: Journal, cell: str) -> tuple[PlannedOperation, ...]:
    return tuple(
        PlannedOperation(o.operation_id, o.order_id, o.unit, o.name, cell, "p", n * 10, n * 10 + 9)
        for n, o in enumerate(journal.operations())
    )


class Planning:
    """Plans that are made: everything on cell_a, and better ones on cell_b."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def plan(self, at: Moment) -> Plan:
        return Plan(plan_on(self._journal, "cell_a"), "tabu")

    repair = plan

    def improve(self, at: Moment) -> Future[Plan | None]:
        found: Future[Plan | None] = Future()
        found.set_result(Plan(plan_on(self._journal, "cell_b"), "cp-sat"))
        return found


class NoAlarms:
    """Nothing here is one."""

    def raise_(self, *told: str) -> None:
        raise AssertionError(told)

    def over(self, *told: Any) -> None:
        pass


class Keeping:
    """The keeper behind its door, with the queue of the deciding thread."""

    def __init__(self, node: Node, plant: Plant, journal: Journal, path: Path) -> None:
        self.journal = journal
        self.tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        planning = plant.planning.model_copy(update={"approve_drafts": True})
        node.plant = plant.model_copy(update={"planning": planning})
        node.clock, node.simulated = WallClock(START), False
        board = Board(node.plant, journal, node.clock)
        board.refresh()
        self.keeper = PlanKeeper(
            node, journal, path, board, Planning(journal), self.tasks.put, tuple, lambda: None,
            NoAlarms(),
        )  # fmt: skip
        self.answers = 0

        def decide(request: Any, response: Any) -> Any:
            self.keeper.decide_draft(request, response)
            self.answers += 1
            return response

        node.create_service(CellCommand, "/decide_draft", decide)
        node.create_service(GetJobs, "/get_jobs", lambda _, response: response)

    def draft(self) -> None:
        """Something happens; the plan is repaired, and later a better one is found."""
        self.keeper.repair("cell_b was lost")
        deadline = time.monotonic() + 30
        while self.tasks.empty():
            assert time.monotonic() < deadline
            self.keeper.improve_if_due()
        self.tasks.get()()

    def cells(self) -> set[str | None]:
        return {record.cell for record in self.journal.operations()}


@pytest.fixture
def keeping(
    node: Node, plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Keeping]:
    monkeypatch.setattr(plan_keeper, "_IMPROVE_AFTER_NS", 0)
    with open_journal(tmp_path / "journal.db") as journal:
        journal.accept_batch([order()], "f", "me", plant)
        yield Keeping(node, plant, journal, tmp_path / "journal.db")


def test_a_draft_changes_nothing_until_it_is_approved(keeping: Keeping) -> None:
    done = robot_cell("draft", "approve", "--timeout", "30")
    assert (done.returncode, done.stderr.strip()) == (ExitCode.REFUSED, "there is no draft")
    keeping.draft()
    assert keeping.cells() == {"cell_a"}
    assert keeping.keeper.revision == 1
    done = robot_cell("draft", "approve", "--timeout", "30", "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout) == {"success": True, "message": "plan 2 holds now"}
    assert keeping.cells() == {"cell_b"}
    published = keeping.journal.schedule()
    assert published is not None
    assert (published.revision, published.engine) == (2, "cp-sat")
    assert [event.what for event in keeping.journal.events()] == [
        "plan repaired",
        "plan drafted",
        "plan improved",
    ]
    improved = keeping.journal.events()[-1].data
    assert improved["because"].endswith("(robot-cell) approved it")
    asked = keeping.journal.commands()
    assert [(one.what, one.target, one.outcome) for one in asked] == [
        ("approve", "draft", "there is no draft"),
        ("approve", "draft", "plan 2 holds now"),
    ]


def test_a_draft_that_is_refused_or_overtaken_is_void(keeping: Keeping) -> None:
    keeping.draft()
    done = robot_cell("draft", "refuse", "--timeout", "30")
    assert done.stdout.strip() == "plan 1 still holds"
    assert keeping.cells() == {"cell_a"}
    assert robot_cell("draft", "approve", "--timeout", "30").returncode == ExitCode.REFUSED
    keeping.draft()
    keeping.keeper.repair("cell_a was lost")  # the draft was for another plan
    assert robot_cell("draft", "approve", "--timeout", "30").returncode == ExitCode.REFUSED
    assert keeping.cells() == {"cell_a"}
