"""How long cells are set up before operations: as planned, as it went, in other plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_cell.gateway.comparing import Placed, compare
from robot_cell.gateway.setups import Lanes
from robot_cell.gateway.views import instant_ms
from robot_cell.model import PlannedOperation, Plant
from robot_cell.orders.setups import SetupTimes
from robot_cell.store import Journal, OperationRecord
from tests.gateway.conftest import NS, START, Secret, Served, order, serving

SETUPS = {
    "housing_s": {"housing_m": 20.0, "valve_block": 2.5},
    "housing_m": {"housing_s": 15.5},
}


def set_up_plant(plant: Plant) -> Plant:
    """The example plant, whose cell_a is set up between products."""
    cell = plant.cells["cell_a"].model_copy(update={"setups_s": SETUPS})
    return plant.model_copy(update={"cells": {**plant.cells, "cell_a": cell}})


def deburring(at_s: Mapping[str, float]) -> list[PlannedOperation]:
    """A plan of the first units' deburring on cell_a, of 10 s each."""
    return [
        PlannedOperation(
            f"{name}/1/deburr", name, 1, "deburr", "cell_a", "p", int(s * NS), int((s + 10) * NS)
        )
        for name, s in at_s.items()
    ]


def begin(journal: Journal, plant: Plant) -> None:
    """S and M and another S, in that turn; the first is complete."""
    journal.accept_batch(
        [order("S"), order("M", product="housing_m"), order("S2")], "f", "Kim", plant
    )
    journal.publish_schedule(deburring({"S": 0, "M": 30, "S2": 60}), at_ns=0)
    token = journal.lease_operation("S/1/deburr", "cell_a", "p", 0)
    journal.begin_operation("S/1/deburr", "cell_a", token, 0)
    journal.end_operation("S/1/deburr", "complete", 10 * NS)


@pytest.fixture
def made(tmp_path: Path, plant: Plant, secrets: dict[str, tuple[Secret, str]]) -> Iterator[Served]:
    yield from serving(tmp_path, set_up_plant(plant), secrets, filled=begin)


def setups(rows: list[Any]) -> dict[str, float]:
    return {row["id"].split("/")[0]: row["setup_s"] for row in rows if "deburr" in row["id"]}


def test_operations_and_plans_say_how_long_the_cell_is_set_up(made: Served) -> None:
    wanted = {"S": 0.0, "M": 20.0, "S2": 15.5}
    assert setups(made.get("/api/v1/schedule").json()["operations"]) == wanted
    assert setups(made.get("/api/v1/schedule/revisions/1").json()["operations"]) == wanted
    units = made.get("/api/v1/orders/M").json()["units"]
    assert setups(units[0]["operations"]) == {"M": 20.0}
    trace = made.get("/api/v1/trace/M/1").json()
    assert setups(trace["operations"]) == {"M": 20.0}


def test_who_follows_changes_hears_of_setups_that_others_changed(made: Served) -> None:
    mirror = made.gateway.mirror
    mirror.refresh()
    version = mirror.version
    made.journal.publish_schedule(deburring({"S2": 10, "M": 60}), at_ns=11 * NS)
    mirror.refresh()
    _, changed, _ = mirror.delta(version)
    assert changed is not None
    assert setups(list(changed)) == {"S2": 0.0, "M": 20.0}
    assert setups(list(mirror.operations.values())) == {"S": 0.0, "S2": 0.0, "M": 20.0}
    # M is begun before S2 all the same: S2, of which nothing happened, is told too.
    version = mirror.version
    token = made.journal.lease_operation("M/1/deburr", "cell_a", "p", 12 * NS)
    made.journal.begin_operation("M/1/deburr", "cell_a", token, 40 * NS)
    mirror.refresh()
    _, changed, _ = mirror.delta(version)
    assert setups(list(changed or ())) == {"S2": 15.5, "M": 20.0}
    made.journal.cancel_order("S2", "Kim", "", 41 * NS)
    mirror.refresh()
    assert setups(list(mirror.operations.values())) == {"S": 0.0, "S2": 0.0, "M": 20.0}


def test_another_plan_says_its_own_setups(made: Served) -> None:
    mirror = made.gateway.mirror
    mirror.refresh()
    after = {"S2/1/deburr": Placed("cell_a", 10 * NS, 20 * NS)}
    after |= {"M/1/deburr": Placed("cell_a", 90 * NS, 100 * NS)}
    more = [PlannedOperation("V/1/deburr", "V", 1, "deburr", "cell_a", "p", 50 * NS, 60 * NS)]
    found = compare(mirror, START, after, new=more, products={"V": "valve_block"})
    moves = {move["id"].split("/")[0]: move for move in found["moves"]}
    assert {name: move["after"] and move["after"]["setup_s"] for name, move in moves.items()} == {
        "S2": 0.0, "V": 2.5, "M": 0.0,
    }  # fmt: skip
    assert (moves["M"]["before"] or {})["setup_s"] == 20.0


