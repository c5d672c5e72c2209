"""The kernel is compiled once, outside the time of any test."""

import pytest

from planners.scheduling.tabu import warm_up


@pytest.fixture(scope="session", autouse=True)
def compiled_kernel():
    warm_up()
