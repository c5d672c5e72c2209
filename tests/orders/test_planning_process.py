"""The planning process: plans, repairs, and gives way to what is urgent."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from robot_cell.model import JobOrder, load_plant
from robot_cell.orders.planning_job import Moment
from robot_cell.orders.planning_process import PlanningProcess
from robot_cell.store import open_journal

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)


@pytest.mark.timeout(300)
def test_a_plan_is_made_repaired_and_improved(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    plant = load_plant(pytestconfig.rootpath / "examples/housing_plant.yaml")
    order = JobOrder(
        order_id="WO-1", product="housing_s", quantity=3, release=START,
        due=START + timedelta(minutes=2),
    )  # fmt: skip
    path = tmp_path / "journal.db"
    with open_journal(path) as journal:
        journal.accept_batch([order], "f", "test", plant)
        process = PlanningProcess(plant, time_limit_s=20.0, seed=0)
        try:
            first = process.plan(Moment(plant, path, 0, START))
            assert len(first.rows) == 9
            lost = Moment(plant, path, 0, START, ("cell_b",), first.rows)
            repaired = process.repair(lost)
            assert {row.cell for row in repaired.rows} == {"cell_a"}
            assert repaired.engine.startswith("repair")
            again = Moment(plant, path, 0, START, (), repaired.rows)
            better = process.improve(again).result()
            assert better is not None
            assert better.makespan_ns < repaired.makespan_ns
            nothing = Moment(plant, path, 0, START, (), better.rows)
            assert process.improve(nothing).result() is None
        finally:
            process.close()
