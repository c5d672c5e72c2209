from __future__ import annotations

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from robot_cell.model import Plant, load_plant

# How long an example takes says how busy the machine is, and nothing about the code.
_ANY_MACHINE: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _ANY_MACHINE, derandomize=True)
settings.register_profile("search", _ANY_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

EXAMPLE = "examples/housing_plant.yaml"


@pytest.fixture(scope="session")
def plant(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """The example plant; its arms' models are not needed here, so empty files stand for them."""
    folder = tmp_path_factory.mktemp("plant")
    (folder / "examples").mkdir()
    (folder / "urdf").mkdir()
    for arm in ("kuka_kr6_r900", "ur10e"):
        (folder / "urdf" / f"{arm}.urdf.xacro").touch()
    copy = folder / EXAMPLE
    copy.write_bytes((pytestconfig.rootpath / EXAMPLE).read_bytes())
    return load_plant(copy)
