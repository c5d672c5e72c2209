"""Benchmark files: what is read, and where a malformed one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from planners.scheduling import (
    InstanceError,
    ObjectiveWeights,
    read_fjsp,
    read_jsp,
    read_sdst,
    solve,
    verify,
)

DATA = Path(__file__).parents[2] / "data" / "scheduling"


def test_fjsp_counts():
    problem = read_fjsp(DATA / "mk01.txt")
    assert (len(problem.jobs), len(problem.cells)) == (10, 6)
    assert sum(len(job.operations) for job in problem.jobs) == 55
    first = problem.jobs[0].operations
    assert [(a.cell, a.duration_ms) for a in first[0].alternatives] == [(0, 5), (2, 4)]
    assert [operation.predecessors for operation in first[:3]] == [(), (0,), (1,)]


def test_jsp_counts():
    problem = read_jsp(DATA / "ft10.txt")
    assert (len(problem.jobs), len(problem.cells)) == (10, 10)
    assert problem.jobs[1].operations[2].alternatives[0].cell == 4
    assert problem.jobs[1].operations[2].alternatives[0].duration_ms == 75


def test_comments_mean_alternatives_and_machines_from_one():
    text = "# a comment\n\n1 2 1.5\n1 2 1 7 2 9\n"
    problem = read_fjsp(text, first_machine=1)
    assert [a.cell for a in problem.jobs[0].operations[0].alternatives] == [0, 1]


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("\n", 1, 1, "empty"),
        ("2\n", 1, 2, "number of machines"),
        ("x 2\n", 1, 1, "'x'"),
        ("0 2\n", 1, 1, "number of jobs"),
        ("1 2 y\n1 1 0 5\n", 1, 5, "'y'"),
        ("1 2 1.0 x\n1 1 0 5\n", 1, 9, "not 'x'"),
        ("1 2\n1 1 0\n", 2, 6, "a duration is expected"),
        ("1 2\n1 1 2 5\n", 2, 5, "in 0..1"),
        ("1 2\n1 1 0 -1\n", 2, 7, "a duration must be in 0"),
        ("1 2\n1 1 0 -5\n", 2, 7, "-5"),
        ("1 2\n1 1 0 5.5\n", 2, 7, "'5.5'"),
        ("1 2\n1 3 0 5 1 5 0 5\n", 2, 3, "number of alternatives"),
        ("1 2\n1 2 0 5 0 6\n", 2, 9, "listed twice"),
        ("1 2\n2 1 0 5\n", 2, 8, "number of alternatives"),
        ("1 2\n1 1 0 5 1\n", 2, 9, "unexpected '1'"),
        ("1 2\n\n# note\n 1  1\tz 5\n", 4, 7, "'z'"),
        ("2 2\n1 1 0 5\n", 2, 8, "1 of 2 jobs"),
        ("1 2\n1 1 0 5\n1 1 0 5\n", 3, 1, "unexpected line"),
        ("1 2\n1 1 0 nan\n", 2, 7, "'nan'"),
        ("1 2\n1 1 0 9999999999999999\n", 2, 7, "9999999999999999"),
    ],
)
def test_a_malformed_fjsp_names_line_and_column(text, line, column, what):
    with pytest.raises(InstanceError) as raised:
        read_fjsp(text)
    assert (raised.value.line, raised.value.column) == (line, column)
    assert what in str(raised.value)
    assert f"line {line}, column {column}" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("1 2\n0 5 1\n", 2, 6), ("1 2\n0 5 2 5\n", 2, 5), ("1 1\n0 5\n0 6\n", 3, 1), ("1 1\n", 1, 4)],
)
def test_a_malformed_jsp_names_line_and_column(text, line, column):
    with pytest.raises(InstanceError) as raised:
        read_jsp(text)
    assert (raised.value.line, raised.value.column) == (line, column)


def test_an_error_names_the_file(tmp_path):
    bad = tmp_path / "bad.fjs"
    bad.write_bytes(b"1 1\n1 1 0 \xff\n")
    with pytest.raises(InstanceError, match=r"bad\.fjs, line 2, column 7"):
        read_fjsp(bad)


def test_a_duration_beyond_the_end_of_time_is_refused_with_its_place():
    with pytest.raises(InstanceError, match="line 2, column 7"):
        read_fjsp("1 1\n1 1 0 999999999999999\n")


def test_sdst_counts():
    problem = read_sdst(DATA / "Fattahi_setup_03.fjs")
    assert (len(problem.jobs), len(problem.cells)) == (3, 2)
    assert [len(cell.setups) for cell in problem.cells] == [6, 6]
    assert problem.cells[0].setups[0] == (15, 7, 9, 1000000, 8, 7)
    way = problem.jobs[1].operations[1].alternatives[0]
    assert (way.cell, way.duration_ms, way.family) == (1, 73, 3)


def test_sdst_is_solved_to_its_optimum():
    """541 is what the literature of these files gives; the proof is ours."""
    problem = read_sdst(DATA / "Fattahi_setup_10.fjs")
    schedule = solve(problem, time_limit_s=60, weights=ObjectiveWeights(left_shift=False))
    assert verify(problem, schedule) == []
    assert (schedule.objective.makespan_ms, schedule.status) == (541, "optimal")


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("1 1\n1 1 1 5\n", 2, 8, "the file ends after 0 of 1 times 1 lines of setups"),
        ("1 1\n1 1 1 5\nx\n", 3, 1, "must be a whole number"),
        ("1 1\n1 1 1 5\n0 0\n", 3, 3, "unexpected '0' after 1 setup times"),
        ("1 1\n1 1 1 5\n0\n0\n", 4, 1, "unexpected line"),
        ("2 1\n1 1 1 5\n", 2, 8, "the file ends after 1 of 2 jobs"),
    ],
)
def test_a_malformed_sdst_file_is_refused_with_its_place(text, line, column, what):
    with pytest.raises(InstanceError, match=what) as raised:
        read_sdst(text)
    assert (raised.value.line, raised.value.column) == (line, column)
