"""A plant with setups between products: what was done keeps them, and what was planned holds."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plant.conftest import PLANT_FILE
from tests.plant.test_run_command import run

pytestmark = [pytest.mark.ros, pytest.mark.plant]

SETUPS = {
    "cell_a": {
        "housing_s": {"housing_m": 20.0, "valve_block": 11.0},
        "housing_m": {"housing_s": 15.5, "valve_block": 9.0},
        "valve_block": {"housing_s": 8.0, "housing_m": 7.0},
    },
    "cell_b": {
        "housing_s": {"housing_m": 6.0, "valve_block": 9.0},
        "housing_m": {"housing_s": 12.25, "valve_block": 5.0},
        "valve_block": {"housing_s": 10.0, "housing_m": 4.0},
    },
}

BATCH = """\
order_id,product,quantity,release,due,priority,customer
T-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:02:00+01:00,9,Test
T-2,housing_m,1,2026-11-23T06:00:00+01:00,2026-11-23T06:03:00+01:00,5,Test
T-3,valve_block,1,2026-11-23T06:00:20+01:00,2026-11-23T06:03:00+01:00,5,Test
"""
PRODUCT = {"T-1": "housing_s", "T-2": "housing_m", "T-3": "valve_block"}


def plant_with_setups(folder: Path) -> Path:
    """The example's file, with setups, in another folder."""
    raw = yaml.safe_load(PLANT_FILE.read_text(encoding="utf-8"))
    for name, cell in raw["cells"].items():
        urdf = (PLANT_FILE.parent / cell["arm"]["urdf"]).resolve()
        cell["arm"]["urdf"] = os.path.relpath(urdf, folder)
        cell["setups_s"] = SETUPS[name]
    path = folder / "plant.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


def count_setups(result: dict[str, Any], kind: str) -> int:
    """See that no setup of a cell was cut short; how many there were."""
    setups = 0
    for cell, times in SETUPS.items():
        mine = [o for o in result["operations"] if o["cell"] == cell]
        mine.sort(key=lambda o: o[f"{kind}_start_s"])
        for before, after in pairwise(mine):
            a, b = PRODUCT[before["job"]], PRODUCT[after["job"]]
            need_s = 0.0 if a == b else times[a][b]
            setups += need_s > 0.0
            gap_s = after[f"{kind}_start_s"] - before[f"{kind}_end_s"]
            assert gap_s >= need_s - 1e-6, (kind, before, after)
    return setups


@pytest.mark.timeout(300)
def test_cells_stand_for_their_setups_and_the_plan_holds(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(BATCH)
    plant = plant_with_setups(tmp_path)
    result = run(orders, tmp_path / "report", "--speed", "max", timeout_s=280, plant=plant)
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    setups = count_setups(result, "planned")
    assert count_setups(result, "actual") == setups
    assert setups >= 3  # three products on two cells
    for o in result["operations"]:
        planned_s = o["planned_end_s"] - o["planned_start_s"]
        assert o["actual_end_s"] - o["actual_start_s"] == pytest.approx(planned_s, rel=0.02)
    last = max(result["operations"], key=lambda o: o["planned_end_s"])
    assert last["actual_end_s"] == pytest.approx(last["planned_end_s"], rel=0.05)
    assert "setup before" in (tmp_path / "report" / "schedule.html").read_text(encoding="utf-8")


@pytest.mark.timeout(300)
def test_setups_are_kept_when_the_plan_is_repaired(tmp_path: Path) -> None:
    """cell_b is lost in mid-run: what it was to do is done by cell_a, set up each time."""
    orders = tmp_path / "orders.csv"
    orders.write_text(BATCH)
    plant = plant_with_setups(tmp_path)
    fault = ("--speed", "max", "--fault", "cell_b:off@25s")
    result = run(orders, tmp_path / "report", *fault, timeout_s=280, plant=plant)
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    by_a = [o for o in result["operations"] if o["cell"] == "cell_a"]
    assert {o["operation"] for o in by_a} >= {"deburr", "assemble", "pack"}
    assert count_setups(result, "actual") >= 2  # what is repaired has fewer changes of product
