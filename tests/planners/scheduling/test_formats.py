"""The format and the first machine of a public file are told from its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from planners.scheduling.errors import InstanceError
from planners.scheduling.formats import Format, read_instance

DATA = Path(__file__).parents[2] / "data" / "scheduling"

SETUPS = """2 2 2
2 2 1 25 2 37 2 1 32 2 24
2 2 1 45 2 65 2 1 21 2 65

6 3 4 4
3 6 4 4
3 3 7 4
4 4 4 8
6 3 4 3
3 6 3 3
3 3 6 4
3 4 3 6
"""


@pytest.mark.parametrize(
    ("name", "form", "jobs", "cells"),
    [
        ("mk01.txt", Format.fjsp, 10, 6),
        ("mfjs05.txt", Format.fjsp, 7, 7),
        ("ft10.txt", Format.jsp, 10, 10),
        ("la16.txt", Format.jsp, 10, 10),
    ],
)
def test_public_files_are_recognised(name, form, jobs, cells):
    found = read_instance(DATA / name)
    assert found.format is form
    assert (len(found.problem.jobs), len(found.problem.cells)) == (jobs, cells)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "instance.txt"
    path.write_text(text)
    return path


def test_lines_after_the_jobs_are_setups(tmp_path):
    found = read_instance(write(tmp_path, SETUPS))
    assert (found.format, found.first_machine) == (Format.sdst, 1)
    assert found.problem.cells[1].setups[0] == (6, 3, 4, 3)


@pytest.mark.parametrize(
    ("text", "form", "first", "cells"),
    [
        ("1 3\n1 2 0 5 2 7\n", Format.fjsp, 0, [0, 2]),
        ("1 3\n1 2 1 5 3 7\n", Format.fjsp, 1, [0, 2]),
        ("1 3\n1 1 2 5\n", Format.fjsp, 1, [1]),
        ("1 2\n0 5 1 7\n", Format.jsp, 0, [0, 1]),
        ("1 2\n1 5 2 7\n", Format.jsp, 1, [0, 1]),
    ],
)
def test_machines_count_from_0_or_1(tmp_path, text, form, first, cells):
    found = read_instance(write(tmp_path, text))
    assert (found.format, found.first_machine) == (form, first)
    ways = [w.cell for o in found.problem.jobs[0].operations for w in o.alternatives]
    assert ways == cells


def test_a_byte_order_mark_and_comments_are_no_matter(tmp_path):
    path = tmp_path / "bom.txt"
    path.write_text("﻿# a comment\n1 2\n0 5 1 7\n", encoding="utf-8")
    assert read_instance(path).format is Format.jsp


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("2 2\n1 1 1 5\n", 2, 8),
        ("1 2\n1 1 1 x\n", 2, 7),
        ("1 2\n1 1 3 5\n", 2, 5),
        ("one 2\n", 1, 1),
    ],
)
def test_what_is_wrong_has_a_line_and_a_column(tmp_path, text, line, column):
    with pytest.raises(InstanceError) as caught:
        read_instance(write(tmp_path, text))
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("name", "header"), [("cut.fjs", "2 3"), ("cut.txt", "2 3 1.5")], ids=["by name", "by header"]
)
def test_a_flexible_shop_with_a_lost_number_is_no_job_shop(tmp_path, name, header):
    path = tmp_path / name
    path.write_text(f"{header}\n2 1 1 5 2 2 3 3\n1 2 1 5 3 7\n")
    with pytest.raises(InstanceError) as caught:
        read_instance(path)
    assert (caught.value.line, caught.value.column) == (2, 16)


def test_what_takes_no_time_is_read(tmp_path):
    job_shop = read_instance(write(tmp_path, "2 2\n0 0 1 3\n1 2 0 4\n"))
    assert job_shop.problem.jobs[0].operations[0].alternatives[0].duration_ms == 0
    flexible = read_instance(write(tmp_path, "1 2 1.5\n2 1 1 0 2 1 3 2 0\n"))
    assert [w.duration_ms for w in flexible.problem.jobs[0].operations[1].alternatives] == [3, 0]


def test_a_format_that_is_given_is_not_guessed(tmp_path):
    with pytest.raises(InstanceError):
        read_instance(DATA / "ft10.txt", Format.fjsp)


FLEXIBLE = "2 3 1.5\n2 1 0 5 2 1 3 2 4\n1 2 0 6 1 7\n"
TAILLARD = """Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
 2 2 840612802 398197754 14 14
Times
 5 7
 3 4
Machines
 1 2
 2 1
"""


@pytest.mark.parametrize(
    "text",
    [
        FLEXIBLE.replace("\n", "\r\n"),
        FLEXIBLE.replace("\n", "\r"),
        "\n\n \t" + FLEXIBLE.replace(" ", " \t ") + "\n\n\x1a",
        "# ours\n// theirs\n" + FLEXIBLE.replace("\n", "   % job\n") + "% the end\n",
        FLEXIBLE.replace(" ", ", "),
        FLEXIBLE + "\n12 12\n",
        FLEXIBLE.replace(" 2 1 3", "\n  2 1 3"),
        FLEXIBLE.rstrip("\n"),
        f"+++++++\n a flexible shop\n =====\n{FLEXIBLE} +++++\n-----\n",
    ],
    ids=[
        *("crlf", "cr", "tabs", "comments", "commas", "bounds at the end", "wrapped"),
        *("no newline", "ruled"),
    ],
)
def test_what_stands_between_the_numbers_is_no_matter(tmp_path, text):
    path = tmp_path / "odd.fjs"
    path.write_bytes(text.encode())
    found = read_instance(path)
    assert found.format is Format.fjsp
    assert found.problem == read_instance(write(tmp_path, FLEXIBLE)).problem


@pytest.mark.parametrize(
    "text",
    [
        "++++\n instance one\n ++++\n2 2\n0 5 1 7\n1 3 0 4\n",
        "2 2 14 14\n0 5 1 7\n1 3 0 4\n14\n",
        "2 2\n0 5\n1 7\n1 3\n0 4\n",
        TAILLARD,
    ],
    ids=["OR-Library", "bounds", "wrapped", "Taillard"],
)
def test_job_shops_of_several_collections_are_the_same(tmp_path, text):
    found = read_instance(write(tmp_path, text))
    assert found.format is Format.jsp
    ways = [[o.alternatives[0] for o in job.operations] for job in found.problem.jobs]
    assert [[(w.cell, w.duration_ms) for w in some] for some in ways] == [
        [(0, 5), (1, 7)],
        [(1, 3), (0, 4)],
    ]


def test_one_job_too_many_is_not_taken_for_a_bound(tmp_path):
    with pytest.raises(InstanceError) as caught:
        read_instance(write(tmp_path, FLEXIBLE + "1 2 0 6 1 7\n"))
    assert (caught.value.line, caught.value.column) == (4, 1)
