"""A problem that contradicts itself is refused, with the job and the operation at fault."""

from __future__ import annotations

import pytest

from planners.errors import PlannerError
from planners.scheduling import (
    FOREVER_MS,
    Alternative,
    Assignment,
    Cell,
    InfeasibleProblem,
    Job,
    Operation,
    ProblemError,
    SchedulingProblem,
    solve,
)

MILL = Operation("mill", (Alternative(0, 10),))
BORE = Operation("bore", (Alternative(0, 10),), (0,))
CELLS = (Cell("left"), Cell("right"))


@pytest.mark.parametrize(
    ("operations", "names"),
    [
        ((), ("7",)),
        ((Operation("mill", ()),), ("7", "mill", "no cell")),
        ((Operation("mill", (Alternative(0, -1),)),), ("7", "mill", "duration")),
        ((Operation("mill", (Alternative(0, -4),)),), ("7", "mill", "-4")),
        ((Operation("mill", (Alternative(0, 1.5),)),), ("7", "mill", "1.5")),
        ((Operation("mill", (Alternative(0, 1), Alternative(0, 2))),), ("7", "mill", "twice")),
        ((Operation("mill", (Alternative(0, 1),), (3,)),), ("7", "mill", "predecessor 3")),
        ((Operation("mill", (Alternative(0, 1),), (0,)),), ("7", "mill", "cycle")),
        (
            (
                Operation("a", (Alternative(0, 1),), (1,)),
                Operation("b", (Alternative(0, 1),), (0,)),
            ),
            ("7", "a", "b", "cycle"),
        ),
    ],
)
def test_a_faulty_operation_is_named(operations, names):
    with pytest.raises(ProblemError) as raised:
        Job("7", operations)
    assert raised.value.job == "7"
    for name in names:
        assert name in str(raised.value)


@pytest.mark.parametrize(
    "fault",
    [
        {"release_ms": -1},
        {"release_ms": True},
        {"release_ms": FOREVER_MS + 1},
        {"due_ms": 2.5},
        {"weight": -1.0},
        {"weight": float("nan")},
        {"weight": float("inf")},
    ],
)
def test_a_faulty_date_or_weight_is_refused(fault):
    with pytest.raises(ProblemError, match="job '7'"):
        Job("7", (MILL,), **fault)


@pytest.mark.parametrize("closed", [((5, 5),), ((6, 5),), ((-1, 5),), ((0, FOREVER_MS + 1),)])
def test_a_faulty_calendar_is_refused(closed):
    with pytest.raises(ProblemError, match="calendar of cell 'left'"):
        Cell("left", closed)


def test_closed_times_are_sorted_and_merged():
    assert Cell("left", ((8, 9), (1, 3), (3, 5), (2, 4))).unavailable == ((1, 5), (8, 9))


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        ((Assignment(1, 0, 0, 0, 5),), "job 1"),
        ((Assignment(0, 2, 0, 0, 5),), "operation 2"),
        ((Assignment(0, 0, 2, 0, 5),), "cell 2"),
        ((Assignment(0, 0, 0, 5, 4),), "before its start"),
        ((Assignment(0, 0, 0, 0, 5), Assignment(0, 0, 0, 5, 9)), "frozen twice"),
        ((Assignment(0, 1, 0, 0, 5),), "predecessor 'mill' is not"),
    ],
)
def test_a_faulty_frozen_assignment_is_refused(frozen, message):
    with pytest.raises(ProblemError, match=message):
        SchedulingProblem(CELLS, (Job("7", (MILL, BORE)),), frozen)


def test_an_unknown_cell_is_named():
    with pytest.raises(ProblemError, match="job '7', operation 'mill': cell 4") as raised:
        SchedulingProblem(CELLS, (Job("7", (Operation("mill", (Alternative(4, 1),)),)),))
    assert (raised.value.job, raised.value.operation) == ("7", "mill")
    assert isinstance(raised.value, PlannerError)


def conflicts_of(problem):
    with pytest.raises(InfeasibleProblem) as raised:
        solve(problem, workers=1)
    return raised.value


def test_an_operation_longer_than_every_window_is_named():
    shifts = ((6, 10), (18, FOREVER_MS))
    error = conflicts_of(SchedulingProblem((Cell("left", shifts),), (Job("7", (MILL,)),)))
    assert (error.job, error.operation, error.conflicts[0].kind) == ("7", "mill", "no_window")
    assert "needs 10 ms on 'left'" in str(error)
    assert "longest open window is 8 ms" in str(error)


def test_every_operation_without_a_window_is_named_at_once():
    shut = (Cell("left", ((0, FOREVER_MS),)), Cell("right"))
    jobs = (
        Job("7", (MILL, BORE)),
        Job("8", (MILL,)),
        Job("9", (Operation("x", (Alternative(1, 1),)),)),
    )
    error = conflicts_of(SchedulingProblem(shut, jobs))
    assert [(c.job, c.operation) for c in error.conflicts] == [("7", "mill"), ("8", "mill")]


def test_frozen_overlap_names_both():
    job = Job("7", (MILL,))
    frozen = (Assignment(0, 0, 0, 0, 10), Assignment(1, 0, 0, 9, 19))
    error = conflicts_of(SchedulingProblem(CELLS, (job, Job("8", (MILL,))), frozen))
    assert (error.job, error.conflicts[0].kind) == ("8", "frozen_overlap")
    assert "job '7'" in str(error)


def test_frozen_against_its_predecessor_is_named():
    frozen = (Assignment(0, 0, 0, 0, 10), Assignment(0, 1, 1, 9, 19))
    error = conflicts_of(SchedulingProblem(CELLS, (Job("7", (MILL, BORE)),), frozen))
    assert (error.operation, error.conflicts[0].kind) == ("bore", "frozen_precedence")


def test_more_work_than_open_time_is_counted():
    jobs = tuple(Job(f"{i}", (MILL,)) for i in range(4))
    error = conflicts_of(SchedulingProblem((Cell("left", ((35, FOREVER_MS),)),), jobs))
    assert error.conflicts[0].kind == "capacity"
    assert "open for 35 ms" in str(error)
    assert "need 40 ms" in str(error)


def test_work_that_only_fits_in_sum_is_proven_impossible():
    windows = Cell("left", ((15, 20), (35, FOREVER_MS)))  # 15 + 15 ms open, 3 times 10 ms of work
    jobs = tuple(Job(f"{i}", (MILL,)) for i in range(3))
    error = conflicts_of(SchedulingProblem((windows,), jobs))
    assert error.conflicts[0].kind == "capacity"
    assert "not all of them together" in str(error)
    assert "'left' closes for good at 35 ms" in str(error)
    assert error.job is not None