def test_the_time_of_setting_up_is_aust_of_its_cell(made: Served) -> None:
    """Set up for M from 20 s to 40 s, which is then begun; nothing is known of S2 yet."""
    token = made.journal.lease_operation("M/1/deburr", "cell_a", "p", 11 * NS)
    made.journal.begin_operation("M/1/deburr", "cell_a", token, 40 * NS)
    made.gateway.mirror.refresh()
    found = made.get("/api/v1/kpis").json()
    aust = {one["cell"]: one["elements"]["AUST_s"] for one in [*found["cells"], found["plant"]]}
    assert aust == {"cell_a": 20.0, "cell_b": 0.0, None: 20.0}


class Journalled(NamedTuple):
    """What is drawn of an operation."""

    cell: str | None
    status: str
    begun: int | None
    planned: int | None


drawn_operations = st.builds(
    Journalled,
    st.sampled_from(["x", "y", "z", None]),
    st.sampled_from(["planned", "leased", "running", "complete", "failed", "cancelled"]),
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
)
drawn_units = st.dictionaries(
    st.tuples(st.sampled_from(["red", "blue", "green"]), st.integers(1, 3)),
    st.lists(drawn_operations, min_size=2, max_size=2),
    min_size=1,
)


@settings(max_examples=200)
@given(st.lists(drawn_units, min_size=1, max_size=5))
def test_what_is_kept_in_order_is_what_is_worked_out_anew(
    steps: list[dict[tuple[str, int], list[Journalled]]],
) -> None:
    """After each change the setups are those of all turns, sorted and looked at two by two."""
    times = SetupTimes(
        {
            "x": {"red": {"blue": 3000}, "blue": {"red": 5000, "green": 7000}},
            "y": {"green": {"red": 2000, "blue": 1000}},
        }
    )
    products = {name: name for name in ("red", "blue", "green")}
    lanes = Lanes(times)
    known: dict[tuple[str, int], list[Journalled]] = {}
    told: dict[str, float] = {}
    for change in steps:
        known |= change
        records = [
            OperationRecord(
                f"{order_id}/{unit}/{n}", order_id, unit, n, "", one.status, one.cell,  # type: ignore[arg-type]
                "", 0, 1, one.planned, None, one.begun, None, "", None, None,
            )
            for (order_id, unit), operations in change.items()
            for n, one in enumerate(operations)
        ]  # fmt: skip
        changed = lanes.take(records, products)
        wanted: dict[str, float] = {}
        for cell in ("x", "y"):
            turns = []
            for (order_id, unit), operations in known.items():
                bad = any(one.status in ("failed", "cancelled") for one in operations)
                for n, one in enumerate(operations):
                    if one.cell != cell or (one.begun is None and (bad or one.planned is None)):
                        continue
                    at = (0, one.begun) if one.begun is not None else (1, one.planned)
                    turns.append((*at, f"{order_id}/{unit}/{n}", order_id))
            for (*_, before), (*_, key, product) in pairwise(sorted(turns)):
                if ms := times.by_cell[cell].get(before, {}).get(product):
                    wanted[key] = ms / 1000
        assert lanes.setups_s == wanted
        assert changed >= {key for key, _ in told.items() ^ wanted.items()}
        told = dict(wanted)


def test_key_figures_have_setups_for_what_begins_after_the_span(made: Served) -> None:
    """M began at 30 s, and cell_a is set up for it from 10 s on, where S had ended."""
    token = made.journal.lease_operation("M/1/deburr", "cell_a", "p", 30 * NS)
    made.journal.begin_operation("M/1/deburr", "cell_a", token, 30 * NS)
    made.plant.at_ns = made.gateway.hub.now_ns = 40 * NS
    made.gateway.mirror.refresh()
    at_ms = instant_ms(START)
    found = made.get(f"/api/v1/kpis?from_ms={at_ms + 5000}&to_ms={at_ms + 25000}").json()
    (cell,) = (one for one in found["cells"] if one["cell"] == "cell_a")
    found = cell["elements"]["AUST_s"], cell["elements"]["AUBT_s"]
    assert found == pytest.approx((15.0, 20.0))


def test_a_cell_alone_has_units_of_which_it_has_done_its_part(made: Served) -> None:
    """S is deburred on cell_a, and what follows on cell_b is still to do."""
    made.plant.at_ns = made.gateway.hub.now_ns = 40 * NS
    made.gateway.mirror.refresh()
    of_cell = made.get("/api/v1/kpis?cell=cell_a").json()["plant"]["elements"]["units"]
    of_plant = made.get("/api/v1/kpis").json()["plant"]["elements"]["units"]
    assert (of_cell, of_plant) == (1, 0)
