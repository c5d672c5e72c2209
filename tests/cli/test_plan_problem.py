"""A scheduling problem as YAML: by names, with the place of everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from planners.scheduling import InfeasibleProblem, InstanceError, solve, verify
from robot_cell.cli.plan_problem import is_problem, read_problem

ROOT = Path(__file__).parents[2]
SMALL = """unit: s
cells: {a: {}, b: {}}
jobs:
  - {name: x, operations: [{name: o, cells: {a: 30}}, {name: p, cells: {a: 9, b: 5}}]}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "problem.yaml"
    path.write_text(text)
    return path


def test_the_example_uses_every_key_and_has_a_plan():
    path = ROOT / "examples" / "scheduling_problem.yaml"
    assert is_problem(path)
    problem = read_problem(path)
    assert [cell.name for cell in problem.cells] == ["loading", "assembly", "inspection"]
    assembly = problem.cells[1]
    assert assembly.setups == ((0, 60_000), (45_000, 0))
    assert (assembly.setup_crew, assembly.setup_needs) == (((0, 1),), ((1, 1),))
    rework = problem.jobs[0]
    assert rework.optional[0].operations == (2,)
    assert problem.jobs[1].operations[2].predecessors == (0, 1)
    assert problem.jobs[1].operations[2].alternatives[0].family == 1
    assert problem.transport(0, 1) == 8000
    assert problem.frozen[0].end_ms == 50_000
    assert verify(problem, solve(problem, time_limit_s=2.0)) == []


def test_a_plant_is_no_problem():
    assert not is_problem(ROOT / "examples" / "housing_plant.yaml")


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        (SMALL.replace("b: 5", "c: 5"), 4, 79, "'c' is none of the cells: a, b"),
        (SMALL.replace("cells: {a: 30}", "cell: {a: 30}"), 4, 38, "has no 'cell'"),
        (SMALL.replace("a: 30", "a: soon"), 4, 49, "a duration must be a number"),
        (SMALL.replace("name: x, ", ""), 4, 5, "needs 'name'"),
        (SMALL.replace("{a: {}, b: {}}", "{a: {}, a: {}}"), 2, 16, "twice"),
        (SMALL.replace("unit: s", "unit: h"), 1, 7, "one of ms, s, min"),
        ("cells: {a: {}}\n", 1, 1, "lacks 'jobs'"),
        ("cells: [a: {\n", 2, 1, "expected"),
        ("", 1, 1, "empty"),
    ],
)
def test_what_is_wrong_has_a_line_and_a_column(tmp_path, text, line, column, what):
    with pytest.raises(InstanceError) as caught:
        read_problem(write(tmp_path, text))
    assert (caught.value.line, caught.value.column) == (line, column)
    assert what in str(caught.value)


def test_what_cannot_be_planned_says_why(tmp_path):
    text = SMALL.replace("a: {},", "a: {unavailable: [[50, 315360000]]},")
    text += "  - {name: y, operations: [{name: o, cells: {a: 30}}]}\n"
    with pytest.raises(InfeasibleProblem, match="'a'"):
        solve(read_problem(write(tmp_path, text)), time_limit_s=5.0)
