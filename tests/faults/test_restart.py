"""Everything that controls the plant is killed at once, in mid-move: it stands, and works again.

The world lives on: simulators are no part of what controls a plant. At real speed, so that plant
time and wall time are the same.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plant import batch_text, fault_plant
from tests.faults.test_safe_state import CELL, SLOW_MOVE, at_step
from tests.faults.witness import read_log
from tests.promises import Figure, asked

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("kill"), pytest.mark.long,
    pytest.mark.timeout(300),
]  # fmt: skip

STANDS_S, WORKS_S = 1.0, 10.0
AGAIN_S = 60.0
"""On a machine that does other things as well."""


def test_all_processes_are_killed_at_once(
    domain: int, tmp_path: Path, figure: Figure, pytestconfig: pytest.Config
) -> None:
    with fault_plant(tmp_path, speed=1.0) as plant:
        plant.submit(tmp_path, batch_text(housing_s=1))
        plant.until(lambda: at_step(plant, SLOW_MOVE), 60.0, "the arm does not move")
        controls = [name for name in plant.processes() if not name.endswith(".sim")]
        time.sleep(0.1)  # into the motion

        killed_ns = time.monotonic_ns()
        killed = [name for name in controls if plant.kill(name)]
        assert set(killed) >= {"scheduler"} | {
            f"{cell}.{one}"
            for cell in plant.plant.cells
            for one in ("cell", "arm", "fixtures", "supervisor")
        }

        def moves() -> list[dict[str, Any]]:
            return [
                line
                for line in read_log(plant.log)
                if line["device"] == "arm"
                and line["cell"] == CELL
                and line["monotonic_ns"] > killed_ns
            ]

        plant.until(lambda: moves() != [], 10.0, "the arm did not move when they were killed")
        stands = moves()[0]
        bar = STANDS_S if asked(pytestconfig) else None
        after_s = (stands["monotonic_ns"] - killed_ns) * 1e-9
        figure("all killed: the arm stands after", after_s, "s", bar=bar)
        plant.until(lambda: len(moves()) > 1, AGAIN_S, "it does not work again")
        again = moves()[1]
        off_rad = [abs(a - b) for a, b in zip(stands["to"], again["from"], strict=True)]
        figure("and goes on from where it stands, off by", max(off_rad), "rad", bar=0.01)
        bar = WORKS_S if asked(pytestconfig) else None
        took_ns = again["plant_ns"] - again["began_ns"]
        after_s = (again["monotonic_ns"] - took_ns - killed_ns) * 1e-9
        figure("and moves again after", after_s, "s", bar=bar)
        plant.until(plant.done, 120.0, "the work is not finished")
        assert plant.problems() == []
