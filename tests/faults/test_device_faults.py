"""Devices that fail for good in mid-run: the cell is held within the step, and says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.plant.conftest import PLANT_FILE, SMALL_BATCH

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("sensor"), pytest.mark.long,
    pytest.mark.timeout(300),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("cell_a/nest_clamp:wrong@2s", "nest_clamp is not plausible: it has done close"),
        ("cell_a/nest_clamp:off@2s", "heard nothing"),
        ("cell_a/nest_clamp:garbage@2s", "heard "),
    ],
)
def test_the_cell_is_held_within_the_step_and_says_why(
    tmp_path: Path, fault: str, why: str
) -> None:
    orders, log = tmp_path / "orders.csv", tmp_path / "devices.jsonl"
    orders.write_text(SMALL_BATCH)
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "run", str(PLANT_FILE), str(orders),
         "--headless", "--json", "--speed", "max", "--report", str(tmp_path / "report"),
         "--device-log", str(log), "--fault", fault],
        env={key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    said = " ".join(done.stderr.split())
    assert done.returncode == 1, said
    assert "cell_a is Held: step" in said
    assert "(nest_clamp: close) is uncertain" in said
    assert why in said
    carried_out = [json.loads(line) for line in log.read_text().splitlines()]
    begun = Counter(
        (one["cell"], one["device"], one["step_id"])
        for one in carried_out
        if one["result"] == "begun"
    )
    assert begun
    assert max(begun.values()) == 1
    held = [one for one in carried_out if one["device"] == "nest_clamp" and one["cell"] == "cell_a"]
    assert {one["command"] for one in held} <= {"close"}
