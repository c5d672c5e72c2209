"""Proves that no plan ends sooner: everything has to be done a millisecond before the best one.

With heads, tails and that end, the windows in which operations may start become narrow, and the
search for a plan becomes the search for a contradiction, which needs another tuning than the search
for better plans. What it finds instead, if there is no contradiction, is a better plan.
"""

from __future__ import annotations

import time
from dataclasses import replace

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.cpsat.search import SearchResult, SearchSettings, run_model
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule

SHARE_FROM_BELOW = 0.6
"""Share of the time that this may take."""


def prove(
    problem: SchedulingProblem,
    known: Bounds,
    incumbent: Schedule,
    weights: ObjectiveWeights,
    settings: SearchSettings,
) -> SearchResult:
    """Look for a plan that ends before the incumbent; where there is none, it is optimal.

    Only the makespan may count, and nothing may couple cells (`proving.only_makespan_counts`).
    """
    # No improvement is what a proof looks like: patience limits its time as a whole.
    deadline = min(settings.deadline, time.monotonic() + settings.patience_s)
    patient = replace(settings, deadline=deadline, patience_s=float("inf"))
    best: Schedule | None
    best, known = _from_below(problem, known, incumbent, weights, patient)
    floor = known.value(problem, weights)
    makespan = best.objective.makespan_ms
    if known.makespan_ms >= makespan:
        return SearchResult(best, best.objective.value, "optimal")
    shop = PlantModel(problem, known, weights, end_by=makespan - 1)
    best, bound, status = run_model(shop, weights, best, patient, _tuned)
    assert best is not None  # the incumbent at least
    if status == cp_model.INFEASIBLE or (status == cp_model.OPTIMAL and shop.exact):
        return SearchResult(best, best.objective.value, "optimal")
    return SearchResult(best, min(max(floor, bound), best.objective.value), "none")


def _from_below(
    problem: SchedulingProblem,
    known: Bounds,
    incumbent: Schedule,
    weights: ObjectiveWeights,
    settings: SearchSettings,
) -> tuple[Schedule, Bounds]:
    """Where the gap is small: a plan that ends at the bound, or a better bound, ms by ms.

    A plan at the bound is optimal, however far the incumbent is from it.
    """
    best = incumbent
    until = time.monotonic() + SHARE_FROM_BELOW * (settings.deadline - time.monotonic())
    limited = replace(settings, deadline=until)
    # A gap of 1 ms is left to the search from above: it asks the same, and has more time.
    while known.makespan_ms + 1 < best.objective.makespan_ms and known.is_near(
        best.objective.makespan_ms
    ):
        if time.monotonic() >= until or settings.should_stop():
            break
        shop = PlantModel(problem, known, weights, end_by=known.makespan_ms)
        found, _, status = run_model(shop, weights, best, limited, _tuned)
        assert found is not None  # the incumbent at least
        best = found
        if status != cp_model.INFEASIBLE:
            break
        known = replace(known, makespan_ms=known.makespan_ms + 1)
    return best, known


def _tuned(solver: cp_model.CpSolver) -> None:
    # ft10: 0.7 s of CPU instead of more than 18 without it.
    solver.parameters.use_strong_propagation_in_disjunctive = True
