"""Bounds and proofs: never above an optimum, and met where a public file says so."""

from __future__ import annotations

import time
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planners.scheduling import ObjectiveWeights, best_of, verify
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import SearchSettings, prove
from planners.scheduling.formats import read_instance
from planners.scheduling.proving import only_makespan_counts
from planners.scheduling.strong_bounds import preemptive_makespan, strengthened

DATA = Path(__file__).parents[2] / "data" / "scheduling"
OPTIMA = {
    "mk01.txt": 40, "mk02.txt": 26, "mk07.txt": 139, "mfjs05.txt": 514, "ft06.txt": 55,
    "ft10.txt": 930, "la16.txt": 945, "Fattahi_setup_10.fjs": 541,
}  # fmt: skip
MAKESPAN = ObjectiveWeights(tardiness=0.0, left_shift=False)
small = st.integers(0, 12)
tasks = st.lists(st.tuples(small, st.integers(1, 9), small), min_size=1, max_size=6)


@given(tasks)
def test_jacksons_rule_is_the_largest_of_all_subsets(some):
    # Carlier 1982: least head plus all work plus least tail, over every subset.
    best = 0
    for size in range(1, len(some) + 1):
        for part in combinations(some, size):
            heads, durations, tails = zip(*part, strict=True)
            best = max(best, min(heads) + sum(durations) + min(tails))
    assert preemptive_makespan(some) == best


@pytest.mark.parametrize(("name", "optimum"), OPTIMA.items())
def test_no_bound_is_above_a_proven_optimum(name, optimum):
    problem = read_instance(DATA / name).problem
    known = bounds(problem)
    strong = strengthened(problem, known)
    assert known.makespan_ms <= strong.makespan_ms <= optimum


def test_work_that_can_go_to_two_cells_is_divided_between_them():
    problem = read_instance(DATA / "mk02.txt").problem
    assert strengthened(problem, bounds(problem)).makespan_ms == 26  # 25.28 without rounding up


def settings(seconds: float) -> SearchSettings:
    return SearchSettings(time.monotonic() + seconds, seconds, workers=2)


@pytest.mark.parametrize("name", ["ft06.txt", "mk01.txt", "Fattahi_setup_10.fjs"])
def test_from_any_plan_the_proof_comes_to_the_optimum(name):
    problem = read_instance(DATA / name).problem
    assert only_makespan_counts(problem, MAKESPAN)
    known = strengthened(problem, bounds(problem))
    start = best_of(problem, MAKESPAN)
    found = prove(problem, known, start, MAKESPAN, settings(60.0))
    assert found.proof == "optimal"
    assert found.schedule is not None
    assert found.schedule.objective.makespan_ms == OPTIMA[name] == found.lower_bound
    assert verify(problem, found.schedule) == []


def test_without_time_nothing_is_claimed():
    problem = read_instance(DATA / "ft10.txt").problem
    known = strengthened(problem, bounds(problem))
    start = best_of(problem, MAKESPAN)
    found = prove(problem, known, start, MAKESPAN, settings(0.0))
    assert found.proof == "none"
    assert found.schedule is start
    assert found.lower_bound <= 930
