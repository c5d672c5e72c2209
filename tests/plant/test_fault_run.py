"""`robot-cell run --fault`: a cell dies in a whole plant, and all orders complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plant.conftest import SMALL_BATCH
from tests.plant.test_run_command import run

pytestmark = [pytest.mark.ros, pytest.mark.plant]

OFF_S = 20.0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_cell_dies_the_plan_goes_round_it_and_all_orders_complete(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(SMALL_BATCH)
    result = run(
        orders, tmp_path, "--speed", "max", "--fault", f"cell_b:off@{OFF_S:g}s", timeout_s=580
    )
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    lost, repaired, *_ = result["happenings"]
    assert (lost["what"], lost["at_s"], lost["data"]["cell"]) == ("cell lost", OFF_S, "cell_b")
    assert (repaired["what"], repaired["at_s"]) == ("plan repaired", OFF_S)
    assert {m["to_cell"] for m in repaired["data"]["moved"]} <= {"cell_a"}
    # Nothing runs on the dead cell afterwards, and what was interrupted was done again.
    after = [o for o in result["operations"] if o["actual_end_s"] > OFF_S]
    assert after
    assert {o["cell"] for o in after} == {"cell_a"}
    again = {one["operation_id"] for one in lost["data"]["interrupted"]}
    done = {
        f"{o['job']}/{o['unit']}/{o['operation']}"
        for o in result["operations"]
        if o["status"] == "complete"
    }
    assert again <= done
    report = (tmp_path / "report.html").read_text()
    assert "Faults and repairs" in report
    assert "cell_b is lost" in report
    assert json.loads((tmp_path / "run.json").read_text())["faults"] == [f"cell_b:off@{OFF_S:g}s"]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_cell_that_comes_back_works_again(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(SMALL_BATCH)
    result = run(
        orders, tmp_path, "--speed", "max", "--fault", "cell_b:off@10s,on@25s", timeout_s=580
    )
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    told = [(one["what"], one["at_s"]) for one in result["happenings"]]
    assert told[:2] == [("cell lost", 10.0), ("plan repaired", 10.0)]
    assert ("cell back", 25.0) in told
    assert any(o["cell"] == "cell_b" and o["actual_start_s"] >= 25.0 for o in result["operations"])


@pytest.mark.timeout(300)
def test_a_device_that_fails_for_a_while_holds_nothing_up_for_ever(tmp_path: Path) -> None:
    """Its steps wait for it, and no order is lost or made twice."""
    orders = tmp_path / "orders.csv"
    orders.write_text(SMALL_BATCH)
    fault = "cell_a/gripper:garbage@5s,ok@5.5s"
    result = run(orders, tmp_path, "--speed", "max", "--fault", fault, timeout_s=280)
    assert result["faults"] == [fault]
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    assert all(job["done"] == job["quantity"] for job in result["jobs"])
