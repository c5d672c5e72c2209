"""One broken plant for several tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.plant import FaultPlant, fault_plant
from tests.plant.conftest import domain  # noqa: F401  (a ROS domain of the session's own)


@pytest.fixture(scope="module")
def broken(
    domain: int,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FaultPlant]:
    """A plant as fast as possible, for as long as the module's tests."""
    del domain
    with fault_plant(tmp_path_factory.mktemp("faults")) as plant:
        yield plant
