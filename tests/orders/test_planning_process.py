"""The planning process: plans, repairs, and gives way to what is urgent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from robot_cell.model import JobOrder, PlannedOperation, load_plant
from robot_cell.orders.planning_job import Moment, make_plan, repair_plan
from robot_cell.orders.planning_process import PlanningProcess
from robot_cell.orders.setups import SettingUp
from robot_cell.orders.what_if import Otherwise, suppose
from robot_cell.store import open_journal

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
S = 1_000_000_000


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


@pytest.mark.timeout(300)
def test_every_plan_of_a_running_plant_keeps_setups(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """cell_a has made housing_s, long ago and in an order that is over; housing_m takes a setup."""
    plant = load_plant(pytestconfig.rootpath / "examples/housing_plant.yaml")
    setups = {"housing_s": {"housing_m": 40.0}, "housing_m": {"housing_s": 25.0}}
    cell = plant.cells["cell_a"].model_copy(update={"setups_s": setups})
    plant = plant.model_copy(update={"cells": {**plant.cells, "cell_a": cell}})
    s, m, more = (
        JobOrder(
            order_id=name, product=product, quantity=1, release=START,
            due=START + timedelta(hours=9),
        )
        for name, product in (("S", "housing_s"), ("M", "housing_m"), ("MORE", "housing_s"))
    )  # fmt: skip
    path, now_ns = tmp_path / "journal.db", 4 * 3600 * S

    def deburring(rows: tuple[PlannedOperation, ...], order_id: str) -> float:
        (row,) = (r for r in rows if (r.order_id, r.operation) == (order_id, "deburr"))
        return (row.start_ns - now_ns) / S

    with open_journal(path) as journal:
        journal.accept_batch([s], "f", "test", plant)
        for o in journal.operations():
            token = journal.lease_operation(o.operation_id, "cell_a", f"{o.name}_s")
            journal.begin_operation(o.operation_id, "cell_a", token, o.position * S)
            journal.end_operation(o.operation_id, "complete", (o.position + 1) * S)
        journal.accept_batch([m], "g", "test", plant)
        now = Moment(plant, path, now_ns, START)
        planned = make_plan(now, time_limit_s=20.0, seed=0)
        assert deburring(planned.rows, "M") == 40.0
        half = SettingUp("housing_s", "housing_m", now_ns - 15 * S)
        begun = replace(now, published=planned.rows, setting_up={"cell_a": half})
        assert deburring(make_plan(begun, time_limit_s=20.0, seed=0).rows, "M") == 25.0
        assert deburring(repair_plan(replace(now, published=planned.rows)).rows, "M") == 40.0
        assert deburring(repair_plan(begun).rows, "M") >= 25.0
        found = suppose(now, Otherwise(more=(more,)))
        both = sorted((deburring(found.rows, one), one) for one in ("M", "MORE"))
        first, second = (one for _, one in both)
        # The same product needs no setup: it goes first, and M is set up for after it.
        assert (first, both[0][0]) == ("MORE", 0.0)
        (row,) = (r for r in found.rows if (r.order_id, r.operation) == ("MORE", "deburr"))
        assert deburring(found.rows, second) >= (row.end_ns - now_ns) / S + 40.0
