"""What couples cells is validated when it is built, with the job and operation at fault."""

from __future__ import annotations

import pytest

from planners.scheduling import (
    Alternative,
    Assignment,
    Buffer,
    Cell,
    Job,
    Operation,
    Operator,
    OptionalWork,
    ProblemError,
    Resource,
    SchedulingProblem,
    Skill,
    Tariff,
)

MILL = Operation("mill", (Alternative(0, 10),))
BORE = Operation("bore", (Alternative(0, 10),), (0,))
CELLS = (Cell("left"), Cell("right"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Cell("left", setups=((0, 1), (2,))), "row 1 has 1 entries instead of 2"),
        (lambda: Cell("left", setups=((0, -1), (2, 0))), "'left', row 0: a setup is -1"),
        (lambda: Cell("left", initial_family=0), "which its setups do not have"),
        (lambda: Cell("left", setup_crew=((0, 0),)), "amount of skill 0 must be"),
        (lambda: Buffer("rack", -1), "places of buffer 'rack'"),
        (lambda: Resource("jig", 1.5), "capacity of resource 'jig'"),
        (lambda: Resource("jig", 1, ((5, 5),)), "calendar of resource 'jig'"),
        (lambda: Skill("weld", -1.0), "cost of skill 'weld'"),
        (lambda: Operator("Ann", (), ((9, 1),)), "shifts of operator 'Ann'"),
        (lambda: Tariff(((5, 0.1),)), "first step must begin at 0"),
        (lambda: Tariff(((0, 0.1), (0, 0.2))), "does not follow"),
    ],
)
def test_a_faulty_plant_is_refused(build, message):
    with pytest.raises(ProblemError, match=message):
        build()


@pytest.mark.parametrize(
    ("way", "message"),
    [
        (Alternative(0, 5, family=-1), "setup family"),
        (Alternative(0, 5, needs=((0, 0),)), "amount of resource 0"),
        (Alternative(0, 5, needs=((0, 1), (0, 1))), "names a resource twice"),
        (Alternative(0, 5, crew=((-1, 1),)), "index of skill"),
        (Alternative(0, 5, power_w=-1), "power"),
        (Alternative(0, 5, needs=((1, 1),)), "which its job already holds"),
    ],
)
def test_a_faulty_way_names_job_and_operation(way, message):
    with pytest.raises(ProblemError, match=message) as raised:
        Job("7", (Operation("mill", (way,)),), holds=((1, 1),))
    assert (raised.value.job, raised.value.operation) == ("7", "mill")


@pytest.mark.parametrize(
    ("way", "message"),
    [
        (Alternative(0, 5, needs=((0, 1),)), "resource 0 does not exist"),
        (Alternative(0, 5, crew=((0, 1),)), "skill 0 does not exist"),
        (Alternative(1, 5, family=3), "setup family 3 is not in the setups of cell 'right'"),
    ],
)
def test_what_a_way_refers_to_must_exist(way, message):
    cells = (Cell("left"), Cell("right", setups=((0, 1), (1, 0))))
    with pytest.raises(ProblemError, match=message) as raised:
        SchedulingProblem(cells, (Job("7", (Operation("mill", (way,)),)),))
    assert (raised.value.job, raised.value.operation) == ("7", "mill")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((OptionalWork("rework", (), 1.0),), "names no operation"),
        ((OptionalWork("rework", (5,), 1.0),), "operation 5, which does not exist"),
        ((OptionalWork("a", (1,), 1.0), OptionalWork("b", (1,), 1.0)), "named twice"),
        ((OptionalWork("all", (0, 1), 1.0),), "only optional operations"),
        ((OptionalWork("rework", (1,), float("nan")),), "cost of leaving out"),
    ],
)
def test_faulty_optional_work_is_refused(parts, message):
    with pytest.raises(ProblemError, match=message) as raised:
        Job("7", (MILL, BORE), optional=parts)
    assert raised.value.job == "7"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transport_ms": ((0, 1),)}, "2 by 2 matrix"),
        ({"transport_ms": ((0, 1), (1, 3))}, "'right' to itself"),
        ({"operators": (Operator("Ann", (2,)),)}, "operator 'Ann' names skill 2"),
        ({"peak_power_w": -1}, "peak power"),
        ({"published": (Assignment(0, 4, 0, 0, 5),)}, "published assignment names operation 4"),
        ({"published": (Assignment(0, 0, 0, 0, 5),) * 2}, "published twice"),
    ],
)
def test_a_faulty_problem_is_refused(change, message):
    with pytest.raises(ProblemError, match=message):
        SchedulingProblem(CELLS, (Job("7", (MILL, BORE)),), **change)


def test_frozen_work_decides_about_optional_work():
    job = Job("7", (MILL, BORE), optional=(OptionalWork("first", (0,), 1.0),))
    problem = SchedulingProblem(CELLS, (job,), (Assignment(0, 1, 0, 0, 10),))
    assert problem.decided_optional() == {(0, 0): False}
    begun = SchedulingProblem(CELLS, (job,), (Assignment(0, 0, 0, 0, 10),))
    assert begun.decided_optional() == {(0, 0): True}


def test_the_cells_of_a_plain_job_shop_are_not_coupled():
    plain = SchedulingProblem(CELLS, (Job("7", (MILL, BORE)),))
    assert plain.is_graph_problem
    limited = (Cell("left", output_buffer=0), Cell("right"))
    assert not SchedulingProblem(limited, plain.jobs, buffers=(Buffer("b", 1),)).is_graph_problem
