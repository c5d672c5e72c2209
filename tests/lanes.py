"""Two lanes for `pytest -n 2 --dist loadgroup`: what only computes runs beside all the rest.

Tests that start processes, or wait for something within a time, go one after the other, as without
lanes; they leave half of the machine idle. Beside them, at a low priority, go those of folders that
only compute and do not care how long it takes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

COMPUTE: Final = ("model", "orders", "planners", "programs", "reporting")
"""Folders whose tests only compute."""

COMPUTE_LANE: Final = "compute"
_LANE: Final = "lane"
_NICE: Final = 10


def lane_of(path: Path, tests: Path) -> str:
    """The lane of a test file."""
    return COMPUTE_LANE if path.relative_to(tests).parts[0] in COMPUTE else _LANE


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say to xdist which tests stay together."""
    tests = config.rootpath / "tests"
    for item in items:
        item.add_marker(pytest.mark.xdist_group(lane_of(item.path, tests)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give way to the other lane; in a worker only, for its priority does not come back."""
    worker = "PYTEST_XDIST_WORKER" in os.environ
    computes = lane_of(item.path, item.config.rootpath / "tests") == COMPUTE_LANE
    if worker and computes and os.nice(0) < _NICE:
        os.nice(_NICE)
