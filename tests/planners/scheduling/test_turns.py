"""Windows and order search share the time by what they gain, and neither loses a plan."""

from __future__ import annotations

import time

import pytest

from planners.scheduling import ObjectiveWeights, best_of, solve, turns, verify
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import WindowSearch
from planners.scheduling.generate import BENCHMARK, generate
from planners.scheduling.local_search import Task
from planners.scheduling.turns import MOST_FRUITLESS, Shares


def test_who_gains_more_in_a_second_gets_more_of_the_next_turn():
    shares = Shares()
    shares.note(30.0, 1.0, 10.0, 1.0)
    assert shares.windows == pytest.approx((0.5 + 0.75) / 2)
    shares.note(0.0, 1.0, 10.0, 1.0)
    assert shares.windows == pytest.approx((0.5 + 0.75) / 4)


def test_windows_that_gain_nothing_get_nothing_in_the_end():
    shares = Shares()
    for _ in range(MOST_FRUITLESS):
        assert shares.windows > 0
        shares.note(0.0, 1.0, 0.0, 1.0)
    assert shares.windows == 0


def test_turns_keep_every_rule_lose_nothing_and_end_when_they_are_told_to(monkeypatch):
    tried = []
    once = WindowSearch.once
    monkeypatch.setattr(WindowSearch, "once", lambda *given: tried.append(1) or once(*given))
    problem = generate(1, jobs=16, cells=4, features=BENCHMARK)
    before = best_of(problem)
    told = []
    task = Task(
        problem, ObjectiveWeights(), time.monotonic() + 60, None, 2, 0, 0.0,
        lambda: len(tried) > 8, told.append,
    )  # fmt: skip
    plan = turns.go_on_in_turns(task, bounds(problem), before)
    assert verify(problem, plan) == []
    assert plan.objective.rank < before.objective.rank
    assert told[-1] == plan
    assert len(tried) <= 10


@pytest.mark.parametrize("wanted", [True, False])
def test_a_coupled_problem_far_from_a_proof_ends_with_turns_if_they_are_wanted(monkeypatch, wanted):
    asked = []
    monkeypatch.setattr(turns, "go_on_in_turns", lambda *given: asked.append(1) or given[2])
    problem = generate(1, jobs=16, cells=4, features=BENCHMARK)
    # It is patient for a moment only, so that the time limit decides nothing.
    plan = solve(problem, time_limit_s=60.0, workers=1, patience_s=0.05, windows=wanted)
    assert verify(problem, plan) == []
    assert bool(asked) == wanted


def test_who_is_patient_for_a_moment_only_waits_no_longer_for_windows(monkeypatch):
    given = []
    monkeypatch.setattr(
        turns, "go_on_in_turns", lambda task, _, plan: given.append(until(task)) or plan
    )

    def until(task):
        return task.deadline - time.monotonic()

    problem = generate(1, jobs=16, cells=4, features=BENCHMARK)
    solve(problem, time_limit_s=60.0, workers=1, patience_s=0.05)
    assert given[0] <= 0.05
