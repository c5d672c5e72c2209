"""Setups between products: what a plan keeps, and what is dispatched.

The oracle goes by the plant file and the rows alone: products are looked up by order id, and gaps
are measured between a cell's rows in the order of their starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.scheduling import verify
from planners.scheduling.repair import mend_at_once
from robot_cell.model import Calendar, JobOrder, PlannedOperation, Plant, Shift
from robot_cell.orders import PlanningError, plan_orders, planning_problem
from robot_cell.orders.planning import Plan, to_rows
from robot_cell.orders.setups import SettingUp, SetUp, SetupTimes, Turn, setups_before
from robot_cell.orders.what_if import fresh_operations
from robot_cell.store import OperationRecord, open_journal
from robot_cell.store.working_set import last_products

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
S_NS = 1_000_000_000
Setups = dict[str, dict[str, dict[str, float]]]

BOTH: Setups = {
    "cell_a": {"housing_s": {"housing_m": 40.0}, "housing_m": {"housing_s": 25.5}},
    "cell_b": {"housing_s": {"housing_m": 12.0}, "housing_m": {"housing_s": 30.25}},
}


def seconds(cell: str, program: str, product: str) -> float:
    return {"deburr": 22.0, "assemble": 18.0, "inspect": 9.5, "pack": 7.25}[program.split("_")[0]]


def with_setups(plant: Plant, setups: Setups) -> Plant:
    """The plant, always open, with setups; read anew, so that they are validated."""
    raw = plant.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, times in setups.items():
        raw["cells"][name]["setups_s"] = times
    for cell in raw["cells"].values():
        cell["calendar"] = {}
    return Plant.model_validate(raw)


def order(name: str, product: str, quantity: int = 1) -> JobOrder:
    return JobOrder.model_validate(
        {
            "order_id": name, "product": product, "quantity": quantity,
            "release": START, "due": START + timedelta(hours=1),
        }
    )  # fmt: skip


def records_of(plant: Plant, orders: Iterable[JobOrder]) -> list[OperationRecord]:
    return [record for one in orders for record in fresh_operations(plant, one)]


def plan(
    plant: Plant, orders: Sequence[JobOrder], records: Sequence[OperationRecord] | None = None,
    now_ns: int = 0, **more: object,
) -> Plan:  # fmt: skip
    made = plan_orders(
        plant, orders, records_of(plant, orders) if records is None else records, seconds,
        now_ns=now_ns, start=START, time_limit_s=1.0, effort=0.05, **more,
    )  # fmt: skip
    assert verify(made.problem, made.schedule) == []
    return made


def short_gaps(
    rows: Iterable[PlannedOperation], orders: Iterable[JobOrder], setups: Setups,
    last: dict[str, str] | None = None, now_ns: int = 0,
) -> list[str]:  # fmt: skip
    """Where a cell begins a product sooner after another than its setup takes."""
    product = {one.order_id: one.product for one in orders}
    wrong = []
    for cell in {row.cell for row in rows}:
        mine = sorted((r for r in rows if r.cell == cell), key=lambda row: row.start_ns)
        pairs = [(product[a.order_id], a.end_ns, b) for a, b in pairwise(mine)]
        if last and cell in last:
            pairs.append((last[cell], now_ns, mine[0]))
        for before, end_ns, row in pairs:
            need_s = setups.get(cell, {}).get(before, {}).get(product[row.order_id], 0.0)
            if row.start_ns - end_ns < need_s * S_NS:
                wrong.append(f"{cell}: {row.operation_id} {(row.start_ns - end_ns) / S_NS} s")
    return wrong


def test_a_plan_leaves_time_for_setups(plant: Plant) -> None:
    orders = [order("A", "housing_s", 3), order("B", "housing_m", 3)]
    made = plan(with_setups(plant, BOTH), orders)
    assert short_gaps(made.rows, orders, BOTH) == []
    without = plan(with_setups(plant, {}), orders)
    assert short_gaps(without.rows, orders, BOTH) != []  # the oracle sees what is too short


def test_setups_are_between_turns_of_one_cell_and_what_has_begun_comes_first() -> None:
    times = SetupTimes({one: {"red": {"blue": 3}, "blue": {"red": 5}} for one in ("x", "y")})
    turns = [
        Turn("x", True, 10.0, "planned early", "blue"),
        Turn("x", False, 20.0, "begun late", "red"),
        Turn("y", True, 0.0, "of y", "red"),
        Turn("x", True, 30.0, "last of x", "blue"),
        Turn("z", True, 0.0, "of z", "blue"),
        Turn("z", True, 1.0, "of z too", "red"),
    ]
    assert setups_before(turns, times) == {"planned early": 3}


product_pairs = st.sampled_from(["housing_s", "housing_m", "valve_block"])
times = st.integers(0, 90_000).map(lambda ms: ms / 1000)


@settings(max_examples=25)
@given(
    batch=st.lists(st.tuples(product_pairs, st.integers(1, 2)), min_size=1, max_size=4),
    drawn=st.dictionaries(
        st.sampled_from(["cell_a", "cell_b"]),
        st.dictionaries(
            st.sampled_from(list(permutations(["housing_s", "housing_m", "valve_block"], 2))), times
        ),
    ),
    last=st.dictionaries(st.sampled_from(["cell_a", "cell_b"]), product_pairs),
    now_s=st.integers(0, 1000),
)
def test_drawn_plans_leave_time_for_setups(
    plant: Plant,
    batch: list[tuple[str, int]],
    drawn: dict[str, dict[tuple[str, str], float]],
    last: dict[str, str],
    now_s: int,
) -> None:
    setups: Setups = {}
    for cell, pairs in drawn.items():
        for (before, product), s in pairs.items():
            setups.setdefault(cell, {}).setdefault(before, {})[product] = s
    orders = [order(f"WO{n}", product, count) for n, (product, count) in enumerate(batch)]
    now_ns = now_s * S_NS
    changed = with_setups(plant, setups)
    made = plan(changed, orders, now_ns=now_ns, set_up=SetUp(last))
    assert short_gaps(made.rows, orders, setups, last, now_ns) == []
    # The same after a repair of the published plan, some of which is confirmed.
    problem, keys = planning_problem(
        changed, orders, records_of(changed, orders), seconds, now_ns=now_ns + 5 * S_NS,
        start=START, published=made.rows, confirmed_ns=now_ns + 60 * S_NS, set_up=SetUp(last),
    )  # fmt: skip
    mended = mend_at_once(problem)
    assert verify(problem, mended) == []
    rows = to_rows(mended, keys)
    assert short_gaps(rows, orders, setups, last, now_ns + 5 * S_NS) == []


def test_the_order_of_products_is_the_best_of_all_orders(plant: Plant) -> None:
    """One operation each on one cell: all orders are enumerated, setups and all."""
    setups: Setups = {
        "cell_a": {
            "housing_s": {"housing_m": 90.0, "valve_block": 5.0},
            "housing_m": {"housing_s": 4.0, "valve_block": 80.0},
            "valve_block": {"housing_s": 70.0, "housing_m": 3.0},
        }
    }
    changed = with_setups(plant, setups)
    names = ("housing_s", "housing_m", "valve_block")
    orders = [order(name, name) for name in names]
    only_a = changed.model_copy(
        update={
            "products": {
                name: product.model_copy(
                    update={
                        "operations": tuple(
                            o.model_copy(update={"programs": {"cell_a": o.programs["cell_a"]}})
                            for o in product.operations[:1]
                        )
                    }
                )
                for name, product in changed.products.items()
            }
        }
    )
    for last in (None, *names):
        made = plan(only_a, orders, set_up=SetUp({"cell_a": last} if last else {}))
        best_s = min(
            22.0 * 2
            + 9.5
            + setups["cell_a"].get(last or "", {}).get(way[0], 0.0)
            + sum(setups["cell_a"][a][b] for a, b in pairwise(way))
            for way in permutations(names)
        )
        assert max(row.end_ns for row in made.rows) == best_s * S_NS


def test_of_a_setup_that_has_begun_only_the_rest_is_planned(plant: Plant) -> None:
    changed = with_setups(plant, BOTH)
    now_ns = 100 * S_NS
    for begun_s, start_s in ((90, 130), (70, 110), (10, 100)):
        begun = SettingUp("housing_s", "housing_m", begun_s * S_NS)
        made = plan(
            changed, [order("B", "housing_m")], now_ns=now_ns,
            set_up=SetUp({"cell_a": "housing_s", "cell_b": "housing_s"}, {"cell_a": begun}),
        )  # fmt: skip
        assert min(row.start_ns for row in made.rows) == start_s * S_NS
    other = SettingUp("housing_s", "valve_block", 0)
    made = plan(
        changed, [order("B", "housing_m")], now_ns=now_ns,
        set_up=SetUp({"cell_a": "housing_s"}, {"cell_a": other}),
    )  # fmt: skip
    assert min(row.start_ns for row in made.rows) == 140 * S_NS


def test_running_and_confirmed_work_leaves_time_for_setups(plant: Plant, tmp_path: Path) -> None:
    changed = with_setups(plant, BOTH)
    orders = [order("A", "housing_s"), order("B", "housing_m")]
    with open_journal(tmp_path / "journal.db") as journal:
        journal.accept_batch(orders, "f", "test", changed)
        assert journal.look(lambda tx: last_products(tx, ["cell_a", "cell_b"])) == {}
        token = journal.lease_operation("A/1/deburr", "cell_a", "deburr_s")
        journal.begin_operation("A/1/deburr", "cell_a", token, at_ns=0)
        assert journal.look(lambda tx: last_products(tx, ["cell_a"])) == {"cell_a": "housing_s"}
        # Published as if there were no setups: what is confirmed is moved so that there is time.
        close = PlannedOperation(
            "B/1/deburr", "B", 1, "deburr", "cell_a", "deburr_m", 22 * S_NS, 44 * S_NS
        )
        made = plan(
            changed, orders, journal.operations(), now_ns=S_NS, published=(close,),
            confirmed_ns=60 * S_NS, set_up=SetUp({"cell_a": "housing_s"}),
        )  # fmt: skip
        rows = {row.operation_id: row for row in made.rows}
        assert rows["B/1/deburr"].start_ns == (22 + 40) * S_NS
        assert short_gaps(made.rows, orders, BOTH) == []
        journal.end_operation("A/1/deburr", "complete", at_ns=22 * S_NS)
        assert journal.look(lambda tx: last_products(tx, ["cell_a"])) == {"cell_a": "housing_s"}
        token = journal.lease_operation("B/1/deburr", "cell_a", "deburr_m")
        journal.begin_operation("B/1/deburr", "cell_a", token, at_ns=70 * S_NS)
        journal.end_operation("B/1/deburr", "failed", at_ns=71 * S_NS)
        assert journal.look(lambda tx: last_products(tx, ["cell_a"])) == {"cell_a": "housing_m"}


def test_calendars_reach_as_far_as_setups_need(plant: Plant) -> None:
    """Shifts of 50 s on Mondays: with setups of 25 s each holds one operation less."""
    setups: Setups = {
        "cell_a": {"housing_s": {"housing_m": 25.0}, "housing_m": {"housing_s": 25.0}}
    }
    changed = with_setups(plant, setups)
    monday = Shift.model_validate({"days": ["mon"], "start": "05:00", "end": "05:00:50"})
    cell = changed.cells["cell_a"].model_copy(update={"calendar": Calendar(shifts=(monday,))})
    changed = changed.model_copy(
        update={"cells": {**changed.cells, "cell_a": cell}, "time_zone": "UTC"}
    )
    orders = [order(f"{n}", ("housing_s", "housing_m")[n % 2]) for n in range(4)]
    made = plan(changed, orders)
    assert made.schedule.objective.makespan_ms <= made.keys.horizon_ms
    assert short_gaps(made.rows, orders, setups) == []
    week = 7 * 24 * 3600 * S_NS
    for row in made.rows:
        if row.cell == "cell_a":
            assert row.end_ns % week <= 50 * S_NS


def test_the_horizon_holds_every_order_of_the_work(plant: Plant) -> None:
    """A shift of 120 s a week holds one operation of 22 s with its setup of 90 s, and not two."""
    setups: Setups = {
        "cell_a": {"housing_s": {"housing_m": 90.0}, "housing_m": {"housing_s": 90.0}}
    }
    changed = with_setups(plant, setups)
    monday = Shift.model_validate({"days": ["mon"], "start": "05:00", "end": "05:02"})
    cell = changed.cells["cell_a"].model_copy(update={"calendar": Calendar(shifts=(monday,))})
    changed = changed.model_copy(
        update={"cells": {**changed.cells, "cell_a": cell}, "time_zone": "UTC"}
    )
    orders = [order(f"{n}", ("housing_s", "housing_m")[n % 2]) for n in range(17)]
    _, keys = planning_problem(
        changed, orders, records_of(changed, orders), seconds, now_ns=0, start=START
    )
    assert keys.horizon_ms >= 17 * 7 * 24 * 3_600_000


def test_a_setup_for_which_no_shift_is_long_enough_is_named(plant: Plant) -> None:
    setups: Setups = {
        "cell_a": {"housing_s": {"housing_m": 90.0}, "housing_m": {"housing_s": 90.0}}
    }
    changed = with_setups(plant, setups)
    monday = Shift.model_validate({"days": ["mon"], "start": "05:00", "end": "05:01"})
    cell = changed.cells["cell_a"].model_copy(update={"calendar": Calendar(shifts=(monday,))})
    changed = changed.model_copy(
        update={"cells": {**changed.cells, "cell_a": cell}, "time_zone": "UTC"}
    )
    wanted = r"B/1/deburr takes 22\.0 s on cell_a and its setup up to 90\.0 s, in one piece, but"
    with pytest.raises(PlanningError, match=wanted):
        plan(changed, [order("B", "housing_m")], set_up=SetUp({"cell_a": "housing_s"}))


@pytest.mark.parametrize(
    ("setups", "where", "what"),
    [
        ({"x": {"housing_m": 1.0}}, "cells.cell_a.setups_s.x", "a product of the plant: housing_m"),
        ({"housing_m": {"x": 1.0}}, "setups_s.housing_m.x", "a product of the plant: housing_m"),
        ({"housing_m": {"housing_m": 1.0}}, "setups_s.housing_m.housing_m", "another product"),
        ({"housing_m": {"housing_s": -1.0}}, "setups_s.housing_m.housing_s", "greater than"),
        ({"housing_m": {"housing_s": float("nan")}}, "setups_s.housing_m.housing_s", "finite"),
        ({"housing_m": {"housing_s": 1e6}}, "setups_s.housing_m.housing_s", "less than"),
        ({"housing_m": {"housing_s": "long"}}, "setups_s.housing_m.housing_s", "number"),
    ],
)
def test_setups_that_are_none(
    setups: dict[str, dict[str, object]], where: str, what: str, plant: Plant
) -> None:
    with pytest.raises(ValueError, match=where.replace(".", r"\.")) as error:
        with_setups(plant, {"cell_a": setups})  # type: ignore[dict-item]
    assert what in str(error.value)
