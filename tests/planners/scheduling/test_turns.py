"""Windows and order search share the time by what they gain, and neither loses a plan."""

from __future__ import annotations

import pytest

from planners.scheduling import best_of, portfolio, solve, turns, verify
from planners.scheduling.generate import BENCHMARK, generate
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


def test_windows_take_turns_with_order_search_in_a_solve(monkeypatch):
    asked = []
    monkeypatch.setattr(portfolio, "SEARCH_SHARE", 0.2)
    monkeypatch.setattr(turns, "_windows", lambda *given: asked.append(1) or kept(*given))
    problem = generate(1, jobs=16, cells=4, features=BENCHMARK)
    before = best_of(problem)
    plan = solve(problem, time_limit_s=4.0, workers=2, windows=True)
    assert asked
    assert verify(problem, plan) == []
    assert plan.objective.rank <= before.objective.rank


kept = turns._windows


def test_where_nobody_wants_them_there_are_no_windows(monkeypatch):
    monkeypatch.setattr(turns, "_windows", lambda *_: pytest.fail("nobody wanted windows"))
    problem = generate(1, jobs=16, cells=4, features=BENCHMARK)
    plan = solve(problem, time_limit_s=1.5, workers=1, windows=False)
    assert verify(problem, plan) == []


def test_who_is_patient_for_a_moment_only_waits_no_longer_for_windows():
    problem = generate(1, jobs=16, cells=4, features=BENCHMARK)
    plan = solve(problem, time_limit_s=60.0, workers=1, patience_s=0.05)
    assert verify(problem, plan) == []
    assert plan.wall_s < 30.0  # a second and OR-Tools' import; the machine may be busy
