"""Small problems with every feature: the engines against all plans there are."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from scheduling_cases import best_by_enumeration, problems

from planners.scheduling import InfeasibleProblem, ObjectiveWeights, solve, verify
from planners.scheduling.bounds import bounds
from planners.scheduling.dispatch import RULES, dispatch
from planners.scheduling.schedule import Schedule, evaluate
from planners.scheduling.tidy import tidied

WEIGHTS = ObjectiveWeights()
relaxed = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def contradicts_itself(problem):
    """Whether frozen operations overlap on a cell or start before what precedes them."""
    by_key = {(a.job, a.operation): a for a in problem.frozen}
    return any(
        (a.cell == b.cell and a.start_ms < b.end_ms and b.start_ms < a.end_ms)
        or (
            a.job == b.job
            and b.operation in problem.jobs[a.job].operations[a.operation].predecessors
            and a.start_ms < b.end_ms
        )
        for a in by_key.values()
        for b in by_key.values()
        if a != b
    )


@settings(relaxed, max_examples=80)
@given(problems())
def test_the_plan_is_as_good_as_the_best_of_all_plans(problem):
    best = best_by_enumeration(problem, WEIGHTS)
    if best is None or contradicts_itself(problem):
        with pytest.raises(InfeasibleProblem) as raised:
            solve(problem, workers=1, time_limit_s=20)
        assert raised.value.conflicts
        return
    schedule = solve(problem, workers=1, time_limit_s=20)
    assert verify(problem, schedule) == []
    assert schedule.status == "optimal"
    assert schedule.objective.value == pytest.approx(best)
    assert schedule.lower_bound == pytest.approx(best)


@settings(relaxed, max_examples=60)
@given(problems())
def test_no_plan_beats_the_bounds(problem):
    best = best_by_enumeration(problem, WEIGHTS)
    if best is None or contradicts_itself(problem):
        return  # whether that is seen is the test above
    assert bounds(problem).value(problem, WEIGHTS) <= best


@settings(relaxed, max_examples=100)
@given(problems(most_operations=12, may_end=False))
def test_every_rule_makes_a_valid_plan_and_tidying_never_harms(problem):
    try:
        bounds(problem)
    except InfeasibleProblem:
        return
    for rule in RULES.values():
        plan = dispatch(problem, rule)
        objective = evaluate(problem, plan, WEIGHTS)
        assert verify(problem, Schedule(plan, "feasible", "rule", objective)) == []
        tidy = tidied(problem, plan, WEIGHTS, "rule")
        assert verify(problem, tidy) == []
        assert tidy.objective.rank <= objective.rank
