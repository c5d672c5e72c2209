from __future__ import annotations

import pytest

from robot_cell.model import Plant, load_plant

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
