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
    makespan = incumbent.objective.makespan_ms
    floor = known.value(problem, weights)
    if known.makespan_ms >= makespan:
        return SearchResult(incumbent, incumbent.objective.value, "optimal")
    shop = PlantModel(problem, known, weights, end_by=makespan - 1)
    # No improvement is what a proof looks like: patience limits its time as a whole.
    deadline = min(settings.deadline, time.monotonic() + settings.patience_s)
    patient = replace(settings, deadline=deadline, patience_s=float("inf"))
    best, bound, status = run_model(shop, weights, incumbent, patient, _tuned)
    assert best is not None  # the incumbent at least
    if status == cp_model.INFEASIBLE or (status == cp_model.OPTIMAL and shop.exact):
        return SearchResult(best, best.objective.value, "optimal")
    return SearchResult(best, min(max(floor, bound), best.objective.value), "none")


def _tuned(solver: cp_model.CpSolver) -> None:
    # ft10: 0.7 s of CPU instead of more than 18 without it.
    solver.parameters.use_strong_propagation_in_disjunctive = True
