"""A recovery that is wrong on purpose is caught by the comparison that the other tests rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_cell.nodes.cell_node import RECOVERY_VARIABLE
from tests.faults.plant import batch_text, fault_plant

pytestmark = [
    pytest.mark.ros,
    pytest.mark.plant,
    pytest.mark.promise("kill"),
    pytest.mark.timeout(240),
]


@pytest.mark.parametrize(
    ("recovery", "failpoint", "caught"),
    [
        ("resend", "fixtures.command-sent", "was carried out 2 times"),
        ("assume-done", "fixtures.command-taken", "no device did it"),
    ],
)
def test_it_is_caught(
    domain: int, tmp_path: Path, recovery: str, failpoint: str, caught: str
) -> None:
    with fault_plant(tmp_path, environment={RECOVERY_VARIABLE: recovery}) as plant:
        fired = plant.set(f"{failpoint}:kill:2")
        plant.submit(tmp_path, batch_text(housing_s=1))
        plant.wait_fired(fired, 60.0)
        plant.until(
            lambda: any(caught in problem for problem in plant.problems_now()),
            60.0,
            f"{recovery} was not caught",
        )
