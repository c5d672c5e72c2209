"""What runs beside the tests that watch the time must not watch it, and start no nodes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import COMPUTE, COMPUTE_LANE, lane_of

TESTS = Path(__file__).parents[1]
NODES = re.compile(r"\bmark\.(ros|plant|soak)\b|^\s*import rclpy|Plant[S]ession", re.MULTILINE)


@pytest.mark.parametrize("part", COMPUTE)
def test_what_computes_starts_no_nodes(part: str) -> None:
    path = TESTS / part
    files = sorted(path.rglob("*.py")) if part.endswith("/") else [path]
    assert files
    assert [str(file) for file in files if NODES.search(file.read_text())] == []


def test_all_else_is_in_one_lane() -> None:
    lanes = {
        file: lane_of(str(file.relative_to(TESTS.parent))) for file in TESTS.rglob("test_*.py")
    }
    others = set(lanes.values()) - {COMPUTE_LANE}
    assert len(others) == 1
    assert lanes[TESTS / "faults" / "test_kills.py"] in others
    assert lanes[TESTS / "planners" / "motion" / "test_import.py"] == COMPUTE_LANE


def told(config: pytest.Config, *words: str) -> str:
    """What pytest says, asked for some tests of ours."""
    # Whoever asks is not a worker itself.
    own = {name: value for name, value in os.environ.items() if "PYTEST_XDIST" not in name}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *words],
        cwd=config.rootpath, env=own, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout


def test_each_lane_has_a_worker_of_its_own(pytestconfig: pytest.Config) -> None:
    pytest.importorskip("xdist")
    files = ["tests/model/test_packml.py", "tests/test_failpoints.py"]
    said = told(pytestconfig, "-n", "2", *files)
    found = re.findall(r"^\[(gw\d+)\] .* PASSED (\S+?)::", said, re.MULTILINE)
    assert len(found) > 20
    workers = {file: {worker for worker, one in found if one == file} for file in files}
    assert all(len(those) == 1 for those in workers.values()), workers
    assert workers[files[0]] != workers[files[1]]


@pytest.mark.parametrize(
    ("words", "lanes"), [((), True), (("-n", "0"), False), (("-m", "not soak"), False)]
)
def test_fault_tests_have_their_lanes_unless_it_is_said_how_many(
    pytestconfig: pytest.Config, words: tuple[str, ...], lanes: bool
) -> None:
    pytest.importorskip("xdist")
    said = told(pytestconfig, "-m", "faults", *words, "tests/orders/test_leasing.py")
    assert "passed" in said
    assert ("[gw" in said) is lanes
