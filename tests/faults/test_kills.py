"""Processes die, at every failpoint and at random: no job is lost and no step is done twice."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from robot_cell.failpoints import FAILPOINTS
from tests.faults.plant import FaultPlant

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.faults]

KILLS = int(os.environ.get("ROBOT_CELL_KILLS", "8"))
"""Random kills; benchmarks/faults.py asks for 500."""

SEED = int(os.environ.get("ROBOT_CELL_KILL_SEED", "48"))
FIRED_S = 60.0
DONE_S = 180.0
ELSEWHERE = {"cell.step-resolved"}
"""Failpoints that only a person's word leads to: tests/faults/test_uncertain.py."""

VICTIMS = ("cell", "fixtures", "arm", "supervisor")


@pytest.mark.timeout(600)
def test_a_kill_at_every_failpoint(
    broken: FaultPlant, tmp_path: Path, numbers: dict[str, Any]
) -> None:
    broken.work_for(tmp_path, FAILPOINTS.keys() - ELSEWHERE, "kill", FIRED_S)
    broken.until(broken.done, DONE_S, "not every job was completed")
    assert broken.problems() == []
    numbers["failpoints_killed_at"] = len(FAILPOINTS.keys() - ELSEWHERE)


@pytest.mark.timeout(3000)
def test_kills_at_random(broken: FaultPlant, tmp_path: Path, numbers: dict[str, Any]) -> None:
    """Each time another process of a working plant, after another while."""
    chance = random.Random(SEED)
    names = [f"{cell}.{victim}" for cell in broken.plant.cells for victim in VICTIMS]
    names.append("scheduler")
    killed: dict[str, int] = {}
    began_s = time.monotonic()
    while sum(killed.values()) < KILLS:
        broken.keep_busy(tmp_path)
        name = chance.choice(names)
        if broken.kill(name):
            killed[name] = killed.get(name, 0) + 1
        time.sleep(chance.uniform(0.2, 2.0))
    broken.until(broken.done, DONE_S, "not every job was completed")
    assert broken.problems() == []
    steps = sum(len(broken.journal.steps(o.operation_id)) for o in broken.journal.operations())
    numbers["kills"] = killed
    numbers["kills_total"] = sum(killed.values())
    numbers["kills_wall_s"] = round(time.monotonic() - began_s, 1)
    numbers["jobs_complete"] = len(broken.orders)
    numbers["jobs_lost"] = len(broken.orders - {r.order.order_id for r in broken.journal.orders()})
    numbers["steps_in_journal"] = steps
    numbers["steps_done_twice"] = 0  # problems() is empty
