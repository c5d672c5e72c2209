"""A hand-over that a person stops, or that is broken again and again: each in its own plant."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.faults.hand_over import (
    ARMS,
    BOTH_HOLD,
    CELL,
    EXAMPLE,
    LOWEST_M,
    hand_over_plant,
)
from tests.faults.plant import batch_text, fault_plant
from tests.faults.test_kills import BETWEEN_S, SEED
from tests.promises import Figure

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("hand-over"), pytest.mark.long,
    pytest.mark.timeout(400),
]  # fmt: skip

KILLS = 20


def test_kills_at_random_while_parts_are_handed_over(
    domain: int, tmp_path: Path, figure: Figure
) -> None:
    """As fast as possible; journal and devices are compared after each kill."""
    del domain
    chance = random.Random(SEED)
    killed: dict[str, int] = {}
    with fault_plant(tmp_path, plant_file=EXAMPLE) as plant:
        batches = 0
        while sum(killed.values()) < KILLS:
            if sum(o.status == "planned" for o in plant.journal.operations()) < 3:
                batches += 1
                plant.submit(tmp_path, batch_text(batches, bush=6))
            name = chance.choice(("cell", *ARMS, "fixtures", "supervisor"))
            if plant.kill(f"{CELL}.{name}"):
                killed[name] = killed.get(name, 0) + 1
            next_s = time.monotonic() + chance.uniform(*BETWEEN_S)
            assert plant.new_problems() == [], killed
            time.sleep(max(0.0, next_s - time.monotonic()))
        plant.until(plant.done, 180.0, "not every job was completed")
        assert plant.problems() == []
        steps = sum(len(plant.journal.steps(o.operation_id)) for o in plant.journal.operations())
    figure("kills at random", KILLS)
    figure("steps, none twice", steps)


def test_after_a_stop_while_both_hold_the_part_no_arm_pulls_at_it(
    domain: int, tmp_path: Path
) -> None:
    """A stop fails the operation, as with one arm; a person has to open one of the grippers."""
    del domain
    with hand_over_plant(tmp_path) as running:
        running.order()
        running.reach(BOTH_HOLD)
        running.give("stop", ("Stopped",))
        running.stands_for()
        assert {o.status for o in running.plant.journal.operations()} == {"failed"}
        running.plant.until(lambda: running.obeys("reset"), 60.0, "no reset")
        running.plant.until(lambda: "the same one" in running.label(), 60.0, "it says nothing")
        assert running.state() == "Stopped"
        running.stands_for()
        assert running.lowest_m > LOWEST_M
        assert running.plant.new_problems() == []
