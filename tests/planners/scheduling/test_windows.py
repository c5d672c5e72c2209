"""A window keeps every rule, never makes a plan worse, and is exact where it is everything."""

from __future__ import annotations

import pytest
from coupled_cases import WEIGHTS, best_of_all, coupled_problems
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.scheduling import InfeasibleProblem, best_of, verify
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.cpsat.variables import Window
from planners.scheduling.cpsat.windows import KINDS, WindowSearch, around
from planners.scheduling.generate import Features, generate

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
