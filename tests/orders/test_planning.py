from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from planners.scheduling import SchedulingProblem, verify
from robot_cell.model import Calendar, JobOrder, Plant, Shift
from robot_cell.model.plant import RecipeOperation
from robot_cell.orders import (
    PlanningError,
    PlanRejected,
    job_views,
    plan_orders,
    planning_problem,
    read_batch,
)
from robot_cell.store import Journal, open_journal

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
HOUR_NS = 3_600_000_000_000
S_NS = 1_000_000_000


def seconds(cell: str, program: str, product: str) -> float:
    return {"deburr": 22.0, "assemble": 18.0, "inspect": 9.5, "pack": 7.25}[program.split("_")[0]]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    with open_journal(tmp_path / "journal.db") as journal:
        yield journal


def order(**changes: object) -> JobOrder:
    values = {
        "order_id": "WO-1",
        "product": "housing_m",
        "quantity": 1,
        "release": START,
        "due": START + timedelta(hours=1),
    }
    return JobOrder.model_validate(values | changes)


def plan(journal: Journal, plant: Plant, now_ns: int = 0, durations=seconds):
    return plan_orders(
        plant,
        [record.order for record in journal.orders()],
        journal.operations(),
        durations,
        now_ns=now_ns,
        start=START,
        time_limit_s=1.0,
    )


def test_the_example_is_planned_and_promised(
    journal: Journal, plant: Plant, pytestconfig: pytest.Config
) -> None:
    batch = read_batch(pytestconfig.rootpath / "examples/orders_week48.csv", plant)
    journal.accept_batch(batch.orders, batch.source, "test", plant)
    made = plan(journal, plant)
    assert verify(made.problem, made.schedule) == []
    operations = journal.operations()
    assert {row.operation_id for row in made.rows} == {o.operation_id for o in operations}
    release = {o.order_id: o.release for o in batch.orders}
    for row in made.rows:
        assert START + timedelta(microseconds=row.start_ns // 1000) >= release[row.order_id]
        assert row.program in plant.cells[row.cell].programs
    assert {view.status for view in job_views(journal.orders(), operations, START)} == {"accepted"}
    assert journal.publish_schedule(made.rows, at_ns=0, engine=made.schedule.engine) == 1
    views = job_views(journal.orders(), journal.operations(), START)
    assert {view.status for view in views} == {"planned"}
    for view in views:
        ends = [row.end_ns for row in made.rows if row.order_id == view.order.order_id]
        assert view.promised_end_ns == max(ends)


def test_running_and_leased_work_stays_where_it_is(journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order(quantity=2)], "f", "test", plant)
    journal.publish_schedule(plan(journal, plant).rows, at_ns=0)
    first, second = (f"WO-1/{unit}/deburr" for unit in (1, 2))
    token = journal.lease_operation(first, "cell_a", "deburr_m")
    journal.begin_operation(first, "cell_a", token, at_ns=1 * S_NS)
    journal.lease_operation(second, "cell_a", "deburr_m")
    made = plan(journal, plant, now_ns=10 * S_NS)
    rows = {row.operation_id: row for row in made.rows}
    assert (rows[first].start_ns, rows[first].end_ns) == (1 * S_NS, 23 * S_NS)
    assert rows[second].cell == "cell_a"
    assert rows[second].start_ns >= 23 * S_NS
    assert rows["WO-1/1/assemble"].start_ns >= 23 * S_NS


def test_a_running_operation_that_is_late_ends_after_now(journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order()], "f", "test", plant)
    token = journal.lease_operation("WO-1/1/deburr", "cell_a", "deburr_m")
    journal.begin_operation("WO-1/1/deburr", "cell_a", token, at_ns=0)
    rows = {row.operation_id: row for row in plan(journal, plant, now_ns=100 * S_NS).rows}
    assert rows["WO-1/1/deburr"].end_ns > 100 * S_NS
    assert rows["WO-1/1/assemble"].start_ns >= rows["WO-1/1/deburr"].end_ns


def test_complete_work_is_left_out_and_blocked_units_wait(journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order(quantity=3)], "f", "test", plant)
    for unit, status in ((1, "complete"), (2, "failed"), (3, "uncertain")):
        name = f"WO-1/{unit}/deburr"
        journal.begin_operation(name, "cell_a", journal.lease_operation(name, "cell_a", "x"), 0)
        journal.end_operation(name, status, at_ns=S_NS)
    made = plan(journal, plant, now_ns=S_NS)
    assert [row.operation_id for row in made.rows] == [
        f"WO-1/1/{name}" for name in ("assemble", "inspect", "pack")
    ]


def test_nothing_to_do_is_a_plan_too(journal: Journal, plant: Plant) -> None:
    assert plan(journal, plant).rows == ()


def with_shifts(plant: Plant, **shifts: list[Shift]) -> Plant:
    cells = {
        name: cell.model_copy(update={"calendar": Calendar(shifts=tuple(shifts[name]))})
        for name, cell in plant.cells.items()
    }
    return plant.model_copy(update={"cells": cells, "time_zone": "UTC"})


