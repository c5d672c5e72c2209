"""What runs beside the tests that watch the time must not watch it, and start no nodes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lanes import COMPUTE, COMPUTE_LANE, lane_of

TESTS = Path(__file__).parents[1]
NODES = re.compile(r"\bmark\.(ros|plant|soak)\b|^\s*import rclpy|PlantSession", re.MULTILINE)


@pytest.mark.parametrize("folder", COMPUTE)
def test_folders_that_compute_start_no_nodes(folder: str) -> None:
    files = sorted((TESTS / folder).rglob("*.py"))
    assert files
    assert [str(file) for file in files if NODES.search(file.read_text())] == []


def test_all_else_is_in_one_lane() -> None:
    others = {lane_of(f, TESTS) for f in TESTS.rglob("test_*.py")} - {COMPUTE_LANE}
    assert len(others) == 1
    assert lane_of(TESTS / "faults" / "test_kills.py", TESTS) in others
