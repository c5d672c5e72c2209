"""From a plant and its open orders to a verified plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from planners.errors import PlannerError
from planners.scheduling import (
    FOREVER_MS,
    ObjectiveWeights,
    Progress,
    Schedule,
    SchedulingProblem,
    Violation,
    solve,
    verify,
)
from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.orders.setups import SetUp
from robot_cell.orders.stating import (
    NS_PER_MS,
    Duration,
    Keys,
    PlanningError,
    planning_problem,
)
from robot_cell.store import OperationRecord

__all__ = [
    "Duration",
    "Keys",
    "Plan",
    "PlanRejected",
    "PlanningError",
    "plan_orders",
    "planning_problem",
    "to_rows",
]


class PlanRejected(PlanningError):
    """The verifier refused a plan, which is a fault of the planner: the old plan holds.

    Attributes:
        violations: every broken constraint.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        first = "; ".join(v.message for v in self.violations[:5])
        super().__init__(f"the plan breaks {len(self.violations)} constraints: {first}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A verified plan: what may be published, and how it came about."""

    rows: tuple[PlannedOperation, ...]
    problem: SchedulingProblem
    schedule: Schedule
    keys: Keys


def to_rows(schedule: Schedule, keys: Keys) -> list[PlannedOperation]:
    """A schedule in the words of the plant, by start and operation."""
    rows = []
    for a in schedule.assignments:
        record = keys.operations[a.job][a.operation]
        cell = keys.cells[a.cell]
        rows.append(
            PlannedOperation(
                operation_id=record.operation_id,
                order_id=record.order_id,
                unit=record.unit,
                operation=record.name,
                cell=cell,
                program=keys.programs[a.job][a.operation].get(cell, record.program or ""),
                start_ns=a.start_ms * NS_PER_MS,
                end_ns=a.end_ms * NS_PER_MS,
            )
        )
    return sorted(rows, key=lambda row: (row.start_ns, row.operation_id))


def plan_orders(
    plant: Plant,
    orders: Iterable[JobOrder],
    operations: Iterable[OperationRecord],
    durations: Duration,
    *,
    now_ns: int,
    start: datetime,
    time_limit_s: float = 2.0,
    workers: int = 2,
    seed: int = 0,
    effort: float | None = None,
    weights: ObjectiveWeights | None = None,
    lost: Collection[str] = (),
    published: Collection[PlannedOperation] = (),
    confirmed_ns: int = 0,
    set_up: SetUp | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Plan:
    """Plan everything that is open, and let nothing out that the verifier does not pass.

    `effort` makes the plan a function of its input and the seed (see `planners.scheduling.solve`).

    Raises:
        PlanningError: no plan exists or none was found in time.
        PlanRejected: the verifier refused the plan.
    """
    orders, operations = list(orders), list(operations)
    horizon_ms = 0
    while True:
        problem, keys = planning_problem(
            plant,
            orders,
            operations,
            durations,
            now_ns=now_ns,
            start=start,
            horizon_ms=horizon_ms,
            lost=lost,
            published=published if confirmed_ns else (),
            confirmed_ns=confirmed_ns,
            set_up=set_up,
        )
        try:
            schedule = solve(
                problem,
                time_limit_s=time_limit_s,
                workers=workers,
                seed=seed,
                effort=effort,
                weights=weights,
                on_progress=on_progress,
            )
        except PlannerError as error:
            raise PlanningError(f"no plan: {error}{keys.note}") from error
        if keys.horizon_ms >= FOREVER_MS or schedule.objective.makespan_ms <= keys.horizon_ms:
            break
        # Cells that wait for each other's open times can need longer than each on its own.
        horizon_ms = min(4 * schedule.objective.makespan_ms, FOREVER_MS)
    violations = verify(problem, schedule)
    if violations:
        raise PlanRejected(violations)
    return Plan(tuple(to_rows(schedule, keys)), problem, schedule, keys)
