"""Repairs of running plans: whatever comes out holds, and what cannot change does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.scheduling import (
    Alternative,
    Assignment,
    Cell,
    Job,
    ObjectiveWeights,
    Operation,
    ProblemError,
    Schedule,
    SchedulingProblem,
    best_of,
    tabu,
    verify,
)
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.generate import Features, flexible_job_shop, generate
from planners.scheduling.repair import (
    STABLE,
    CellBack,
    CellDown,
    Event,
    HeldPlan,
    JobCancelled,
    JobChanged,
    JobsArrive,
    OperationFailed,
    OperationLate,
    Repaired,
    RepairRejectedError,
    ResourceMissing,
    Threshold,
    broken_rules,
    disturb,
    mend,
    mend_at_once,
    moved_between,
    repair_at_once,
    search_on,
)
from planners.scheduling.schedule import evaluate

FEATURES = st.builds(
    Features,
    **{
        name: st.booleans()
        for name in ("setups", "calendars", "operators", "fixtures", "pallets", "buffers",
                     "transport", "optional")
    },
    setup_crew=st.just(False), energy=st.just(False), peak=st.just(False),
    interruptible=st.booleans(),
)  # fmt: skip


def events(problem: SchedulingProblem, plan: tuple[Assignment, ...], now: int) -> list[Event]:
    """One of each kind that is possible then."""
    cell = plan[len(plan) // 2].cell
    running = [a for a in plan if a.start_ms < now < a.end_ms]
    found: list[Event] = [
        CellDown(cell, now + 3_600_000),
        CellDown(cell),
        CellBack(cell),
        JobsArrive((replace(problem.jobs[0], name="new", release_ms=0, optional=()),)),
        JobCancelled(0),
        JobChanged(1, now, 4.0),
        ResourceMissing(0, now + 1_800_000),
        OperationFailed(plan[-1].job, plan[-1].operation),
    ]
    found += [OperationLate(a.job, a.operation, a.end_ms + 900_000) for a in running[:1]]
    return found


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), features=FEATURES, share=st.floats(0.05, 0.9))
@pytest.mark.timeout(300)
def test_whatever_happens_the_repair_holds(seed: int, features: Features, share: float) -> None:
    problem = generate(seed, jobs=5, cells=4, features=features)
    try:
        plan = best_of(problem, ObjectiveWeights())
    except InfeasibleProblem:
        return
    now = int(share * plan.objective.makespan_ms)
    for event in events(problem, plan.assignments, now):
        rest = disturb(problem, plan.assignments, event, now)
        if not rest.problem.jobs:
            continue
        try:
            first = mend_at_once(rest.problem)
        except InfeasibleProblem:
            continue  # frozen work, held where it was, may exclude any plan
        better = mend(rest.problem, first, effort=0.0005, time_limit_s=60.0, workers=1)
        for made in (first, better):
            assert [v for v in verify(rest.problem, made) if v.kind != "objective"] == []
            placed = {rest.kept.get((a.job, a.operation)): a for a in made.assignments}
            for a in plan.assignments:
                stood = isinstance(event, CellDown) and a.cell == event.cell and a.end_ms > now
                if a.start_ms < now and not stood:
                    same = placed[a.job, a.operation]
                    assert (same.cell, same.start_ms) == (a.cell, a.start_ms)
                    late = isinstance(event, OperationLate) and same.end_ms > a.end_ms
                    assert same.end_ms == a.end_ms or late
        value = [evaluate(rest.problem, p.assignments, STABLE).value for p in (first, better)]
        assert value[1] <= value[0]


def shop(seed: int) -> tuple[SchedulingProblem, HeldPlan]:
    problem = flexible_job_shop(seed, operations=150, per_job=10)
    graph = tabu.from_problem(problem, ObjectiveWeights(left_shift=False))
    return problem, HeldPlan.of(graph, tabu.search(graph, iterations=2_000, seed=seed).plan)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 5),
    cell=st.integers(0, 4),
    share=st.floats(0.0, 0.95),
    length=st.floats(0.0, 0.5),
    most=st.integers(0, 20),
)
def test_the_quick_repair_holds_and_moves_no_more_than_allowed(
    seed: int, cell: int, share: float, length: float, most: int
) -> None:
    problem, held = shop(seed)
    now = int(share * held.plan.makespan)
    until = now + int(length * held.plan.makespan)
    rest = held.cell_down(cell, now, until)
    first = repair_at_once(rest, most_moved=most)
    better = search_on(first, steps=300, most_moved=most, workers=2, seed=seed)
    begun = held.begun(now) & ~((held.plan.cell == cell) & (held.plan.end > now))
    for found in (first, better):
        assert found.moved <= most
        assert broken_rules(rest, found.plan) == []
        assert (found.plan.start[begun] == held.plan.start[begun]).all()
        assert (found.plan.cell[begun] == held.plan.cell[begun]).all()
        same = disturb(problem, plan_of(problem, held.plan), CellDown(cell, until), now).problem
        plan = plan_of(problem, found.plan)
        made = Schedule(plan, "feasible", "repair", evaluate(same, plan, ObjectiveWeights()))
        assert [v for v in verify(same, made) if v.kind != "objective"] == []
    assert better.plan.makespan <= first.plan.makespan


def plan_of(problem: SchedulingProblem, plan: tabu.GraphPlan) -> tuple[Assignment, ...]:
    return tuple(sorted(tabu.to_assignments(problem, plan), key=lambda a: a.start_ms))


def test_the_quick_repair_is_a_function_of_its_input() -> None:
    _, held = shop(1)
    rest = held.cell_down(0, 200, 500)

    def repaired() -> Repaired:
        return search_on(repair_at_once(rest), steps=500, most_moved=8, seed=3)

    one, two = repaired(), repaired()
    assert (one.plan.start == two.plan.start).all()
    assert (one.plan.cell == two.plan.cell).all()


def test_confirmed_work_stays_where_it_is() -> None:
    _, held = shop(2)
    now = held.plan.makespan // 3
    first = [int(v) for v in np.argsort(held.plan.start) if held.plan.start[v] >= now][:6]
    sure = HeldPlan.of(held.problem, held.plan, confirmed=first)
    lost = int(held.plan.cell[first[0]])
    rest = sure.cell_down((lost + 1) % 5, now, now + 200)
    stayed = [v for v in first if held.plan.cell[v] != (lost + 1) % 5 and rest.fixed[v]]
    assert stayed
    better = search_on(repair_at_once(rest), steps=500, most_moved=50)
    for v in stayed:
        assert better.plan.start[v] == held.plan.start[v]
        assert better.plan.cell[v] == held.plan.cell[v]


def test_late_work_is_gone_round_and_what_was_confirmed_behind_it_is_not() -> None:
    _, held = shop(2)
    now = held.plan.makespan // 3
    late = next(int(v) for v in range(150) if held.plan.start[v] < now < held.plan.end[v])
    behind = [
        int(v)
        for v in np.flatnonzero(held.plan.cell == held.plan.cell[late])
        if now <= held.plan.start[v] < held.plan.end[late] + 100
    ]
    sure = HeldPlan.of(held.problem, held.plan, confirmed=behind)
    end = int(held.plan.end[late]) + 100
    rest = sure.operation_late(late, now, end)
    better = search_on(repair_at_once(rest), steps=300, most_moved=50)
    assert better.plan.end[late] == end
    assert broken_rules(rest, better.plan) == []
    assert not rest.fixed[behind].any()


@pytest.mark.parametrize("damage", ["early", "overlap", "other cell", "precedence", "fixed", "end"])
def test_the_quick_verifier_sees_damage(damage: str) -> None:
    _, held = shop(3)
    now = held.plan.makespan // 3
    rest = held.cell_down(0, now, now + 100)
    plan = repair_at_once(rest).plan
    cell, start, end, makespan = plan.cell.copy(), plan.start.copy(), plan.end.copy(), plan.makespan
    free = np.flatnonzero(~rest.fixed)
    v = int(free[np.argmax(start[free])])
    if damage == "early":
        start[v], end[v] = now - 50, now - 50 + end[v] - start[v]
    elif damage == "overlap":
        before = [u for u in free if cell[u] == cell[v] and u != v]
        u = max(before, key=lambda u: start[u])
        shift = start[v] - end[u] + 1
        start[v], end[v] = start[v] - shift, end[v] - shift
    elif damage == "other cell":
        ways = set(rest.alt_cell[rest.alt_ptr[v] : rest.alt_ptr[v + 1]].tolist())
        cell[v] = next(c for c in range(5) if c not in ways) if len(ways) < 5 else cell[v]
        end[v] += len(ways) == 5
    elif damage == "precedence":
        late = next(int(u) for u in free if rest.pred_ptr[u + 1] > rest.pred_ptr[u])
        p = int(rest.pred[rest.pred_ptr[late]])
        length = end[late] - start[late]
        start[late] = end[p] - 1
        end[late] = start[late] + length
    elif damage == "fixed":
        u = int(np.flatnonzero(rest.fixed)[0])
        start[u], end[u] = start[u] + 1, end[u] + 1
    else:
        makespan -= 1
    damaged = replace(plan, cell=cell, start=start, end=end, makespan=makespan)
    assert broken_rules(rest, damaged)


TWO_WAYS = (Alternative(0, 10), Alternative(1, 10))
PAIR = SchedulingProblem(
    (Cell("a"), Cell("b")),
    (
        Job("one", (Operation("x", TWO_WAYS), Operation("y", (Alternative(0, 10),), (0,)))),
        Job("two", (Operation("x", TWO_WAYS), Operation("y", TWO_WAYS, (0,)))),
    ),
)
PAIR_PLAN = (
    Assignment(0, 0, 0, 0, 10),
    Assignment(1, 0, 1, 0, 10),
    Assignment(0, 1, 0, 10, 20),
    Assignment(1, 1, 1, 10, 20),
)


def test_what_only_a_lost_cell_can_do_waits() -> None:
    rest = disturb(PAIR, PAIR_PLAN, CellDown(0), 5)
    assert rest.waiting == ((0, 1),)
    made = mend_at_once(rest.problem)
    again = next(a for a in made.assignments if rest.kept[a.job, a.operation] == (0, 0))
    assert (again.cell, again.start_ms) == (1, 10)
    assert moved_between(rest.problem.published, made.assignments) == 1


def test_a_cell_that_is_back_is_open_again() -> None:
    closed = replace(PAIR, cells=(Cell("a", ((0, 50), (70, 80))), Cell("b")))
    rest = disturb(closed, (), CellBack(0), 20)
    assert rest.problem.cells[0].unavailable == ((0, 20), (70, 80))


def test_a_failed_operation_takes_what_follows_with_it() -> None:
    rest = disturb(PAIR, PAIR_PLAN, OperationFailed(1, 0), 5)
    assert rest.waiting == ((1, 1),)


def test_events_that_name_nothing_are_refused() -> None:
    with pytest.raises(ProblemError, match="begun"):
        disturb(PAIR, PAIR_PLAN, OperationLate(0, 1, 30), 5)
    with pytest.raises(ProblemError, match="cell 7"):
        disturb(PAIR, PAIR_PLAN, CellDown(7), 5)


def test_a_small_gain_is_not_worth_moving_work() -> None:
    def ending(at: int) -> Schedule:
        plan = (Assignment(0, 0, 0, 0, at),)
        one = SchedulingProblem((Cell("a"),), (Job("j", (Operation("o", (Alternative(0, at),)),)),))
        return Schedule(plan, "feasible", "test", evaluate(one, plan, ObjectiveWeights()))

    threshold = Threshold(gain=1_000, gain_per_moved=500)
    before = ending(20_000).objective
    assert threshold.is_worth(before, ending(18_000).objective, moved=2)
    assert not threshold.is_worth(before, ending(18_000).objective, moved=3)
    assert not threshold.is_worth(before, ending(19_500).objective, moved=0)


def test_a_wrong_repair_never_gets_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from planners.scheduling.repair import engine

    _, held = shop(1)
    monkeypatch.setattr(engine, "broken_rules", lambda *_: ["it overlaps"])
    with pytest.raises(RepairRejectedError, match="it overlaps"):
        repair_at_once(held.cell_down(0, 10, 20))