def one_way(plant: Plant) -> Plant:
    """The plant with nothing but the first program of every operation."""

    def narrowed(operation: RecipeOperation) -> RecipeOperation:
        return operation.model_copy(update={"programs": dict([*operation.programs.items()][:1])})

    products = {
        name: product.model_copy(
            update={"operations": tuple(narrowed(operation) for operation in product.operations)}
        )
        for name, product in plant.products.items()
    }
    return plant.model_copy(update={"products": products})


def shift(day: str, start: str, end: str) -> Shift:
    return Shift.model_validate({"days": [day], "start": start, "end": end})


def test_work_waits_for_the_shift_that_is_long_enough(journal: Journal, plant: Plant) -> None:
    short = shift("mon", "05:00", "05:00:20")
    narrow = with_shifts(
        one_way(plant),
        cell_a=[short, shift("wed", "05:00", "06:00")],
        cell_b=[shift("thu", "00:00", "00:00")],
    )
    journal.accept_batch([order(product="housing_s")], "f", "test", narrow)
    starts = {row.operation: row.start_ns for row in plan(journal, narrow).rows}
    assert starts["deburr"] == 48 * HOUR_NS
    assert starts["assemble"] == (72 - 5) * HOUR_NS


def test_cells_that_wait_for_each_other_need_a_longer_horizon(
    journal: Journal, plant: Plant
) -> None:
    # Each unit alternates a (Mondays) and b (Tuesdays), and each shift holds one operation.
    weekly = with_shifts(
        plant,
        cell_a=[shift("mon", "05:00", "05:00:25")],
        cell_b=[shift("tue", "05:00", "05:00:25")],
    )
    journal.accept_batch([order(quantity=2)], "f", "test", weekly)
    made = plan(journal, weekly)
    assert made.schedule.objective.makespan_ms <= made.keys.horizon_ms
    for row in made.rows:
        day = (START + timedelta(microseconds=row.start_ns // 1000)).weekday()
        assert day == {"cell_a": 0, "cell_b": 1}[row.cell]


def test_work_that_fits_nowhere_is_named(journal: Journal, plant: Plant) -> None:
    narrow = with_shifts(
        plant, cell_a=[shift("mon", "05:00", "05:00:20")], cell_b=[shift("mon", "00:00", "00:00")]
    )
    journal.accept_batch([order()], "f", "test", narrow)
    with pytest.raises(PlanningError, match=r"WO-1/1/deburr fits into no open time \(cell_a"):
        plan(journal, narrow)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_durations_that_are_none(value: float, journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order()], "f", "test", plant)
    with pytest.raises(PlanningError, match="deburr_m on cell_a for housing_m"):
        plan(journal, plant, durations=lambda *_: value)


def test_a_due_date_long_past_and_one_far_away(journal: Journal, plant: Plant) -> None:
    old = order(release=START - timedelta(days=400), due=START - timedelta(days=300))
    far = order(order_id="WO-2", due=START + timedelta(days=20_000))
    journal.accept_batch([old, far], "f", "test", plant)
    problem, _ = planning_problem(
        plant, [old, far], journal.operations(), seconds, now_ns=5, start=START
    )
    assert isinstance(problem, SchedulingProblem)
    assert [job.due_ms is not None and job.due_ms > 0 for job in problem.jobs] == [False, True]
    assert problem.earliest_start_ms == 1


def test_a_plan_that_the_verifier_refuses_never_leaves(
    journal: Journal, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from robot_cell.orders import planning

    def wrong(problem: SchedulingProblem, **kwargs: object):
        schedule = planning_solve(problem, **kwargs)
        late, *rest = reversed(schedule.assignments)
        moved = replace(late, start_ms=0, end_ms=late.end_ms - late.start_ms)
        return replace(schedule, assignments=(moved, *rest))

    planning_solve = planning.solve
    monkeypatch.setattr(planning, "solve", wrong)
    journal.accept_batch([order()], "f", "test", plant)
    with pytest.raises(PlanRejected) as error:
        plan(journal, plant)
    assert {v.kind for v in error.value.violations} >= {"precedence"}


def test_views_follow_the_work(journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order(product="valve_block")], "f", "test", plant)
    journal.publish_schedule(plan(journal, plant).rows, at_ns=0)

    def status() -> str:
        [view] = job_views(journal.orders(), journal.operations(), START)
        return f"{view.status} {view.operations_complete}/{view.operations_total}"

    names = [f"WO-1/1/{n}" for n in ("incoming_check", "deburr", "outgoing_check")]
    assert status() == "planned 0/3"
    for number, name in enumerate(names):
        journal.begin_operation(name, "cell_a", journal.lease_operation(name, "cell_a", "x"), 0)
        assert status() == f"running {number}/3"
        journal.end_operation(name, "complete", at_ns=2 * HOUR_NS)
    assert status() == "complete 3/3"
    [view] = job_views(journal.orders(), journal.operations(), START)
    assert (view.promised_end_ns, view.late_ns) == (2 * HOUR_NS, HOUR_NS)
    assert view.units_complete == 1
