"""The kernel is compiled before the first test, outside the time limit of any."""

from pathlib import Path

import pytest

from planners.scheduling.tabu import warm_up


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    if not session.config.option.collectonly and any(here in i.path.parents for i in session.items):
        warm_up()
