"""The search: feasible plans, known optima, the best of all plans, and how it is stopped."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tabu_cases import FEATURES, random_problem, value_of, violations

from planners.scheduling import best_of, verify
from planners.scheduling.errors import ProblemError
from planners.scheduling.instances import read_fjsp, read_jsp
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate
from planners.scheduling.tabu import (
    Tuning,
    from_problem,
    plan_from,
    search,
    to_assignments,
)

DATA = Path(__file__).parents[3] / "data" / "scheduling"


def scheduled(problem, plan, weights=None):
    assignments = to_assignments(problem, plan)
    objective = evaluate(problem, assignments, weights or ObjectiveWeights())
    return Schedule(assignments, "feasible", "tabu", objective)


@pytest.mark.parametrize(
    ("name", "reader", "optimum", "iterations", "seed"),
    [
        ("ft06", read_jsp, 55, 20_000, 0),
        ("ft10", read_jsp, 930, 1_500_000, 0),
        ("la16", read_jsp, 945, 600_000, 0),
        ("mfjs05", read_fjsp, 514, 100_000, 0),
        ("mk01", read_fjsp, 40, 200_000, 0),
        ("mk07", read_fjsp, 139, 600_000, 2),
    ],
)
def test_known_optima_are_found(name, reader, optimum, iterations, seed):
    problem = reader(DATA / f"{name}.txt")
    found = search(from_problem(problem), iterations=iterations, target=optimum, seed=seed)
    assert found.plan.makespan == optimum
    schedule = scheduled(problem, found.plan)
    assert verify(problem, schedule) == []
    assert schedule.objective.makespan_ms == found.plan.makespan


@pytest.mark.parametrize("features", FEATURES, ids=str)
def test_every_plan_keeps_every_rule_and_states_its_value(features):
    rng = np.random.default_rng(3)
    for seed in range(5):
        problem = random_problem(rng, **features)
        told = []
        tuning = Tuning(patience=200, children=2, trial=20)
        found = search(
            problem, iterations=20_000, seed=seed, on_improvement=told.append, tuning=tuning
        )
        assert found.restarts > 0
        assert told[-1] is found.plan
        assert [plan.value for plan in told] == sorted({plan.value for plan in told}, reverse=True)
        for plan in told:
            assert violations(problem, plan) == []
            assert plan.value == pytest.approx(value_of(problem, plan))


def every_plan(problem):
    """All sequences on all choices of cells; what cannot be built is left out."""
    n = len(problem.job)
    preds = [
        set(problem.pred[problem.pred_ptr[v] : problem.pred_ptr[v + 1]].tolist()) for v in range(n)
    ]
    ways = [
        problem.alt_cell[problem.alt_ptr[v] : problem.alt_ptr[v + 1]].tolist() for v in range(n)
    ]
    for order in itertools.permutations(range(n)):
        seen: set[int] = set()
        rank = [0] * n
        for i, v in enumerate(order):
            if not preds[v] <= seen:
                break
            seen.add(v)
            rank[v] = i
        else:
            for cell in itertools.product(*ways):
                yield plan_from(problem, cell, rank)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_plan_of_a_tiny_problem_is_the_best_of_all_plans(weighted):
    rng = np.random.default_rng(4)
    for seed in range(6):
        features = {"dag": True, "setups": True, "transport": True, "weighted": weighted}
        problem = random_problem(rng, jobs=2, operations=3, cells=2, **features)
        best = min(plan.value for plan in every_plan(problem))
        found = search(problem, iterations=20_000, seed=seed, tuning=Tuning(patience=300))
        assert found.plan.value == pytest.approx(best)


def test_the_same_seed_gives_the_same_plan_with_any_number_of_threads():
    problem = from_problem(read_fjsp(DATA / "mk02.txt"))
    tuning = Tuning(patience=700)
    first, second = (
        search(problem, iterations=20_000, seed=7, workers=2, tuning=tuning) for _ in range(2)
    )
    assert first.steps == second.steps
    assert first.restarts == second.restarts > 0
    assert (first.plan.cell == second.plan.cell).all()
    assert (first.plan.start == second.plan.start).all()


def test_it_is_never_worse_than_its_start():
    problem = from_problem(read_fjsp(DATA / "mk02.txt"))
    good = search(problem, iterations=20_000).plan
    assert search(problem, good, iterations=1).plan.value <= good.value


def test_late_jobs_are_less_late_than_with_any_dispatch_rule():
    problem = read_fjsp(DATA / "mk02.txt")
    jobs = tuple(
        replace(job, due_ms=sum(min(a.duration_ms for a in o.alternatives) for o in operations))
        for job in problem.jobs
        for operations in (job.operations,)
    )
    problem = replace(problem, jobs=jobs)
    weights = ObjectiveWeights(tardiness=1000.0)
    found = search(from_problem(problem, weights), iterations=20_000)
    schedule = scheduled(problem, found.plan, weights)
    assert verify(problem, schedule) == []
    assert schedule.objective.value == pytest.approx(found.plan.value)
    assert 0 < schedule.objective.value < 0.95 * best_of(problem, weights).objective.value


def test_the_deadline_ends_it():
    problem = from_problem(read_fjsp(DATA / "mk02.txt"))
    deadline = time.monotonic() + 0.05
    search(problem, deadline=deadline, workers=2)
    assert time.monotonic() >= deadline


def test_a_deadline_that_has_passed_still_gives_a_plan():
    problem = read_fjsp(DATA / "mk02.txt")
    found = search(from_problem(problem), deadline=time.monotonic() - 1)
    assert verify(problem, scheduled(problem, found.plan)) == []


@pytest.mark.timeout(60)
def test_it_stops_when_it_is_told_to():
    problem = from_problem(read_fjsp(DATA / "mk02.txt"))
    asked = []
    search(
        problem,
        deadline=time.monotonic() + 1e6,
        workers=2,
        should_stop=lambda: asked.append(True) or len(asked) > 5,
    )


@pytest.mark.timeout(60)
def test_it_stops_at_its_target():
    problem = from_problem(read_fjsp(DATA / "mk01.txt"))
    found = search(problem, deadline=time.monotonic() + 1e6, target=45)
    assert found.plan.makespan <= 45


def test_an_error_in_a_callback_reaches_the_caller():
    def fail(plan):
        raise RuntimeError("no")

    problem = from_problem(read_fjsp(DATA / "mk01.txt"))
    with pytest.raises(RuntimeError, match="no"):
        search(problem, deadline=time.monotonic() + 1e6, workers=2, on_improvement=fail)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"deadline": 1.0, "iterations": 1}, {"iterations": 1, "workers": 0}],
    ids=str,
)
def test_arguments_that_make_no_sense_are_refused(arguments):
    problem = from_problem(read_fjsp(DATA / "mk01.txt"))
    with pytest.raises(ProblemError):
        search(problem, **arguments)
