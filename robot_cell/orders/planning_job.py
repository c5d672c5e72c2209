"""Planning as one piece of work for a process of its own.

Solver and motion planner are large and busy; the scheduler's node stays small and answers. What
goes in and comes out is plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from planners.errors import PlannerError
from planners.scheduling import SchedulingProblem, get_ready
from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.orders.durations import corrected, estimates
from robot_cell.orders.planning import plan_orders, to_rows
from robot_cell.orders.setups import SettingUp, SetUp, with_setups
from robot_cell.orders.stating import Duration, Keys, PlanningError, planning_problem
from robot_cell.programs import CycleLibrary, ProgramKey
from robot_cell.programs.library import keys_of
from robot_cell.store import OperationRecord, open_journal
from robot_cell.store.working_set import last_products, last_runs, working_set

EFFORT = 0.5
"""Deterministic seconds of search for a batch: the same batch gets the same plan at any load."""

IMPROVE_EFFORT = 0.25
"""The same for a better plan after a repair."""


class Flag(Protocol):
    """A truth that two processes share."""

    value: bool


_stop: list[Flag] = []
"""The process's own: set while a repair waits, so that the search for a better plan ends."""


def listen(stop: Flag) -> None:
    """Initialise a planning process: what tells it that something more urgent waits."""
    _stop[:] = [stop]


def _told_to_stop() -> bool:
    return bool(_stop) and _stop[0].value


@dataclass(frozen=True)
class Moment:
    """What a plan is made from.

    Attributes:
        journal: where it is, a file or a URL.
        now_ns: nothing new starts before this.
        start: instant of plant time 0.
        lost: cells that have no controller now.
        published: the plan that is being carried out.
        confirmed_ns: what starts in it before this instant is confirmed, and not moved.
        setting_up: the cells that are being set up.
    """

    plant: Plant
    journal: Path | str
    now_ns: int
    start: datetime
    lost: tuple[str, ...] = ()
    published: tuple[PlannedOperation, ...] = ()
    confirmed_ns: int = 0
    setting_up: Mapping[str, SettingUp] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is published: the rows of a verified plan, and what made it."""

    rows: tuple[PlannedOperation, ...]
    engine: str

    @classmethod
    def empty(cls) -> Plan:
        """The plan of a plant without orders."""
        return cls((), "")

    @property
    def makespan_ns(self) -> int:
        """Plant time at which the last operation ends."""
        return max((row.end_ns for row in self.rows), default=0)


def prepare(plant: Plant) -> None:
    """Load large libraries and compiled code; plan every program that is not on disk."""
    import ortools.sat.python.cp_model  # noqa: F401 - loaded here so that the first plan is quick

    import planners.scheduling.repair  # noqa: F401 - likewise, for the first repair

    get_ready()
    library = CycleLibrary(plant)
    for key in library.missing(keys_of(plant, plant.products)):
        library.plan_here(key)


def make_plan(at: Moment, *, time_limit_s: float, seed: int) -> Plan:
    """Plan all work of the journal that has not begun, without cells that are lost.

    Raises:
        RobotCellError: there is no plan; the message says what is in the way.
    """
    orders, records, duration_s, set_up = known(at)
    plan = plan_orders(
        at.plant,
        orders,
        records,
        duration_s,
        now_ns=at.now_ns,
        start=at.start,
        time_limit_s=time_limit_s,
        seed=seed,
        effort=EFFORT,
        lost=at.lost,
        published=at.published,
        confirmed_ns=at.confirmed_ns,
        set_up=set_up,
    )
    return Plan(plan.rows, plan.schedule.engine)


def repair_plan(at: Moment) -> Plan:
    """The published plan after something has happened, at once: only what is hit is changed.

    Raises:
        RobotCellError: no plan can be made; the message says what is in the way.
    """
    from planners.scheduling.repair import mend_at_once

    problem, keys = _rest(at)
    if not problem.jobs:
        return Plan.empty()
    try:
        made = mend_at_once(problem)
    except PlannerError as error:
        raise PlanningError(f"no repair: {error}{keys.note}") from error
    return Plan(tuple(to_rows(made, keys)), made.engine)


def better_plan(at: Moment, *, time_limit_s: float, seed: int) -> Plan | None:
    """A plan that is worth publishing instead of the published one, if there is one.

    Raises:
        RobotCellError: the plan that was found breaks a rule.
    """
    from planners.scheduling.repair import Threshold, mend, mend_at_once, moved_between

    problem, keys = _rest(at)
    if not problem.jobs:
        return None
    rules = at.plant.planning
    threshold = Threshold(1000.0 * rules.improve_gain_s, 1000.0 * rules.improve_gain_per_move_s)
    try:
        now = mend_at_once(problem)
        found = mend(
            problem,
            now,
            time_limit_s=time_limit_s,
            effort=IMPROVE_EFFORT,
            seed=seed,
            should_stop=_told_to_stop,
        )
    except PlannerError as error:
        raise PlanningError(f"no better plan: {error}{keys.note}") from error
    moved = moved_between(now.assignments, found.assignments)
    if not threshold.is_worth(now.objective, found.objective, moved):
        return None
    return Plan(tuple(to_rows(found, keys)), found.engine)


def _rest(at: Moment) -> tuple[SchedulingProblem, Keys]:
    """What is left to do, with the published plan in it."""
    orders, records, duration_s, set_up = known(at)
    return planning_problem(
        at.plant,
        orders,
        records,
        duration_s,
        now_ns=at.now_ns,
        start=at.start,
        lost=at.lost,
        published=at.published,
        confirmed_ns=at.confirmed_ns,
        set_up=set_up,
    )


def known(at: Moment) -> tuple[list[JobOrder], list[OperationRecord], Duration, SetUp]:
    """Orders, operations, durations (planned motion, corrected by what was recorded), setups."""
    library = CycleLibrary(at.plant)

    def planned_s(cell: str, program: str, product: str) -> float:
        key = ProgramKey(cell, program, product)
        cycle = library.find(key) or library.plan_here(key)
        return cycle.duration_s

    with open_journal(at.journal) as journal:
        open_work = journal.look(lambda connection: working_set(connection, at.now_ns))
        runs = journal.look(last_runs)
        made = journal.look(lambda connection: last_products(connection, with_setups(at.plant)))
    orders = [record.order for record in open_work.orders]
    set_up = SetUp(made, at.setting_up)
    return orders, open_work.operations, corrected(planned_s, estimates(runs)), set_up
