"""One broken plant for several tests, and the numbers that they find."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plant import FaultPlant, fault_plant
from tests.plant.conftest import domain  # noqa: F401  (a ROS domain of the session's own)

NUMBERS_VARIABLE = "ROBOT_CELL_FAULT_NUMBERS"
"""A file in which the numbers are gathered (benchmarks/faults.py)."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones run when faults are asked for (`-m faults`), or by name."""
    asked = "faults" in config.getoption("-m") or any("faults" in arg for arg in config.args)
    long = [i for i in items if i.get_closest_marker("faults") and i.get_closest_marker("long")]
    if long and not asked:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture
def numbers() -> Iterator[dict[str, Any]]:
    """What a test measured; printed at its end, and kept if asked for."""
    found: dict[str, Any] = {}
    yield found
    if found:
        print("\n" + "\n".join(f"{name}: {value}" for name, value in found.items()))
    if NUMBERS_VARIABLE in os.environ and found:
        path = Path(os.environ[NUMBERS_VARIABLE])
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | found, indent=2) + "\n")


@pytest.fixture(scope="module")
def broken(
    domain: int,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FaultPlant]:
    """A plant as fast as possible, for as long as the module's tests."""
    del domain
    with fault_plant(tmp_path_factory.mktemp("faults")) as plant:
        yield plant
