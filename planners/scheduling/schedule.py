"""A schedule, what it is worth, and how it came about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from planners.scheduling.costs import deviation, energy_cost, labour_cost, setups_before
from planners.scheduling.errors import ProblemError
from planners.scheduling.problem import Assignment, SchedulingProblem


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """How the terms of the objective are traded; its value is the sum of weight times term.

    The default makes 1 ms of tardiness of a job of weight 1 as bad as 1 s of makespan, so
    lateness is decided first for all practical purposes. One unit of currency (energy, labour,
    optional work left out) is as bad as a second of makespan. Among plans of equal value the
    smaller mean start wins (``left_shift``), which keeps plans left-shifted.

    Attributes:
        tardiness: Per ms of weighted tardiness.
        makespan: Per ms.
        left_shift: Whether the mean start breaks ties.
        setup: Per ms of setup.
        energy: Per unit of currency.
        labour: Per unit of currency.
        left_out: Per unit of currency.
        moved: Per operation on another cell than published.
        resequenced: Per pair of published neighbours on a cell that changed places.
        shifted: Per ms that a start moved from the published one, either way.
    """

    tardiness: float = 1000.0
    makespan: float = 1.0
    left_shift: bool = True
    setup: float = 0.0
    energy: float = 1000.0
    labour: float = 1000.0
    left_out: float = 1000.0
    moved: float = 10_000.0
    resequenced: float = 5000.0
    shifted: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "left_shift" and not 0 <= getattr(self, field.name) <= 1e6:
                raise ProblemError(f"objective weights must lie in 0..1e6: {self}")


@dataclass(frozen=True, slots=True)
class Objective:
    """The terms of the objective; ``value`` is their weighted sum (lower is better).

    ``weighted_tardiness`` is the sum over jobs of weight times ``max(0, completion - due)`` in ms.
    Costs are in the currency of the prices. Stability is told against the published plan.
    """

    makespan_ms: int
    weighted_tardiness: float
    tardy_jobs: int
    mean_start_ms: float
    value: float
    setup_ms: int = 0
    energy_cost: float = 0.0
    labour_cost: float = 0.0
    left_out_cost: float = 0.0
    moved_operations: int = 0
    resequenced_pairs: int = 0
    shifted_ms: int = 0

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: value first, then the tie-break on the mean start."""
        return (self.value, self.mean_start_ms)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A plan for every operation of a problem but the optional ones that it leaves out.

    Attributes:
        assignments: One per operation, sorted by start, cell, job and operation.
        status: "optimal" if no plan has a lower ``objective.value`` (the tie-break on starts is
            improved but not proven); otherwise "feasible".
        engine: What made it: "cp-sat", "order-search", "dispatch:RULE", "hint", or another.
        lower_bound: Proven bound of ``objective.value`` over all plans.
        first_feasible_s: Wall time until the first feasible plan, seconds.
        wall_s: Wall time of the whole solve, seconds.
    """

    assignments: tuple[Assignment, ...]
    status: Literal["optimal", "feasible"]
    engine: str
    objective: Objective
    lower_bound: float = 0.0
    first_feasible_s: float = 0.0
    wall_s: float = 0.0

    @property
    def gap(self) -> float:
        """Relative distance of the value from the bound, 0 when proven optimal."""
        if self.objective.value <= self.lower_bound or self.objective.value <= 0:
            return 0.0
        return (self.objective.value - self.lower_bound) / self.objective.value


def evaluate(
    problem: SchedulingProblem, assignments: Iterable[Assignment], weights: ObjectiveWeights
) -> Objective:
    """The objective of a complete plan."""
    plan = in_order(assignments)
    completion = [0] * len(problem.jobs)
    for a in plan:
        completion[a.job] = max(completion[a.job], a.end_ms)
    lateness = [
        (job.weight, max(0, end - job.due_ms))
        for job, end in zip(problem.jobs, completion, strict=True)
        if job.due_ms is not None
    ]
    tardiness = sum(weight * late for weight, late in lateness)
    makespan = max(completion, default=0)
    setups = setups_before(problem, plan)
    setup_ms = sum(setups.values())
    energy = energy_cost(problem, plan, setups)
    labour = labour_cost(problem, plan, setups)
    left_out = _left_out_cost(problem, plan)
    moved, resequenced, shifted = deviation(problem, plan)
    return Objective(
        makespan_ms=makespan,
        weighted_tardiness=tardiness,
        tardy_jobs=sum(late > 0 for _, late in lateness),
        mean_start_ms=sum(a.start_ms for a in plan) / len(plan) if plan else 0.0,
        value=weights.tardiness * tardiness
        + weights.makespan * makespan
        + weights.setup * setup_ms
        + weights.energy * energy
        + weights.labour * labour
        + weights.left_out * left_out
        + weights.moved * moved
        + weights.resequenced * resequenced
        + weights.shifted * shifted,
        setup_ms=setup_ms,
        energy_cost=energy,
        labour_cost=labour,
        left_out_cost=left_out,
        moved_operations=moved,
        resequenced_pairs=resequenced,
        shifted_ms=shifted,
    )


def _left_out_cost(problem: SchedulingProblem, plan: tuple[Assignment, ...]) -> float:
    if not any(job.optional for job in problem.jobs):
        return 0.0
    planned = {(a.job, a.operation) for a in plan}
    return sum(
        part.left_out_cost
        for j, job in enumerate(problem.jobs)
        for part in job.optional
        if (j, part.operations[0]) not in planned
    )


def in_order(assignments: Iterable[Assignment]) -> tuple[Assignment, ...]:
    """Assignments sorted by start, cell, job and operation: one order for one plan."""
    return tuple(sorted(assignments, key=lambda a: (a.start_ms, a.cell, a.job, a.operation)))
