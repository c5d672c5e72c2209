"""A problem that no plan can satisfy says which limits exclude each other."""

from __future__ import annotations

import pytest

from planners.scheduling import (
    FOREVER_MS,
    Alternative,
    Buffer,
    Cell,
    InfeasibleProblem,
    Job,
    Operation,
    Operator,
    Resource,
    SchedulingProblem,
    Skill,
    solve,
)
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import conflicts_of

CLOSES = ((20, FOREVER_MS),)


def conflicts(problem):
    return conflicts_of(problem, bounds(problem), seconds=20)


def units(count, way):
    return tuple(Job(f"{i}", (Operation("o", (way,)),)) for i in range(count))


def test_a_closing_cell_is_in_conflict_with_a_shift_that_starts_late():
    problem = SchedulingProblem(
        (Cell("left", CLOSES), Cell("right", CLOSES)),
        units(3, Alternative(0, 6, crew=((0, 1),))),
        skills=(Skill("handling"),),
        operators=(Operator("Ann", (0,), ((0, 5),)),),
    )
    assert set(conflicts(problem)) == {
        "calendar of cell 'left'",
        "operators with skills 'handling'",
    }
    with pytest.raises(InfeasibleProblem, match="operators with skills 'handling'"):
        solve(problem, workers=1)


def test_a_fixture_that_is_away_is_named_and_nothing_else():
    problem = SchedulingProblem(
        (Cell("left"), Cell("right")),
        units(2, Alternative(0, 6, needs=((0, 1),))),
        resources=(Resource("fixture", 1, ((10, FOREVER_MS),)), Resource("other", 1)),
    )
    assert conflicts(problem) == ("resource 'fixture'",)


def test_two_parts_for_an_assembly_cannot_wait_on_one_cell_without_a_buffer():
    steps = (
        Operation("a", (Alternative(0, 5),)),
        Operation("b", (Alternative(0, 5),)),
        Operation("join", (Alternative(1, 5),), (0, 1)),
    )
    cells = (Cell("left", output_buffer=0), Cell("right"))
    problem = SchedulingProblem(cells, (Job("7", steps),), buffers=(Buffer("rack", 0),))
    assert conflicts(problem) == ("buffer 'rack'",)
    with pytest.raises(InfeasibleProblem, match="'rack'"):
        solve(problem, workers=1)
    with_room = SchedulingProblem(cells, (Job("7", steps),), buffers=(Buffer("rack", 1),))
    assert solve(with_room, workers=1).objective.makespan_ms == 15


def test_more_people_than_there_are_is_said_without_search():
    problem = SchedulingProblem(
        (Cell("left"),),
        units(1, Alternative(0, 5, crew=((0, 2),))),
        skills=(Skill("handling"),),
        operators=(Operator("Ann", (0,)),),
    )
    with pytest.raises(InfeasibleProblem) as raised:
        solve(problem)
    assert (raised.value.job, raised.value.operation) == ("0", "o")
    assert "2 people with skills ['handling'] (there are 1)" in str(raised.value)


def test_what_takes_no_time_does_not_fit_into_a_cell_that_has_closed_for_good():
    steps = (
        Operation("first", (Alternative(1, 9),)),
        Operation("mark", (Alternative(0, 0),), (0,)),
    )
    problem = SchedulingProblem(
        (Cell("left", ((8, FOREVER_MS),)), Cell("right")), (Job("a", steps),)
    )
    with pytest.raises(InfeasibleProblem, match="operation 'mark' fits into no open window"):
        solve(problem, workers=1)
