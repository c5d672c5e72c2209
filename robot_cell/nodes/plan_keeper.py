"""The plan that is being carried out: made, repaired, improved, drafted, published.

Everything here happens in the scheduler's deciding thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from robot_cell.errors import RobotCellError
from robot_cell.nodes.alarm_writer import AlarmWriter
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.leases import Task
from robot_cell.orders.board import Board
from robot_cell.orders.plan_change import compare, placements
from robot_cell.orders.planning_job import Moment, Plan
from robot_cell.orders.planning_process import PlanningProcess
from robot_cell.orders.setups import SettingUp
from robot_cell.store import Journal

_IMPROVE_AFTER_NS: Final = 1_000_000_000
"""How long after a repair a better plan is looked for, plant time."""


class PlanKeeper:
    """Keeps the published plan.

    Args:
        node: whose plant, clock and log are used.
        journal_path: where the journal is, for the planning process.
        post: hands a task to the deciding thread.
        lost: which cells have no controller now.
        publish: tells everybody of the plan.
        alarms: is told where there is none.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        journal_path: Path | str,
        board: Board,
        planning: PlanningProcess,
        post: Callable[[Task], None],
        lost: Callable[[], tuple[str, ...]],
        publish: Task,
        alarms: AlarmWriter,
    ) -> None:
        self._node, self._journal, self._journal_path = node, journal, journal_path
        self._board, self._planning = board, planning
        self._post, self._lost, self._publish = post, lost, publish
        self._alarms = alarms
        self._draft: Plan | None = None
        self.improve_at_ns: int | None = None
        self.plan = Plan.empty()
        self.revision = 0
        self.setting_up: Mapping[str, SettingUp] = {}

    def recover(self) -> bool:
        """Go on with the plan that the journal has; whether there is one."""
        published = self._journal.schedule()
        if published is None:
            return False
        self.revision = published.revision
        self.plan = Plan(published.rows, published.engine)
        return True

    def _moment(self) -> Moment:
        """What a plan that is made now is made from."""
        now_ns = self._node.clock.now_ns()
        ahead_ns = int(self._node.plant.planning.confirm_ahead_s * 1e9)
        return Moment(
            self._node.plant,
            self._journal_path,
            now_ns,
            self._node.clock.start(),
            self._lost(),
            self.plan.rows,
            now_ns + ahead_ns if ahead_ns else 0,
            self.setting_up,
        )

    def replan(self) -> None:
        """Plan everything that is not begun, check it, store it, publish it."""
        began_s = time.monotonic()
        try:
            plan = self._planning.plan(self._moment())
        except RobotCellError as error:
            self._alarms.raise_("no_plan", "", f"no plan: {error}")
            raise
        self._adopt(plan, began_s)

    def repair(self, because: str) -> None:
        """Change the plan after something has happened; a better one is looked for later."""
        before, began_s = self.plan, time.monotonic()
        try:
            plan = self._planning.repair(self._moment())
        except RobotCellError as error:
            self._node.get_logger().error(f"no plan after {because}: {error}")
            self._alarms.raise_("no_plan", "", f"no plan after {because}: {error}")
            return
        self._adopt(plan, began_s)
        self._note("plan repaired", before, plan, because, began_s)
        self.improve_at_ns = self._node.clock.now_ns() + _IMPROVE_AFTER_NS

    def improve_if_due(self) -> None:
        """Begin to look for a better plan some time after a repair.

        On a real plant that happens in the background. In simulation time waits for it, so that
        the plan changes at the same instant in every run.
        """
        if self.improve_at_ns is None or self._node.clock.now_ns() < self.improve_at_ns:
            return
        self.improve_at_ns = None
        if not self.plan.rows:
            return
        revision, began_s = self.revision, time.monotonic()
        job = self._planning.improve(self._moment())
        if self._node.simulated:
            self._take_better(job, revision, began_s)
        else:
            job.add_done_callback(
                lambda done: self._post(lambda: self._take_better(done, revision, began_s))
            )

    def _take_better(self, job: Future[Plan | None], revision: int, began_s: float) -> None:
        """Publish a better plan, or keep it as a draft where the plant asks for approval."""
        try:
            plan = job.result()
        except (RobotCellError, CancelledError) as error:
            self._node.get_logger().error(f"no better plan: {error}")
            return
        if plan is None or revision != self.revision:
            return  # none is worth it, or something else has happened in the meantime
        if self._node.plant.planning.approve_drafts:
            self._draft = plan
            self._note(
                "plan drafted", self.plan, plan, "it is better than the repair", began_s,
                placed=placements(self.plan.rows, plan.rows),
            )  # fmt: skip
            self._node.get_logger().info(
                "a better plan waits for approval (robot-cell draft approve)"
            )
            return
        before = self.plan
        self._adopt(plan, began_s)
        self._note("plan improved", before, plan, "it is better than the repair", began_s)

    def decide_draft(self, request: Any, response: Any) -> None:
        """A person approves the draft, or refuses it."""
        verdict = request.command.strip().lower()
        if verdict not in ("approve", "refuse"):
            response.message = f"{request.command!r} decides nothing; there are: approve, refuse"
            return
        now_ns = self._node.clock.now_ns()
        asked = self._journal.command(request.asked_by, verdict, "draft", now_ns)
        plan, self._draft = self._draft, None
        if plan is None:
            response.message = "there is no draft"
        elif verdict == "approve":
            before, began_s = self.plan, time.monotonic()
            self._adopt(plan, began_s)
            because = f"{request.asked_by or 'somebody'} approved it"
            self._note("plan improved", before, plan, because, began_s)
            response.success, response.message = True, f"plan {self.revision} holds now"
        else:
            response.success, response.message = True, f"plan {self.revision} still holds"
        self._journal.command_outcome(asked, response.message, now_ns)

    def _adopt(self, plan: Plan, began_s: float) -> None:
        """Store a verified plan and publish it; drafts for the one before are void."""
        self.plan, self._draft = plan, None
        self.revision = self._journal.publish_schedule(
            plan.rows, at_ns=self._node.clock.now_ns(), engine=plan.engine
        )
        self._node.get_logger().info(
            f"schedule {self.revision} by {plan.engine}: {len(plan.rows)} operations, "
            f"to {plan.makespan_ns * 1e-9:.1f} s, made in {time.monotonic() - began_s:.2f} s"
        )
        self._alarms.over(("no_plan",))
        self._board.refresh()
        self._publish()

    def _note(
        self, what: str, before: Plan, after: Plan, because: str, began_s: float, **more: Any
    ) -> None:
        """Write down how the plan was changed."""
        change = compare(before.rows, after.rows, self._board.operations.values())
        data = asdict(change) | {
            "because": because,
            "revision": self.revision,
            "engine": after.engine,
            "wall_s": round(time.monotonic() - began_s, 3),
            **more,
        }
        self._journal.event("scheduler", what, self._node.clock.now_ns(), data)
