"""Search over orders keeps every rule, never loses what it was given, and ends when told to."""

from __future__ import annotations

import time
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
from planners.scheduling.order_search import OrderSearch, SearchLimits, usual_trials
from planners.scheduling.timeline import Timeline

DATA = Path(__file__).parents[2] / "data" / "scheduling"
WEIGHTS = ObjectiveWeights()


def searched(problem, before, *, trials, seed=1, workers=1, **limits):
    search = OrderSearch(problem, before, WEIGHTS, seed=seed, workers=workers)
    return search.run(SearchLimits(time.monotonic() + 60, trials, **limits))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(problems(most_operations=12))
def test_search_keeps_every_rule_and_never_makes_a_plan_worse(problem):
    try:
        before = best_of(problem)
    except InfeasibleProblem:
        return
    if verify(problem, before):
        return  # frozen operations that contradict each other
    after = searched(problem, before, trials=100)
    assert verify(problem, after) == []
    assert after.objective.rank <= before.objective.rank


def test_search_shortens_what_the_rules_found():
    problem = read_jsp(DATA / "ft10.txt")
    before = best_of(problem)
    after = searched(problem, before, trials=5000)
    assert verify(problem, after) == []
    assert 930 <= after.objective.makespan_ms < 0.97 * before.objective.makespan_ms


def test_the_same_seed_finds_the_same_on_any_number_of_cores():
    problem = read_fjsp(DATA / "mk02.txt")
    before = best_of(problem)
    plans = {
        searched(problem, before, trials=500, seed=seed, workers=2).assignments
        for seed in (3, 3, 4)
    }
    assert len(plans) == 2


def test_the_search_ends_when_it_is_told_to():
    problem = read_fjsp(DATA / "mk02.txt")
    before = best_of(problem)
    asked = []

    def should_stop() -> bool:
        asked.append(True)
        return len(asked) > 4

    searched(problem, before, trials=1_000_000, should_stop=should_stop)
    assert len(asked) == 5


def test_large_problems_get_fewer_trials():
    assert usual_trials(100, 1.0) > 5 * usual_trials(1000, 1.0)


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
