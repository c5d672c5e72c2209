"""Key figures against numbers that were worked out by hand, and what must hold of any."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_cell.gateway.kpis import (
    Elements,
    Facts,
    elements_of,
    held_spans,
    kpi_of,
    plant_elements,
    setup_spans,
)
from robot_cell.gateway.spans import common, length, merged, without
from robot_cell.store import CommandRecord, OperationRecord, StepRecord
from tests.gateway.conftest import NS


def operation(
    name: str, start: int, end: int | None, status: str, **more: object
) -> OperationRecord:
    record = OperationRecord(
        name, "WO", 1, 0, name, status, "cell", "p", 1, 1,  # type: ignore[arg-type]
        start * NS, (start + 8) * NS, start * NS, None if end is None else end * NS, "", None, None,
    )  # fmt: skip
    return replace(record, **more)  # type: ignore[arg-type]


def step(
    name: str, begin: int, end: int | None, outcome: str | None, attempt: int = 1
) -> StepRecord:
    until = None if end is None else end * NS
    return StepRecord(0, name, attempt, 0, "s", begin * NS, outcome, until, "")  # type: ignore[arg-type]


# A hundred seconds of a cell, open from 0 to 90:
#   a: 10 to 20, one step the whole time, as planned 8 s
#   b: 30 to 50, steps 30 to 38 and 42 to 50, planned 8 s; held from 40 to 41, between the steps
#   c: 60 to 66, failed in its step
#   d: from 80 on, running, in its first step
HAND = Facts(
    "cell",
    [(0, 90 * NS)],
    [
        operation("a", 10, 20, "complete"),
        operation("b", 30, 50, "complete", attempt=2),
        operation("c", 60, 66, "failed"),
        operation("d", 80, None, "running"),
    ],
    [
        step("a", 10, 20, "done"),
        step("b", 30, 38, "done", 2),
        step("b", 42, 50, "done", 2),
        step("c", 60, 66, "failed"),
        step("d", 80, None, None),
    ],
    held=[(40 * NS, 41 * NS)],
    lost=[(70 * NS, 75 * NS)],
)


def test_elements_are_what_was_worked_out_by_hand() -> None:
    found = elements_of(HAND, (0, 100 * NS), 100 * NS)
    assert found.pbt == 90 * NS
    assert found.aubt == (10 + 20 + 6 + 20) * NS
    assert found.apt == (10 + 8 + 8) * NS
    assert found.adet == (4 + 6 + 20) * NS
    assert found.adot == 5 * NS
    assert (found.pq, found.gq, found.sq, found.rq, found.gp) == (3, 2, 1, 1, 1)
    assert found.pri_pq == 24 * NS
    losses = {cause: ns // NS for cause, (ns, _) in found.losses.items()}
    # Open 90 s: 46 s with an order, 5 s lost, the rest without work.
    assert losses == {
        "no work": 39,
        "held": 1,
        "cell lost": 5,
        "steps that failed": 6,
        "between steps": 23,
        "slower than planned": 2,
    }
    kpi = kpi_of("cell", found)
    assert kpi["availability"] == pytest.approx(26 / 90)
    assert kpi["effectiveness"] == pytest.approx(24 / 26)
    assert kpi["quality_ratio"] == pytest.approx(2 / 3)
    assert kpi["oee"] == pytest.approx(26 / 90 * 24 / 26 * 2 / 3)
    assert kpi["technical_efficiency"] == pytest.approx(26 / 56)
    assert kpi["throughput_per_h"] == pytest.approx(3 * 3600 / 56)


def test_a_part_of_the_time_counts_what_ended_in_it() -> None:
    found = elements_of(HAND, (15 * NS, 45 * NS), 100 * NS)
    assert found.pbt == 30 * NS
    assert found.aubt == (5 + 15) * NS
    assert found.apt == (5 + 8 + 3) * NS
    assert (found.pq, found.gq) == (1, 1)


def test_a_divisor_of_nothing_is_undefined() -> None:
    kpi = kpi_of(None, Elements())
    figures = {name: value for name, value in kpi.items() if name not in ("cell", "elements")}
    assert set(figures.values()) == {None}


def test_the_plant_divides_sums_and_averages_nothing() -> None:
    one = Elements(pbt=100, apt=50, pri_pq=50, pq=1, gq=1)
    other = Elements(pbt=300, apt=50, pri_pq=25, pq=3, gq=2)
    kpi = kpi_of(None, plant_elements([one, other], [], (0, 1), 1))
    assert kpi["availability"] == pytest.approx(100 / 400)
    assert kpi["effectiveness"] == pytest.approx(75 / 100)
    assert kpi["quality_ratio"] == pytest.approx(3 / 4)


def test_a_cell_is_held_from_hold_to_what_ends_it() -> None:
    def asked(at: int, what: str, outcome: str = "obeyed", target: str = "cell") -> CommandRecord:
        return CommandRecord(at, at, 0, "Kim", what, target, {}, outcome, at)

    commands = [
        asked(1, "hold", "cell is Idle and does not obey Hold"),
        asked(2, "hold", target="other"),
        asked(3, "hold"),
        asked(5, "unhold"),
        asked(7, "hold"),
        asked(9, "stop"),
        asked(11, "hold"),
    ]
    assert held_spans(commands, "cell", 20) == [(3, 5), (7, 9), (11, 20)]


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def instants(found: list[tuple[int, int]]) -> set[int]:
    return {at for begin, end in found for at in range(begin, end)}


@settings(deadline=None)
@given(spans, spans)
def test_spans_are_sets_of_instants(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    a, b = merged(one), merged(other)
    assert instants(a) == instants(one)
    assert all(left[1] < right[0] for left, right in pairwise(a))
    assert instants(common(a, b)) == instants(a) & instants(b)
    assert instants(without(a, b)) == instants(a) - instants(b)
    assert length(a) == len(instants(a))


@settings(deadline=None)
@given(spans, spans, st.integers(0, 60), st.integers(0, 60))
def test_parts_add_up_to_the_whole(
    work: list[tuple[int, int]], held: list[tuple[int, int]], middle: int, now: int
) -> None:
    facts = Facts(
        "cell", [(0, 60)], [], [step("x", 0, 0, "done")],
        held=merged(held), lost=[],
    )  # fmt: skip
    steps = [
        StepRecord(i, "o", 1, 0, "s", b, "done", e, "") for i, (b, e) in enumerate(work) if e > b
    ]
    facts = replace(facts, steps=steps)
    whole = elements_of(facts, (0, 60), now)
    parts = Elements()
    for part in ((0, middle), (middle, 60)):
        parts.add(elements_of(facts, part, now))
    for name in ("pbt", "aubt", "apt", "adet", "adot"):
        assert getattr(parts, name) == getattr(whole, name)
    assert whole.apt + whole.adet == whole.aubt <= 60


def test_setting_up_is_neither_work_nor_the_lack_of_it() -> None:
    """Set up before b, c and d, as far as nothing else was: 20 to 30, 50 to 60, 75 to 80."""
    spans = [(12 * NS, 30 * NS), (50 * NS, 60 * NS), (72 * NS, 80 * NS), (85 * NS, 95 * NS)]
    found = elements_of(replace(HAND, setups=spans), (0, 100 * NS), 100 * NS)
    without_setups = elements_of(HAND, (0, 100 * NS), 100 * NS)
    assert found.aust == (10 + 10 + 5) * NS
    assert found.aubt == found.aoet == without_setups.aubt + 25 * NS
    assert (found.apt, found.adet) == (without_setups.apt, without_setups.adet)
    assert found.losses["setting up"] == (25 * NS, 3)
    assert found.losses["no work"][0] == (39 - 25) * NS
    kpi = kpi_of("cell", found)
    assert kpi["elements"]["AUPT_s"] == 26 + 25
    assert kpi["nee"] == pytest.approx((26 + 25) / 90 * 24 / 26 * 2 / 3)


def test_cells_are_set_up_right_before_what_they_begin() -> None:
    ran = [operation("a", 10, 20, "complete"), operation("b", 30, None, "running")]
    later = operation("c", 60, 66, "planned", actual_start_ns=None)
    assert setup_spans([*ran, later], {"b": 2.5, "c": 4.0}) == [(27_500_000_000, 30 * NS)]
