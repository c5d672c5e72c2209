"""Weighted tardiness on generated plants whose cells are coupled: every rule, `solve`, CP-SAT.

Setups that need an operator, calendars, operators with skills, fixtures, pallets, limited buffers
and transport, all on (`planners.scheduling.generate`, features ``BENCHMARK``). `solve` and CP-SAT
get the same seconds and threads; CP-SAT solves the full model, hinted with the best rule.
"""

from __future__ import annotations

import time
from typing import Any

from planners.scheduling import (
    ObjectiveWeights,
    Schedule,
    SchedulingProblem,
    best_of,
    solve,
    verify,
)
from planners.scheduling.bounds import bounds
from planners.scheduling.generate import BENCHMARK, generate

SEEDS = (1, 2, 3, 4, 5)
JOBS = {25: 6, 60: 10}
"""Jobs: cells. About 4.5 operations each."""
WEIGHTS = ObjectiveWeights()


def cases() -> dict[str, SchedulingProblem]:
    """Name: problem."""
    return {
        f"{jobs} jobs, seed {seed}": generate(seed, jobs=jobs, cells=cells, features=BENCHMARK)
        for jobs, cells in JOBS.items()
        for seed in SEEDS
    }


def measure(problem: SchedulingProblem, seconds: float, workers: int, seed: int) -> dict[str, Any]:
    """Rule, `solve` and CP-SAT on one plant; every plan goes through the verifier."""
    from planners.scheduling import cpsat

    begin = time.monotonic()
    rule = best_of(problem, WEIGHTS)
    rules_s = time.monotonic() - begin
    found = solve(
        problem, time_limit_s=seconds, workers=workers, seed=seed, weights=WEIGHTS,
        patience_s=seconds,
    )  # fmt: skip
    begin = time.monotonic()
    settings = cpsat.SearchSettings(begin + seconds, seconds, workers=workers, seed=seed)
    result = cpsat.improve(problem, bounds(problem), rule, WEIGHTS, settings)
    cp_sat_s = time.monotonic() - begin
    proved = result.schedule or rule
    plans = {"rule": (rule, rules_s), "solve": (found, found.wall_s), "cp-sat": (proved, cp_sat_s)}
    return {
        "operations": sum(len(job.operations) for job in problem.jobs),
        "bound": max(result.lower_bound, found.lower_bound),
        "faults": [f.message for plan, _ in plans.values() for f in verify(problem, plan)[:5]],
        **{name: _terms(plan, wall_s) for name, (plan, wall_s) in plans.items()},
    }


def _terms(plan: Schedule, wall_s: float) -> dict[str, Any]:
    return {
        "value": plan.objective.value,
        "weighted_tardiness_s": plan.objective.weighted_tardiness / 1000,
        "tardy_jobs": plan.objective.tardy_jobs,
        "makespan_ms": plan.objective.makespan_ms,
        "engine": plan.engine,
        "wall_s": round(wall_s, 3),
    }
