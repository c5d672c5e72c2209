"""Problems with every feature at once: whatever comes out of any engine passes the verifier."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from coupled_cases import WEIGHTS, best_of_all, coupled_problems
from hypothesis import HealthCheck, given, settings

from planners.scheduling import (
    Alternative,
    Assignment,
    Buffer,
    Cell,
    InfeasibleProblem,
    Job,
    Operation,
    Operator,
    SchedulingProblem,
    Skill,
    best_of,
    solve,
    verify,
)
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import SearchSettings, improve
from planners.scheduling.dispatch import RULES, TUNED_ATC, TUNED_ATCS, Dispatcher, follow
from planners.scheduling.generate import generate
from planners.scheduling.order_search import OrderSearch, SearchLimits
from planners.scheduling.schedule import Schedule, evaluate
from planners.scheduling.tidy import tidied

relaxed = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)
HORIZON = 11
"""Enumeration looks no further, ms."""


def by_cp_sat(problem, incumbent=None):
    limits = SearchSettings(time.monotonic() + 30, 30, workers=1, effort=10.0)
    return improve(problem, bounds(problem), incumbent, WEIGHTS, limits)


@settings(relaxed, max_examples=40)
@given(coupled_problems())
def test_cp_sat_is_as_good_as_the_best_of_all_plans(problem):
    try:
        bounds(problem)
    except InfeasibleProblem:
        assert best_of_all(problem, HORIZON) is None
        return
    best = best_of_all(problem, HORIZON)
    found = by_cp_sat(problem)
    if best is None:
        return
    assert found.schedule is not None
    assert verify(problem, found.schedule) == []
    value = found.schedule.objective.value
    assert found.lower_bound <= best + 1e-6 or found.schedule.objective.makespan_ms > HORIZON
    if found.proof == "optimal":
        assert value <= best + 1e-6
        assert value == pytest.approx(best) or found.schedule.objective.makespan_ms > HORIZON


@settings(relaxed, max_examples=60)
@given(coupled_problems(most_operations=8, longest=4))
def test_every_plan_of_every_engine_passes_the_verifier(problem):
    try:
        bounds(problem)
        plans = [best_of(problem, WEIGHTS)]
    except InfeasibleProblem:
        return
    dispatcher = Dispatcher(problem)
    for rule in (*RULES.values(), *TUNED_ATC, *TUNED_ATCS):
        try:
            value, _ = dispatcher.run(rule, WEIGHTS)
        except InfeasibleProblem:
            continue  # one rule may run into a dead end: `best_of` has the plan of another
        plan = dispatcher.decoder.assignments()
        plans.append(Schedule(plan, "feasible", "rule", evaluate(problem, plan, WEIGHTS)))
        assert value == pytest.approx(plans[-1].objective.value)
    searched = OrderSearch(problem, plans[0], WEIGHTS, workers=1).run(
        SearchLimits(time.monotonic() + 60, trials=200)
    )
    plans += [searched, tidied(problem, plans[0].assignments, WEIGHTS, "tidied")]
    for plan in plans:
        assert verify(problem, plan) == []
    assert searched.objective.rank <= plans[0].objective.rank


@pytest.mark.parametrize("seed", range(6))
def test_solve_and_followed_plans_pass_the_verifier(seed):
    problem = generate(seed, jobs=8, cells=4)
    plan = solve(problem, time_limit_s=1.5, seed=seed, weights=WEIGHTS)
    assert verify(problem, plan) == []
    assert plan.lower_bound <= plan.objective.value * (1 + 1e-9)
    now = sorted(a.start_ms for a in plan.assignments)[len(plan.assignments) // 3]
    later = replace(
        problem,
        frozen=tuple(a for a in plan.assignments if a.start_ms < now),
        earliest_start_ms=now,
        published=plan.assignments,
    )
    followed = follow(later, plan)
    stated = Schedule(followed, "feasible", "followed", evaluate(later, followed, WEIGHTS))
    assert verify(later, stated) == []


def test_a_number_of_trials_makes_the_search_repeatable():
    problem = generate(3, jobs=8, cells=4)
    before = best_of(problem, WEIGHTS)
    plans = {
        OrderSearch(problem, before, WEIGHTS, seed=5, workers=2)
        .run(SearchLimits(time.monotonic() + 60, trials=400))
        .assignments
        for _ in range(2)
    }
    assert len(plans) == 1


@pytest.mark.parametrize("other", [(), (Alternative(1, 3),)])
def test_two_operations_that_follow_one_on_a_cell_without_a_buffer_find_room(other):
    """What waits for work on its own cell only is not in the way of that work."""
    here = (Alternative(0, 1),)
    fork = (
        Operation("first", (*here, *other)),
        Operation("left", here, (0,)),
        Operation("right", here, (0,)),
    )
    problem = SchedulingProblem(
        (Cell("a", output_buffer=0), Cell("b")),
        (Job("1", fork), Job("2", fork)),
        buffers=(Buffer("none", 0),),
    )
    dispatcher = Dispatcher(problem)
    for rule in RULES.values():
        dispatcher.run(rule, WEIGHTS)
        plan = dispatcher.decoder.assignments()
        schedule = Schedule(plan, "feasible", "rule", evaluate(problem, plan, WEIGHTS))
        assert verify(problem, schedule) == []


@pytest.mark.parametrize(("skill", "kinds"), [(1, set()), (0, {"crew"})])
def test_nobody_is_blamed_for_whom_frozen_work_has_to_do_without(
    skill: int, kinds: set[str]
) -> None:
    """A late operation outlasts its inspector's shift; other work beside it is right."""
    late = Operation("late", (Alternative(0, 10, crew=((0, 1),)),))
    other = Operation("other", (Alternative(1, 5, crew=((skill, 1),)),))
    problem = SchedulingProblem(
        (Cell("left"), Cell("right")),
        (Job("a", (late,)), Job("b", (other,))),
        frozen=(Assignment(0, 0, 0, 0, 20),),
        earliest_start_ms=10,
        skills=(Skill("inspection"), Skill("handling")),
        operators=(Operator("Ann", (0,), ((12, 30),)), Operator("Bo", (1,))),
    )
    plan = (Assignment(0, 0, 0, 0, 20), Assignment(1, 0, 1, 14, 19))
    made = Schedule(plan, "feasible", "by hand", evaluate(problem, plan, WEIGHTS))
    assert {v.kind for v in verify(problem, made)} == kinds
