"""Planning as one piece of work for a process of its own.

Solver and motion planner are large and busy; the scheduler's node stays small and answers. What
goes in and comes out is plain data.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from planners.scheduling import warm_up
from robot_cell.model import PlannedOperation, Plant
from robot_cell.orders.planning import plan_orders
from robot_cell.programs import CycleLibrary, ProgramKey
from robot_cell.programs.library import keys_of
from robot_cell.store import open_journal

EFFORT = 0.5
"""Deterministic seconds of search for a batch: the same batch gets the same plan at any load."""


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

    warm_up()
    library = CycleLibrary(plant)
    for key in library.missing(keys_of(plant, plant.products)):
        library.plan_here(key)


def make_plan(
    plant: Plant,
    journal_path: Path,
    now_ns: int,
    start: datetime,
    *,
    time_limit_s: float,
    seed: int,
    lost: Collection[str] = (),
) -> Plan:
    """Plan all work of the journal that has not begun, without cells that are lost.

    Raises:
        RobotCellError: there is no plan; the message says what is in the way.
    """
    library = CycleLibrary(plant)

    def duration_s(cell: str, program: str, product: str) -> float:
        key = ProgramKey(cell, program, product)
        cycle = library.find(key) or library.plan_here(key)
        return cycle.duration_s

    with open_journal(journal_path) as journal:
        records = journal.operations()
        orders = [record.order for record in journal.orders()]
    plan = plan_orders(
        plant,
        orders,
        records,
        duration_s,
        now_ns=now_ns,
        start=start,
        time_limit_s=time_limit_s,
        seed=seed,
        effort=EFFORT,
        lost=lost,
    )
    return Plan(plan.rows, plan.schedule.engine)
