"""`robot-cell run` as a person types it: the example batch, the JSON, and the same at any speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plant.conftest import PLANT_FILE, ROOT, SMALL_BATCH

pytestmark = [pytest.mark.ros, pytest.mark.plant]

ORDERS = ROOT / "examples" / "orders_week48.csv"


def run(
    orders: Path, report: Path, *options: str, timeout_s: float, plant: Path = PLANT_FILE
) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if k != "ROS_DOMAIN_ID"}
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "run", str(plant), str(orders),
         "--headless", "--json", "--report", str(report), *options],
        env=environment, capture_output=True, text=True, timeout=timeout_s, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.long
@pytest.mark.timeout(420)
def test_the_example_batch_is_made_completely(tmp_path: Path) -> None:
    result = run(ORDERS, tmp_path, "--speed", "max", timeout_s=400)
    assert len(result["jobs"]) == 12
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    assert len(result["operations"]) == 66
    for operation in result["operations"]:
        assert operation["status"] == "complete"
        assert operation["cell"] in ("cell_a", "cell_b")
        assert 0.0 <= operation["planned_start_s"] < operation["planned_end_s"]
        assert 0.0 <= operation["actual_start_s"] < operation["actual_end_s"]
        assert operation["joint_error_rad"]
        assert max(operation["joint_error_rad"]) < 0.005
        assert operation["end_positions_rad"]
    for name in ("schedule.html", "report.html", "run.json"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.long
@pytest.mark.timeout(420)
def test_a_run_is_the_same_at_any_speed(tmp_path: Path) -> None:
    """Simulated time waits for decisions, so speed changes nothing that was done or measured."""
    orders = tmp_path / "orders.csv"
    orders.write_text(SMALL_BATCH)
    fast = run(orders, tmp_path / "fast", "--speed", "max", timeout_s=200)
    slow = run(orders, tmp_path / "slow", "--speed", "5", timeout_s=200)
    keys = ("job", "unit", "operation", "cell", "actual_start_s", "actual_end_s",
            "joint_error_rad", "end_positions_rad")  # fmt: skip
    assert [[o[key] for key in keys] for o in fast["operations"]] == [
        [o[key] for key in keys] for o in slow["operations"]
    ]


def test_a_plant_whose_processes_cannot_start_is_an_error_that_says_so(tmp_path: Path) -> None:
    """What every node imports is broken: a message, the log of a node and exit code 6, no crash."""
    for package in ("control_msgs", "mujoco", "serial"):
        (tmp_path / "broken" / package).mkdir(parents=True)
        (tmp_path / "broken" / package / "__init__.py").write_text("raise ImportError('broken')\n")
    environment = {k: v for k, v in os.environ.items() if k != "ROS_DOMAIN_ID"}
    environment["PYTHONPATH"] = f"{tmp_path / 'broken'}:{environment.get('PYTHONPATH', '')}"
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "run", str(PLANT_FILE), str(ORDERS),
         "--headless", "--report", str(tmp_path / "report")],
        env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 6, done.stderr
    assert "the plant has ended" in done.stderr
    assert "ImportError: broken" in done.stderr
