"""`robot-cell plan FILE` on public files: what it prints is what others can check."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from robot_cell.cli.exit_codes import ExitCode

DATA = Path(__file__).parents[1] / "data" / "scheduling"


def robot_cell(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from robot_cell.cli.app import main; sys.argv[0] = 'robot-cell'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=110
    )


def test_a_benchmark_file_is_solved_and_every_assignment_is_there(tmp_path):
    chart = tmp_path / "plan.html"
    done = robot_cell(
        "plan", str(DATA / "mfjs05.txt"), "--json", "--time-limit", "60", "--gantt", str(chart)
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["format"], found["makespan"], found["status"]) == ("fjsp", 514, "optimal")
    assert found["lower_bound"] == 514
    assert found["objective"]["makespan_ms"] == 514
    # Checked against the raw file: zero-based numbers, the file's durations, nothing overlaps.
    lines = (DATA / "mfjs05.txt").read_text().splitlines()
    rows = [[int(t) for t in line.split()] for line in lines if line.strip() and line[0] != "#"][1:]
    ways = {}
    for job, row in enumerate(rows):
        at = 1
        for operation in range(row[0]):
            count = row[at]
            pairs = row[at + 1 : at + 1 + 2 * count]
            ways[job, operation] = dict(zip(pairs[0::2], pairs[1::2], strict=True))
            at += 1 + 2 * count
    lowest = min(machine for way in ways.values() for machine in way)
    seen = {(a["job"], a["operation"]): a for a in found["assignments"]}
    assert seen.keys() == ways.keys()
    for key, a in seen.items():
        assert a["end"] - a["start"] == ways[key][a["machine"] + lowest]
        before = seen.get((key[0], key[1] - 1))
        assert before is None or before["end"] <= a["start"]
    for machine in {a["machine"] for a in seen.values()}:
        busy = sorted((a["start"], a["end"]) for a in seen.values() if a["machine"] == machine)
        assert all(e <= s for (_, e), (s, _) in pairwise(busy))
    assert "<html" in chart.read_text()


def test_a_malformed_file_is_bad_input_with_its_line_and_column(tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_text("1 2\n1 1 9 5\n")
    done = robot_cell("plan", str(bad))
    assert done.returncode == ExitCode.BAD_INPUT, done.stderr
    assert "line 2, column 5" in " ".join(done.stderr.split())


def test_an_unknown_term_of_the_objective_lists_the_known_ones():
    done = robot_cell("plan", str(DATA / "mfjs05.txt"), "--objective", "speed=1")
    assert done.returncode != 0
    assert "tardiness" in done.stderr


def test_a_plant_file_needs_its_orders():
    done = robot_cell("plan", "examples/housing_plant.yaml")
    assert done.returncode == ExitCode.USAGE
    assert "ORDERS" in done.stderr
