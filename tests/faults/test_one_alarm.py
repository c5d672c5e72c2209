"""A device that fails and recovers a hundred times within a second is one alarm."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.plant import batch_text, fault_plant
from tests.faults.test_soak import attend
from tests.promises import Figure

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("one alarm"), pytest.mark.long,
    pytest.mark.timeout(240),
]  # fmt: skip

CELL, DEVICE = "cell_a", "gripper"
FIRST_MS, EVERY_MS, TIMES = 1500, 10, 100
WELL_S = 60


def test_a_hundred_faults_in_a_second(domain: int, tmp_path: Path, figure: Figure) -> None:
    """Off, well, off, well, while its first step is asked for; then off until it is mended."""
    verbs = ("off", "ok") * (TIMES // 2)
    changes = [f"{verb}@{(FIRST_MS + EVERY_MS * n) / 1e3:.2f}s" for n, verb in enumerate(verbs)]
    last = (FIRST_MS + EVERY_MS * TIMES) / 1e3
    text = f"{CELL}/{DEVICE}:{','.join(changes)},off@{last:.2f}s,ok@{WELL_S}s"
    said: Counter[str] = Counter()
    with fault_plant(tmp_path, speed=10.0, faults=text) as plant:
        plant.submit(tmp_path, batch_text(housing_s=1))
        plant.until(lambda: plant.journal.alarms.standing() != [], 60.0, "there is no alarm")
        until_s = time.monotonic() + 120.0
        while not plant.over():
            assert time.monotonic() < until_s, plant.story()
            attend(plant, said)
            time.sleep(0.2)
        alarms = plant.journal.alarms.history()
        figure("alarms", len(alarms), bar=1)
        [alarm] = alarms
        assert (alarm.kind, alarm.subject) == ("device_fault", DEVICE)
        assert alarm.consequences, "the step that waits is no alarm of its own"
        assert plant.done()
        assert plant.problems() == []
    figure("faults within a second", TIMES)
