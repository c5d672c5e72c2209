"""The verifier sees every kind of damage, and agrees with a walk through time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scheduling_cases import holds_tick_by_tick, problems, schedule_of

from planners.scheduling import (
    Alternative,
    Assignment,
    Cell,
    InfeasibleProblem,
    Job,
    Operation,
    SchedulingProblem,
    best_of,
    verify,
)
from planners.scheduling.verify import ViolationKind


def shop() -> SchedulingProblem:
    """Five units over two cells that both close for a while; the first unit is under way."""
    steps = (
        Operation("load", (Alternative(0, 40),)),
        Operation("deburr", (Alternative(0, 60), Alternative(1, 80)), (0,)),
        Operation("pack", (Alternative(1, 50),), (1,)),
    )
    jobs = tuple(Job(f"unit {i}", steps, release_ms=100, due_ms=500) for i in range(5))
    cells = (Cell("left", ((300, 350),)), Cell("right", ((500, 600),)))
    return SchedulingProblem(cells, jobs, (Assignment(0, 0, 0, 90, 140),), 120)


def at(plan, job, operation):
    return next(i for i, a in enumerate(plan) if (a.job, a.operation) == (job, operation))


def damage(problem, plan, kind, rng):
    """The plan with one thing broken, for each kind of violation."""
    i = rng.choice([i for i, a in enumerate(plan) if (a.job, a.operation) != (0, 0)])
    a = plan[i]
    length = a.end_ms - a.start_ms

    def put(index, **change):
        return [*plan[:index], replace(plan[index], **change), *plan[index + 1 :]]

    def moved(index, start):
        span = plan[index].end_ms - plan[index].start_ms
        return put(index, start_ms=start, end_ms=start + span)

    if kind == "unknown":
        return put(i, **rng.choice([{"job": 5}, {"operation": 3}, {"cell": 2}, {"job": -1}]))
    if kind == "missing":
        return [*plan[:i], *plan[i + 1 :]]
    if kind == "duplicate":
        return [*plan, replace(a, start_ms=9000, end_ms=9000 + length)]
    if kind == "frozen":
        return moved(at(plan, 0, 0), 90 + rng.choice([-1, 1, 7]))
    if kind == "cell":
        return put(at(plan, rng.randrange(5), 2), cell=0)
    if kind == "duration":
        return put(i, end_ms=a.end_ms + rng.choice([-1, 1, 10]))
    if kind == "earliest_start":
        return moved(i, rng.randrange(0, 120))
    if kind == "release":
        return moved(i, rng.randrange(0, 100))
    if kind == "calendar":
        start, end = problem.cells[a.cell].unavailable[0]
        return moved(i, rng.randrange(start - length + 1, end))
    if kind == "precedence":
        later = at(plan, rng.randrange(5), rng.choice([1, 2]))
        before = plan[at(plan, plan[later].job, plan[later].operation - 1)]
        return moved(later, before.end_ms - 1)
    other = rng.choice([b for b in plan if b.cell == a.cell and b != a])
    return moved(i, rng.randrange(other.start_ms, other.end_ms))


SIMPLE_KINDS: tuple[ViolationKind, ...] = (
    "unknown",
    "missing",
    "duplicate",
    "frozen",
    "cell",
    "duration",
    "earliest_start",
    "release",
    "calendar",
    "precedence",
    "overlap",
)


@pytest.mark.parametrize("kind", SIMPLE_KINDS)
def test_every_damaged_plan_is_rejected_with_its_kind(kind):
    problem = shop()
    sound = best_of(problem)
    assert verify(problem, sound) == []
    rng = random.Random(kind)
    for _ in range(60):
        plan = damage(problem, list(sound.assignments), kind, rng)
        violations = verify(problem, replace(sound, assignments=tuple(plan)))
        assert kind in {violation.kind for violation in violations}
        assert all(violation.message for violation in violations)


@pytest.mark.parametrize(
    "wrong",
    [{"makespan_ms": 1}, {"weighted_tardiness": 3.0}, {"weighted_tardiness": 1e9}],
)
def test_a_wrong_objective_is_rejected(wrong):
    problem = shop()
    sound = best_of(problem)
    lying = replace(sound, objective=replace(sound.objective, **wrong))
    assert [v.kind for v in verify(problem, lying)] == ["objective"]


def test_a_bound_above_the_value_is_rejected():
    sound = best_of(shop())
    lying = replace(sound, lower_bound=sound.objective.value + 1)
    assert [v.kind for v in verify(shop(), lying)] == ["objective"]


def test_a_message_names_job_operation_and_the_other_one():
    problem = shop()
    sound = best_of(problem)
    plan = damage(problem, list(sound.assignments), "overlap", random.Random(4))
    found = [v for v in verify(problem, schedule_of(plan)) if v.kind == "overlap"]
    assert "job 'unit" in found[0].message
    assert "holds it until" in found[0].message
    assert found[0].cell is not None
    assert found[0].at_ms is not None


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(problems(may_end=False), st.data())
def test_the_verifier_agrees_with_a_walk_through_time(problem, data):
    try:
        plan = list(best_of(problem).assignments)
    except InfeasibleProblem:
        assume(False)
    for _ in range(data.draw(st.integers(0, 3))):
        i = data.draw(st.integers(0, len(plan) - 1))
        shift = data.draw(st.integers(-3, 3))
        cell = data.draw(st.integers(0, 1))
        a = plan[i]
        start = max(0, a.start_ms + shift)
        plan[i] = replace(a, start_ms=start, end_ms=start + a.end_ms - a.start_ms, cell=cell)
    found = [v for v in verify(problem, schedule_of(plan)) if v.kind != "objective"]
    assert (found == []) == holds_tick_by_tick(problem, tuple(plan))
