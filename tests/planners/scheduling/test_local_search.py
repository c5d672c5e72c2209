"""Moves keep every rule, never lose what they were given, and end when they are told to."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from scheduling_cases import problems

from planners.scheduling import (
    InfeasibleProblem,
    ObjectiveWeights,
    best_of,
    read_fjsp,
    read_jsp,
    verify,
)
from planners.scheduling.local_search import improve_by_moves, usual_moves
from planners.scheduling.timeline import Timeline

DATA = Path(__file__).parents[2] / "data" / "scheduling"
WEIGHTS = ObjectiveWeights()


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(problems(most_operations=12))
def test_moves_keep_every_rule_and_never_make_a_plan_worse(problem):
    try:
        before = best_of(problem)
    except InfeasibleProblem:
        return
    if verify(problem, before):
        return  # frozen operations that contradict each other
    after = improve_by_moves(problem, before, WEIGHTS, moves=60, seed=1)
    assert verify(problem, after) == []
    assert after.objective.rank <= before.objective.rank


def test_moves_shorten_what_the_rules_found():
    problem = read_jsp(DATA / "ft10.txt")
    before = best_of(problem)
    after = improve_by_moves(problem, before, WEIGHTS, moves=2000, seed=1)
    assert verify(problem, after) == []
    assert 930 <= after.objective.makespan_ms < 0.97 * before.objective.makespan_ms


def test_the_same_seed_moves_the_same():
    problem = read_fjsp(DATA / "mk02.txt")
    before = best_of(problem)
    plans = {
        improve_by_moves(problem, before, WEIGHTS, moves=300, seed=seed).assignments
        for seed in (3, 3, 4)
    }
    assert len(plans) == 2


def test_the_search_ends_at_the_bound_and_when_the_time_is_spent():
    problem = read_fjsp(DATA / "mk02.txt")
    before = best_of(problem)
    asked = []

    def spent() -> float:
        asked.append(True)
        return 0.0 if len(asked) < 5 else 1.0

    improve_by_moves(problem, before, WEIGHTS, moves=10_000, seed=1, spent=spent)
    assert len(asked) == 5
    at_bound = improve_by_moves(
        problem, before, WEIGHTS, moves=10_000, seed=1, floor=before.objective.value
    )
    assert at_bound is before


def test_large_problems_get_fewer_moves():
    assert usual_moves(0) == 0
    assert usual_moves(10) == 450
    assert usual_moves(1000) == 400


def test_intervals_that_touch_are_joined_and_gaps_are_found():
    timeline = Timeline(((10, 20), (30, 40)))
    assert timeline.earliest_start(0, 10) == 0
    assert timeline.earliest_start(5, 10) == 20
    assert timeline.earliest_start(0, 11) == 40
    timeline.occupy(20, 30)
    assert timeline.earliest_start(9, 1) == 9
    assert timeline.earliest_start(9, 2) == 40
    timeline.occupy(0, 10)
    timeline.occupy(40, 41)
    assert timeline.earliest_start(0, 1) == 41
