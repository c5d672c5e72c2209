"""Repair of any problem: with people, calendars, buffers and whatever else couples cells.

At once the published plan is decoded in its order, with every constraint in place; what it can no
longer do where it was to, goes where it ends first. Then the engines of `solve` search on from
there, with stability in the objective. Every plan has passed `verify`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from planners.scheduling.bounds import bounds
from planners.scheduling.dispatch import best_of, follow
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.local_search import Task, search
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.repair.engine import RepairRejectedError
from planners.scheduling.schedule import Objective, ObjectiveWeights, Schedule, evaluate
from planners.scheduling.verify import verify

STABLE: Final = ObjectiveWeights(moved=2_000.0, resequenced=0.0)
"""A repair moves an operation to another cell only for 2 s of makespan, or 2 ms of lateness."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a better plan is worth publishing: people and parts have to follow it.

    Attributes:
        gain: Least gain of the objective's value (without stability), absolute.
        gain_per_moved: And that much more for each operation on another cell than published.
    """

    gain: float = 1_000.0
    gain_per_moved: float = 500.0

    def is_worth(self, before: Objective, after: Objective, moved: int) -> bool:
        """Whether to publish the plan after instead of the one before."""
        return _unstable(before) - _unstable(after) >= self.gain + self.gain_per_moved * moved


def _unstable(objective: Objective) -> float:
    """What a plan is worth by itself: lateness before makespan, as in `ObjectiveWeights`."""
    usual = ObjectiveWeights()
    return (
        usual.tardiness * objective.weighted_tardiness
        + usual.makespan * objective.makespan_ms
        + usual.energy * objective.energy_cost
        + usual.labour * objective.labour_cost
        + usual.left_out * objective.left_out_cost
    )


def moved_between(before: tuple[Assignment, ...], after: tuple[Assignment, ...]) -> int:
    """How many operations are on another cell."""
    cells = {(a.job, a.operation): a.cell for a in before}
    return sum(cells.get((a.job, a.operation), a.cell) != a.cell for a in after)


def mend_at_once(problem: SchedulingProblem, weights: ObjectiveWeights = STABLE) -> Schedule:
    """A plan that holds and changes only what is hit.

    Args:
        problem: With the published plan in ``published`` (see `disturb`).
        weights: For the value of the plan.

    Raises:
        InfeasibleProblem: No plan was found: the calendars leave no room.
        RepairRejectedError: The verifier refused it.
    """
    hint = Schedule(
        problem.published, "feasible", "published", evaluate(problem, problem.published, weights)
    )
    try:
        plan = follow(problem, hint)
        made = Schedule(plan, "feasible", "repair", evaluate(problem, plan, weights))
    except InfeasibleProblem:
        made = replace(best_of(problem, weights), engine="repair:dispatch")
    return _verified(problem, made)


def mend(
    problem: SchedulingProblem,
    plan: Schedule,
    *,
    time_limit_s: float = 0.08,
    effort: float | None = None,
    workers: int = 2,
    seed: int = 0,
    weights: ObjectiveWeights = STABLE,
    should_stop: Callable[[], bool] = lambda: False,
) -> Schedule:
    """A better plan for the same problem, with stability in the objective; never a worse one.

    Args:
        problem: With the published plan in ``published``.
        plan: What to begin from (`mend_at_once`).
        time_limit_s: Wall time.
        effort: Counted work instead, as in `solve`; then the result is repeatable.
        workers: Threads.
        seed: Seed.
        weights: How the terms are traded.
        should_stop: Asked often.

    Raises:
        RepairRejectedError: The verifier refused the plan.
    """
    deadline = time.monotonic() + time_limit_s
    floor = bounds(problem).value(problem, weights)
    task = Task(
        problem, weights, deadline, effort, workers, seed, floor, should_stop, lambda _: None
    )
    start = replace(plan, objective=evaluate(problem, plan.assignments, weights))
    found = search(task, start)
    if found.objective.rank >= start.objective.rank:
        return plan
    return _verified(problem, replace(found, engine=f"repair:{found.engine}"))


def _verified(problem: SchedulingProblem, plan: Schedule) -> Schedule:
    broken = [v.message for v in verify(problem, plan) if v.kind != "objective"]
    if broken:
        raise RepairRejectedError(broken)
    return plan
