"""A schedule, what it is worth, and how it came about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from planners.scheduling.errors import ProblemError
from planners.scheduling.problem import Assignment, SchedulingProblem


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """How the terms of the objective are traded: ``tardiness * sum(w_j T_j) + makespan * C_max``.

    The default makes 1 ms of tardiness of a job of weight 1 as bad as 1 s of makespan, so
    lateness is decided first for all practical purposes. Among plans of equal value the smaller
    mean start wins (``left_shift``), which keeps plans left-shifted.
    """

    tardiness: float = 1000.0
    makespan: float = 1.0
    left_shift: bool = True

    def __post_init__(self) -> None:
        if not (0 <= self.tardiness <= 1e6 and 0 <= self.makespan <= 1e6):
            raise ProblemError(f"objective weights must lie in 0..1e6: {self}")


@dataclass(frozen=True, slots=True)
class Objective:
    """The terms of the objective; ``value`` is their weighted sum (lower is better).

    ``weighted_tardiness`` is the sum over jobs of weight times ``max(0, completion - due)`` in ms.
    """

    makespan_ms: int
    weighted_tardiness: float
    tardy_jobs: int
    mean_start_ms: float
    value: float

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: value first, then the tie-break on the mean start."""
        return (self.value, self.mean_start_ms)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A plan for every operation of a problem.

    Attributes:
        assignments: One per operation, sorted by start, cell, job and operation.
        status: "optimal" if no plan has a lower ``objective.value`` (the tie-break on starts is
            improved but not proven); otherwise "feasible".
        engine: What made it: "cp-sat", "dispatch:RULE" or "hint".
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
    completion = [0] * len(problem.jobs)
    starts = count = 0
    for assignment in assignments:
        completion[assignment.job] = max(completion[assignment.job], assignment.end_ms)
        starts += assignment.start_ms
        count += 1
    lateness = [
        (job.weight, max(0, end - job.due_ms))
        for job, end in zip(problem.jobs, completion, strict=True)
        if job.due_ms is not None
    ]
    tardiness = sum(weight * late for weight, late in lateness)
    makespan = max(completion, default=0)
    return Objective(
        makespan_ms=makespan,
        weighted_tardiness=tardiness,
        tardy_jobs=sum(late > 0 for _, late in lateness),
        mean_start_ms=starts / count if count else 0.0,
        value=weights.tardiness * tardiness + weights.makespan * makespan,
    )


def in_order(assignments: Iterable[Assignment]) -> tuple[Assignment, ...]:
    """Assignments sorted by start, cell, job and operation: one order for one plan."""
    return tuple(sorted(assignments, key=lambda a: (a.start_ms, a.cell, a.job, a.operation)))
