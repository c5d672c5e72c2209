"""A window keeps every rule, never makes a plan worse, and is exact where it is everything."""

from __future__ import annotations

import pytest
from coupled_cases import WEIGHTS, best_of_all, coupled_problems
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.scheduling import (
    Alternative,
    Assignment,
    Cell,
    InfeasibleProblem,
    Job,
    Operation,
    Operator,
    SchedulingProblem,
    Skill,
    best_of,
    verify,
)
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.cpsat.variables import Window
from planners.scheduling.cpsat.windows import KINDS, WindowSearch, around
from planners.scheduling.generate import Features, generate
from planners.scheduling.schedule import Schedule, evaluate

LONG_S = 60.0
HORIZON = 11
"""Enumeration looks no further, ms."""
relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def planned(problem):
    """Its best rule's plan and a window search; None where there is no plan."""
    try:
        plan = best_of(problem, WEIGHTS)
    except InfeasibleProblem:
        return None
    return plan, WindowSearch(problem, bounds(problem), WEIGHTS)


@settings(relaxed, max_examples=40)
@given(coupled_problems(most_operations=8, longest=4), st.data())
def test_each_window_keeps_every_rule_and_never_makes_the_plan_worse(problem, data):
    made = planned(problem)
    if made is None:
        return
    plan, search = made
    free = search.free(data.draw(st.sampled_from(KINDS)), plan)
    keys = data.draw(st.sets(st.sampled_from(sorted(free)))) if free else set()
    window = around(plan, frozenset(keys))
    found, _ = search.solve(plan, window, LONG_S)
    assert search.unfit == 0  # the plan itself is one of the window's
    assert found is not None
    assert verify(problem, found) == []
    after = search.once(plan, LONG_S)
    assert verify(problem, after) == []
    assert after.objective.rank <= plan.objective.rank


@settings(relaxed, max_examples=25)
@given(coupled_problems(most_operations=3))
def test_the_window_that_is_everything_finds_the_best_of_all_plans(problem):
    made = planned(problem)
    if made is None:
        return
    plan, search = made
    everything = frozenset(problem.operation_keys()) - problem.frozen_by_key().keys()
    window = Window(everything, {}, 0, max(HORIZON, plan.objective.makespan_ms))
    found, exhausted = search.solve(plan, window, LONG_S)
    assert found is not None
    assert exhausted
    assert verify(problem, found) == []
    best = best_of_all(problem, HORIZON)
    if best is None or not PlantModel(problem, bounds(problem), WEIGHTS, window=window).exact:
        return
    assert found.objective.value <= best + 1e-6
    late = found.objective.makespan_ms > HORIZON
    assert late or found.objective.value == pytest.approx(best)


def everything_anew(problem, plan):
    """What the window that frees everything makes of a plan."""
    search = WindowSearch(problem, bounds(problem), WEIGHTS)
    window = Window(frozenset(problem.operation_keys()), {}, 0, plan.objective.makespan_ms)
    found, _ = search.solve(plan, window, LONG_S)
    assert found is not None
    assert verify(problem, found) == []
    return found


def as_plan(problem, *assignments):
    return Schedule(assignments, "feasible", "hand", evaluate(problem, assignments, WEIGHTS))


def test_a_window_brings_the_urgent_job_forward():
    jobs = (
        Job("urgent", (Operation("a", (Alternative(0, 5),)),), due_ms=5),
        Job("other", (Operation("b", (Alternative(0, 3),)),), due_ms=20),
    )
    problem = SchedulingProblem((Cell("only"),), jobs)
    late = as_plan(problem, Assignment(1, 0, 0, 0, 3), Assignment(0, 0, 0, 3, 8))
    found = everything_anew(problem, late)
    assert late.objective.weighted_tardiness == 3
    assert found.objective.weighted_tardiness == 0


def test_a_plan_of_a_model_that_is_wider_than_the_problem_is_decoded_again():
    # The model does not count who is needed for work that pauses: it would do both at once.
    jobs = tuple(
        Job(f"job {c}", (Operation("x", (Alternative(c, 4, crew=((0, 1),)),), interruptible=True),))
        for c in range(2)
    )
    problem = SchedulingProblem(
        tuple(Cell(f"cell {c}", ((2, 3),)) for c in range(2)),
        jobs,
        skills=(Skill("handling"),),
        operators=(Operator("only one", (0,)),),
    )
    in_turn = as_plan(problem, Assignment(0, 0, 0, 0, 5), Assignment(1, 0, 1, 5, 9))
    assert verify(problem, in_turn) == []
    assert everything_anew(problem, in_turn).objective.value >= in_turn.objective.value


def test_windows_gain_on_what_the_rules_made():
    problem = generate(1, jobs=8, cells=4, features=Features())
    plan = best_of(problem)
    search = WindowSearch(problem, bounds(problem), WEIGHTS, seed=1)
    first = plan.objective.value
    for _ in range(6):
        plan = search.once(plan, LONG_S)
        assert verify(problem, plan) == []
    assert search.unfit == 0
    assert plan.objective.value < first
