"""Known optima, and what a caller relies on: time limit, cancel, hint, repeatability, fallback."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from planners.scheduling import (
    Alternative,
    Assignment,
    Cell,
    Job,
    ObjectiveWeights,
    Operation,
    SchedulingProblem,
    best_of,
    read_fjsp,
    read_jsp,
    solve,
    verify,
)
from planners.scheduling.tidy import identical_jobs

DATA = Path(__file__).parents[2] / "data" / "scheduling"
MAKESPAN = ObjectiveWeights(left_shift=False)


def batch(seed: int = 1, orders: int = 12, units: int = 27) -> SchedulingProblem:
    """A batch like the example's: three products, two cells with calendars, due dates, weights."""
    rng = random.Random(seed)
    minute = 60_000
    recipes = (
        (((0, 52_000),), ((0, 74_000), (1, 95_000)), ((1, 63_000),)),
        (((0, 40_000),), ((0, 55_000),), ((1, 52_000), (0, 90_000)), ((1, 66_000),)),
        (((0, 35_000), (1, 41_000)), ((1, 80_000),), ((1, 30_000), (0, 44_000))),
    )
    quantities = [2] * orders
    for _ in range(units - 2 * orders):
        quantities[rng.randrange(orders)] += 1
    jobs = []
    for i, quantity in enumerate(quantities):
        operations = tuple(
            Operation(f"op{k}", tuple(Alternative(*way) for way in ways), (k - 1,) if k else ())
            for k, ways in enumerate(recipes[i % 3])
        )
        release = rng.choice((0, 0, 10 * minute))
        due = release + rng.choice((20, 30, 45)) * minute
        weight = rng.choice((1.0, 2.0, 4.0))
        jobs += [Job(f"W{i}/{u}", operations, release, due, weight) for u in range(quantity)]
    closed = ((12 * minute, 14 * minute), (40 * minute, 50 * minute))
    return SchedulingProblem(
        (Cell("loading", closed), Cell("assembly", ((25 * minute, 30 * minute),))), tuple(jobs)
    )


@pytest.mark.parametrize(
    ("name", "read", "makespan"),
    [("mfjs05", read_fjsp, 514), ("mk01", read_fjsp, 40)],
)
def test_known_optima_are_found_and_proven(name, read, makespan):
    problem = read(DATA / f"{name}.txt")
    schedule = solve(problem, time_limit_s=90, patience_s=90, weights=MAKESPAN)
    assert verify(problem, schedule) == []
    assert (schedule.objective.makespan_ms, schedule.status) == (makespan, "optimal")
    assert schedule.lower_bound == makespan
    assert schedule.gap == 0


@pytest.mark.parametrize(
    ("name", "read", "optimum"),
    [("mk07", read_fjsp, 139), ("ft10", read_jsp, 930), ("la16", read_jsp, 945)],
)
def test_bounds_and_plans_enclose_the_known_optimum(name, read, optimum):
    problem = read(DATA / f"{name}.txt")
    schedule = solve(problem, time_limit_s=2, weights=MAKESPAN)
    assert verify(problem, schedule) == []
    assert schedule.lower_bound <= optimum <= schedule.objective.makespan_ms <= 1.25 * optimum


def test_a_batch_is_planned_better_than_by_any_rule():
    problem = batch()
    schedule = solve(problem)
    assert verify(problem, schedule) == []
    assert schedule.objective.rank <= best_of(problem).objective.rank
    assert schedule.lower_bound <= schedule.objective.value
    assert 0 < schedule.first_feasible_s <= schedule.wall_s


def test_identical_units_start_in_order():
    problem = batch()
    schedule = solve(problem, time_limit_s=1)
    first = {a.job: a.start_ms for a in schedule.assignments if a.operation == 0}
    groups = identical_jobs(problem)
    assert groups
    for group in groups:
        starts = [first[j] for j in group]
        assert starts == sorted(starts)


def test_the_time_limit_ends_the_search_before_its_patience():
    problem = read_jsp(DATA / "ft10.txt")
    begin = time.monotonic()
    schedule = solve(problem, time_limit_s=0.8, patience_s=60, weights=MAKESPAN)
    assert time.monotonic() - begin < 30
    assert schedule.status == "feasible"


def test_without_time_the_dispatch_plan_is_the_plan():
    problem = read_fjsp(DATA / "mk02.txt")
    schedule = solve(problem, time_limit_s=0.0)
    assert schedule.engine.startswith("dispatch:")
    assert schedule.status == "feasible"
    assert verify(problem, schedule) == []
    assert schedule.lower_bound <= 26 <= schedule.objective.makespan_ms


def test_the_search_ends_early_when_nothing_gets_better():
    problem = read_jsp(DATA / "ft10.txt")
    begin = time.monotonic()
    solve(problem, time_limit_s=60, patience_s=0.2, weights=MAKESPAN)
    assert time.monotonic() - begin < 45


def test_a_cancel_returns_the_best_plan_so_far_at_once():
    problem = read_jsp(DATA / "ft10.txt")
    asked = threading.Event()
    cancelled_at: list[float] = []

    def first_news(progress):
        if not progress.engine.startswith("dispatch") and not cancelled_at:
            cancelled_at.append(time.monotonic())
            asked.set()

    schedule = solve(
        problem, time_limit_s=60, patience_s=60, on_progress=first_news, should_stop=asked.is_set
    )
    assert cancelled_at
    assert time.monotonic() - cancelled_at[0] < 30
    assert verify(problem, schedule) == []


