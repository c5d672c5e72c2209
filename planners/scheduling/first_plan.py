"""The plan that takes no search: the best rule's, or an earlier one as far as it still holds."""

from __future__ import annotations

from collections.abc import Callable

from planners.scheduling.dispatch import best_of, follow
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule
from planners.scheduling.tidy import tidied
from planners.scheduling.verify import verify


def first_plan(
    problem: SchedulingProblem,
    weights: ObjectiveWeights,
    hint: Schedule | None,
    out_of_time: Callable[[], bool],
    on_first: Callable[[Schedule], None],
) -> tuple[Schedule | None, InfeasibleProblem | None]:
    """The best plan that takes no search, or why dispatching failed."""
    best: Schedule | None = None
    failure: InfeasibleProblem | None = None
    try:
        best = best_of(problem, weights, out_of_time=out_of_time, on_first=on_first)
    except InfeasibleProblem as error:
        failure = error
    if hint is not None:
        hinted = _from_hint(problem, weights, hint)
        if hinted is not None and (best is None or hinted.objective.value <= best.objective.value):
            best = hinted
    if best is not None:
        best = tidied(problem, best.assignments, weights, best.engine)
    return best, failure


def _from_hint(
    problem: SchedulingProblem, weights: ObjectiveWeights, hint: Schedule
) -> Schedule | None:
    """The hint itself, left-shifted, where it still holds; else a plan that follows its order."""
    if all(v.kind == "objective" for v in verify(problem, hint)):
        return tidied(problem, hint.assignments, weights, "hint")
    try:
        return tidied(problem, follow(problem, hint), weights, "hint")
    except InfeasibleProblem:
        return None
