"""A boundary that fails instead of dying, as with a full disk: what was begun is not over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.plant import fault_plant
from tests.faults.test_stopped import obeys

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("disk"), pytest.mark.long,
    pytest.mark.timeout(300),
]  # fmt: skip

IN_THE_CELL = ("cell.operation-begun", "cell.step-intended", "cell.step-commanded",
               "cell.step-ended")  # fmt: skip
ELSEWHERE = ("arm.goal-begun", "fixtures.command-sent", "fixtures.command-ended",
             "scheduler.end-heard", "scheduler.lease-written")  # fmt: skip


def test_it_goes_on_after_a_reset_or_a_restart(domain: int, tmp_path: Path) -> None:
    with fault_plant(tmp_path) as plant:

        def aborted() -> list[str]:
            states = plant.client.cell_states().values()
            return [state.cell for state in states if state.state == "Aborted"]

        for name in IN_THE_CELL:
            plant.keep_busy(tmp_path)
            path = plant.set(f"{name}:error")
            plant.until(lambda path=path: not path.exists(), 60.0, f"{name} was not reached")
            plant.until(lambda: aborted() != [], 30.0, "the cell did not abort")
            (cell,) = aborted()
            running = plant.journal.operations(status="running", cell=cell)
            assert len(running) == 1, "what it had begun is not over"
            plant.until(lambda cell=cell: obeys(plant, "clear", cell), 30.0, "no clear")
            plant.until(lambda cell=cell: obeys(plant, "reset", cell), 30.0, "no reset")
        for name in ELSEWHERE:
            plant.work_for(tmp_path, [name], "error", 60.0)
        plant.work_for(tmp_path, ["cell.step-commanded"], "delay", 60.0)
        plant.until(plant.done, 180.0, "not every job was completed")
        assert plant.problems() == []