def test_a_cancel_before_the_start_gives_a_dispatch_plan():
    problem = batch()
    schedule = solve(problem, should_stop=lambda: True)
    assert schedule.engine.startswith("dispatch:")
    assert verify(problem, schedule) == []


def test_progress_only_gets_better_and_bounds_hold():
    problem = read_fjsp(DATA / "mfjs05.txt")
    told = []
    schedule = solve(problem, time_limit_s=60, on_progress=told.append)
    ranks = [progress.objective.rank for progress in told]
    assert ranks == sorted(ranks, reverse=True)
    assert len(told) >= 2
    assert told[0].engine.startswith("dispatch:")
    assert all(progress.lower_bound <= schedule.objective.value for progress in told)


def test_an_error_in_a_listener_reaches_the_caller():
    def fail(progress):
        if not progress.engine.startswith("dispatch"):
            raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        solve(read_fjsp(DATA / "mfjs05.txt"), time_limit_s=60, on_progress=fail)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_seed_gives_the_same_plan(workers):
    problem = batch(orders=5, units=10)
    plans = {
        solve(problem, time_limit_s=30, workers=workers, seed=7, effort=0.3).assignments
        for _ in range(2)
    }
    assert len(plans) == 1


def test_a_hint_that_holds_is_never_lost():
    problem = read_fjsp(DATA / "mk01.txt")
    best = solve(problem, time_limit_s=10)
    assert best.objective.makespan_ms == 40
    again = solve(problem, hint=best, time_limit_s=0.0)
    assert again.engine == "hint"
    assert again.objective.rank <= best.objective.rank


def test_a_hint_of_another_time_is_followed_where_it_can_be():
    problem = batch()
    plan = solve(problem, time_limit_s=1)
    later = replace(problem, earliest_start_ms=90_000)
    schedule = solve(later, hint=plan, time_limit_s=0.0)
    assert verify(later, schedule) == []
    other = batch(seed=5, orders=3, units=7)
    assert verify(other, solve(other, hint=plan, time_limit_s=0.0)) == []


def test_frozen_work_stays_and_the_rest_is_planned_around_it():
    problem = batch()
    plan = solve(problem, time_limit_s=1)
    now = 600_000
    frozen = tuple(a for a in plan.assignments if a.start_ms < now)
    later = replace(problem, frozen=frozen, earliest_start_ms=now)
    schedule = solve(later, time_limit_s=1, hint=plan)
    assert verify(later, schedule) == []
    assert set(frozen) <= set(schedule.assignments)
    assert schedule.objective.value <= plan.objective.value


def test_everything_frozen_is_a_plan_already():
    problem = batch(orders=2, units=4)
    plan = solve(problem, time_limit_s=0.5)
    done = replace(problem, frozen=plan.assignments)
    assert solve(done).assignments == plan.assignments


def test_nothing_to_do_is_an_empty_plan():
    schedule = solve(SchedulingProblem((Cell("left"),), ()))
    assert (schedule.assignments, schedule.status) == ((), "optimal")


def test_lateness_is_decided_before_makespan():
    """The short job is due; doing it first makes the plan longer, and is right all the same."""
    long_tail = Job(
        "long",
        (Operation("a", (Alternative(0, 10),)), Operation("b", (Alternative(1, 50),), (0,))),
    )
    due = Job("due", (Operation("a", (Alternative(0, 5),)),), due_ms=5)
    problem = SchedulingProblem((Cell("left"), Cell("right")), (long_tail, due))
    schedule = solve(problem)
    assert (schedule.objective.weighted_tardiness, schedule.objective.makespan_ms) == (0, 65)
    by_makespan = solve(problem, weights=ObjectiveWeights(tardiness=0.0))
    assert (by_makespan.objective.weighted_tardiness, by_makespan.objective.makespan_ms) == (10, 60)


def test_dates_years_away_do_not_overflow():
    year = 365 * 24 * 3_600_000
    job = Job("7", (Operation("a", (Alternative(0, 9), Alternative(1, 8))),), year, 2 * year, 1e3)
    late = replace(job, name="8", due_ms=1, weight=1e4)
    problem = SchedulingProblem((Cell("left", ((5, 8 * year),)), Cell("right")), (job, job, late))
    schedule = solve(problem)
    assert verify(problem, schedule) == []
    assert schedule.objective.makespan_ms == year + 24


def test_importing_is_light_and_small_problems_need_no_or_tools():
    code = (
        "import sys, planners.scheduling as s\n"
        "heavy = ('ortools', 'numpy', 'numba', 'pandas')\n"
        "assert not [m for m in heavy if m in sys.modules]\n"
        "p = s.SchedulingProblem((s.Cell('c'),), (s.Job('j', (s.Operation('o', "
        "(s.Alternative(0, 5),)),)),))\n"
        "assert s.solve(p).objective.makespan_ms == 5\n"
        "print([m for m in ('ortools', 'pandas') if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_the_verifier_would_see_a_lost_frozen_operation():
    problem = SchedulingProblem(
        (Cell("left"),),
        (Job("7", (Operation("a", (Alternative(0, 5),)),)),),
        (Assignment(0, 0, 0, 3, 9),),
    )
    schedule = solve(problem)
    assert schedule.assignments == problem.frozen
    assert schedule.status == "optimal"
