"""What becomes of work when a cell is lost, and what a plan makes of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from planners.scheduling import verify
from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.orders import plan_orders, planning_problem
from robot_cell.orders.cell_loss import settle
from robot_cell.orders.durations import Estimate, corrected, estimates
from robot_cell.orders.plan_change import Moved, compare
from robot_cell.store import Journal, StaleToken, open_journal
from robot_cell.store.working_set import last_runs

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
S_NS = 1_000_000_000


def seconds(cell: str, program: str, product: str) -> float:
    return {"deburr": 22.0, "assemble": 18.0, "inspect": 9.5, "pack": 7.25}[program.split("_")[0]]


@pytest.fixture
def journal(tmp_path: Path, plant: Plant) -> Iterator[Journal]:
    with open_journal(tmp_path / "journal.db") as journal:
        order = JobOrder(
            order_id="WO-1",
            product="housing_m",
            quantity=2,
            release=START,
            due=START + timedelta(hours=1),
        )
        journal.accept_batch([order], "f", "test", plant)
        yield journal


def unrepeatable(plant: Plant) -> Plant:
    cell = plant.cells["cell_b"]
    programs = {
        name: program.model_copy(update={"repeatable": False})
        for name, program in cell.programs.items()
    }
    cells = plant.cells | {"cell_b": cell.model_copy(update={"programs": programs})}
    return plant.model_copy(update={"cells": cells})


def rows(
    journal: Journal, plant: Plant, now_ns: int, **known: object
) -> dict[str, PlannedOperation]:
    made = plan_orders(
        plant,
        [record.order for record in journal.orders()],
        journal.operations(),
        seconds,
        now_ns=now_ns,
        start=START,
        time_limit_s=1.0,
        **known,  # type: ignore[arg-type]
    )
    assert verify(made.problem, made.schedule) == []
    return {row.operation_id: row for row in made.rows}


def begin(journal: Journal, name: str, cell: str, program: str, steps: int) -> int:
    token = journal.lease_operation(name, cell, program)
    journal.begin_operation(name, cell, token, 0)
    for index in range(steps):
        step = journal.step_intent(name, index, f"step {index}", 0)
        if index < steps - 1:
            journal.step_outcome(step, "done", 0)
    return token


def test_work_that_had_not_begun_goes_back_to_the_plan(journal: Journal, plant: Plant) -> None:
    journal.lease_operation("WO-1/1/deburr", "cell_a", "deburr_m")
    settled = settle(journal, plant, "WO-1/1/deburr", "cell_a", S_NS)
    assert (settled.status, settled.steps_done) == ("planned", 0)
    assert journal.operation("WO-1/1/deburr").status == "planned"


def test_repeatable_work_begins_anew_and_the_lost_cell_cannot_end_it(
    journal: Journal, plant: Plant
) -> None:
    token = begin(journal, "WO-1/1/deburr", "cell_a", "deburr_m", steps=3)
    settled = settle(journal, plant, "WO-1/1/deburr", "cell_a", S_NS)
    assert (settled.status, settled.steps_done) == ("planned", 2)
    assert "cell_a was lost in step 3 (step 2); it begins anew" in settled.message
    record = journal.operation("WO-1/1/deburr")
    assert (record.status, record.attempt) == ("planned", 2)
    assert "plan file: deburr_m".replace("plan ", "plant ") in record.message
    with pytest.raises(StaleToken):
        journal.end_operation("WO-1/1/deburr", "complete", 2 * S_NS, token=token)


def test_work_that_may_not_be_repeated_waits_for_a_person(journal: Journal, plant: Plant) -> None:
    journal_ = journal
    for name, cell, program in (
        ("WO-1/1/deburr", "cell_a", "deburr_m"),
        ("WO-1/1/assemble", "cell_b", "assemble_m"),
    ):
        begin(journal_, name, cell, program, steps=2)
        if cell == "cell_a":
            journal_.end_operation(name, "complete", S_NS)
    strict = unrepeatable(plant)
    settled = settle(journal, strict, "WO-1/1/assemble", "cell_b", S_NS)
    assert settled.status == "uncertain"
    assert "a person has to say" in settled.message
    assert journal.operation("WO-1/1/assemble").status == "uncertain"
    assert not any(name.startswith("WO-1/1/") for name in rows(journal, strict, S_NS))


def test_what_the_cell_still_wrote_stands(journal: Journal, plant: Plant) -> None:
    begin(journal, "WO-1/1/deburr", "cell_a", "deburr_m", steps=1)
    journal.end_operation("WO-1/1/deburr", "complete", S_NS)
    assert settle(journal, plant, "WO-1/1/deburr", "cell_a", S_NS).status == "complete"


def test_a_plan_without_a_cell_goes_round_it(journal: Journal, plant: Plant) -> None:
    without = rows(journal, plant, 0, lost=("cell_b",))
    assert {row.cell for row in without.values()} == {"cell_a"}
    assert len(without) == 8


def test_what_only_a_lost_cell_can_do_waits_with_all_that_follows(
    journal: Journal, plant: Plant
) -> None:
    before = rows(journal, plant, 0)
    without = rows(journal, plant, 0, lost=("cell_a",))
    assert without == {}  # deburring is cell_a's, and everything comes after it
    change = compare(list(before.values()), [], journal.operations())
    assert len(change.waiting) == 8
    assert change.end_before_s > 0.0


def test_a_change_of_plan_is_told_in_operations() -> None:
    def row(name: str, cell: str, end_ns: int) -> PlannedOperation:
        return PlannedOperation(name, "WO", 1, "op", cell, "p", 0, end_ns)

    change = compare([row("a", "x", 5), row("b", "y", 9)], [row("b", "x", 7)], [])
    assert change.moved == (Moved("b", "y", "x"),)
    assert (change.open, change.waiting) == (1, ())


def test_confirmed_work_keeps_its_cell_and_its_turn(journal: Journal, plant: Plant) -> None:
    before = rows(journal, plant, 0)
    confirmed_ns = 45 * S_NS
    soon = {name for name, row in before.items() if row.start_ns < confirmed_ns}
    assert soon
    problem, _ = planning_problem(
        plant,
        [record.order for record in journal.orders()],
        journal.operations(),
        seconds,
        now_ns=S_NS,
        start=START,
        published=list(before.values()),
        confirmed_ns=confirmed_ns,
    )
    assert len(problem.frozen) == len(soon)
    after = rows(journal, plant, S_NS, published=list(before.values()), confirmed_ns=confirmed_ns)
    for name in soon:
        assert after[name].cell == before[name].cell
    lost = {before[name].cell for name in soon}.pop()
    again = rows(
        journal, plant, S_NS,
        published=list(before.values()), confirmed_ns=confirmed_ns, lost=(lost,),
    )  # fmt: skip
    assert lost not in {row.cell for row in again.values()}


def test_recorded_durations_correct_planned_ones(journal: Journal, plant: Plant) -> None:
    def recorded() -> dict[tuple[str, str, str], Estimate]:
        return estimates(journal.look(last_runs))

    assert recorded() == {}
    for unit, took_s in ((1, 30), (2, 34)):
        name = f"WO-1/{unit}/deburr"
        begin(journal, name, "cell_a", "deburr_m", steps=1)
        journal.end_operation(name, "complete", took_s * S_NS)
    found = recorded()
    key = ("cell_a", "deburr_m", "housing_m")
    assert found[key] == Estimate(32.0, pytest.approx(1.4826 * 2.0), 2)
    assert corrected(seconds, found)(*key) == 22.0  # two runs are not enough
    enough = {key: Estimate(32.0, 3.0, 3)}
    assert corrected(seconds, enough)(*key) == 32.0
    assert corrected(seconds, enough)("cell_b", "pack_m", "housing_m") == 7.25
