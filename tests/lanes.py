"""Two lanes for `pytest -n 2`: what only computes runs beside all the rest.

Tests that start processes, or wait for something within a time, go one after the other, as without
lanes; they leave half of the machine idle. Beside them, at a low priority, go those that only
compute and do not care how long it takes.
"""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

COMPUTE: Final = (
    "deploy/",
    "execution/test_motion.py",
    "execution/test_segments.py",
    "gateway/test_long_ago.py",
    "model/",
    "orders/",
    "planners/",
    "programs/",
    "reporting/",
    "setup/test_import_contracts.py",
    "setup/test_lanes.py",
    "sim/fixtures/test_fixture_fuzz.py",
    "sim/gazebo/test_world.py",
    "store/",
)
"""What only computes: folders and files in `tests/`."""

COMPUTE_LANE: Final = "compute"
_LANE: Final = "all else"
_NICE: Final = 10
_TIMEOUT_S: Final = 600
"""Of a test at low priority, for which all others on the machine come first."""


def lane_of(nodeid: str) -> str:
    """The lane of a test, or of its file."""
    _, _, within = nodeid.partition("tests/")
    return COMPUTE_LANE if within.startswith(COMPUTE) else _LANE


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Give `-m faults` its two lanes, unless it is said how many (`-n 0` for none).

    It would take half as long again in one, more than people wait.
    """
    said = any(re.match("-n|--numprocesses|--pdb|--co", one) for one in args)
    asked = early_config.known_args_namespace.markexpr == "faults"
    if asked and not said and "PYTEST_XDIST_WORKER" not in os.environ and find_spec("xdist"):
        args += ["-n", "2"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each lane to one worker, whole and in its order."""
    from xdist.scheduler import LoadScopeScheduling

    class Lanes(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return lane_of(nodeid)

    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what only computes its time."""
    for item in items:
        if lane_of(item.nodeid) == COMPUTE_LANE and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_S))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give way to the other lane; in a worker only, for its priority does not come back."""
    computes = lane_of(item.nodeid) == COMPUTE_LANE
    if "PYTEST_XDIST_WORKER" in os.environ and computes and os.nice(0) < _NICE:
        os.nice(_NICE)
