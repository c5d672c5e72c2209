"""A cell that a person stopped does not move because its controller was started again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from robot_cell.client import PlantNotReachable
from tests.faults.plant import FaultPlant, batch_text, fault_plant
from tests.faults.witness import read_log

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("emergency stop"), pytest.mark.long,
    pytest.mark.timeout(240),
]  # fmt: skip

CELL = "cell_a"
QUIET_S = 3.0


def obeys(plant: FaultPlant, command: str, cell: str = CELL) -> bool:
    """A request to a node that was just started may be lost while peers find each other."""
    try:
        return plant.client.command(cell, command, "test").success
    except PlantNotReachable:
        return False


def test_no_motion_before_a_reset(domain: int, tmp_path: Path) -> None:
    with fault_plant(tmp_path) as plant:

        def state() -> str:
            found = plant.client.cell_states().get(CELL)
            return "" if found is None else found.state

        def moves() -> int:
            return sum(
                line["device"] == "arm" and line["cell"] == CELL for line in read_log(plant.log)
            )

        plant.submit(tmp_path, batch_text(housing_s=2))
        plant.until(lambda: plant.log.exists() and moves() > 3, 60.0, "the cell does not work")
        assert plant.client.command(CELL, "stop", "test").success
        plant.until(lambda: state() == "Stopped", 30.0, "the cell does not stop")
        before = plant.pid(f"{CELL}.cell")
        assert plant.kill(f"{CELL}.cell")
        plant.until(
            lambda: plant.pid(f"{CELL}.cell") not in (None, before), 30.0, "no new controller"
        )
        time.sleep(1.0)  # into the start of the new one
        stood = moves()
        until_s = time.monotonic() + QUIET_S
        while time.monotonic() < until_s:
            assert state() == "Stopped"
            assert moves() == stood
            time.sleep(0.1)
        plant.until(lambda: obeys(plant, "reset"), 60.0, "no reset")
        plant.until(lambda: moves() > stood, 60.0, "the cell does not go home")
        assert plant.problems() == []
