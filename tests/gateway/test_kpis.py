"""Key figures against numbers that were worked out by hand, and what must hold of any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_cell.gateway.element_sums import ElementSums
from robot_cell.gateway.figures import held_spans
from robot_cell.gateway.kpis import Elements, kpi_of
from robot_cell.gateway.spans import (
    Span,
    Spans,
    common,
    length,
    length_until,
    merged,
    spans,
    without,
)
from robot_cell.store import CommandRecord, OperationRecord, StepRecord
from tests.gateway.conftest import NS
from tests.gateway.facts import facts_from


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
OPERATIONS = [
    operation("a", 10, 20, "complete"),
    operation("b", 30, 50, "complete", attempt=2),
    operation("c", 60, 66, "failed"),
    operation("d", 80, None, "running"),
]
STEPS = [
    step("a", 10, 20, "done"),
    step("b", 30, 38, "done", 2),
    step("b", 42, 50, "done", 2),
    step("c", 60, 66, "failed"),
    step("d", 80, None, None),
]


def by_hand(span: Span, setups: Sequence[Span] = ()) -> Elements:
    facts = facts_from(
        ["cell"],
        OPERATIONS,
        STEPS,
        open={"cell": [(0, 90 * NS)]},
        held={"cell": [(40 * NS, 41 * NS)]},
        lost={"cell": [(70 * NS, 75 * NS)]},
        setups={"cell": setups},
    )
    return ElementSums(facts, span, 100 * NS).of_cell("cell")


def test_elements_are_what_was_worked_out_by_hand() -> None:
    found = by_hand((0, 100 * NS))
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
    found = by_hand((15 * NS, 45 * NS))
    assert found.pbt == 30 * NS
    assert found.aubt == (5 + 15) * NS
    assert found.apt == (5 + 8 + 3) * NS
    assert (found.pq, found.gq) == (1, 1)


def test_a_divisor_of_nothing_is_undefined() -> None:
    kpi = kpi_of(None, Elements())
    figures = {name: value for name, value in kpi.items() if name not in ("cell", "elements")}
    assert set(figures.values()) == {None}


def test_the_plant_divides_sums_and_averages_nothing() -> None:
    found = Elements(pbt=100, apt=50, pri_pq=50, pq=1, gq=1)
    found.add(Elements(pbt=300, apt=50, pri_pq=25, pq=3, gq=2))
    kpi = kpi_of(None, found)
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


drawn = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def instants(found: Spans) -> set[int]:
    return {at for begin, end in found.T.tolist() for at in range(begin, end)}


@settings(deadline=None)
@given(drawn, drawn)
def test_spans_are_sets_of_instants(one: list[Span], other: list[Span]) -> None:
    a, b = merged(spans(one)), merged(spans(other))
    assert instants(a) == {at for begin, end in one for at in range(begin, end)}
    assert all(left[1] < right[0] for left, right in pairwise(a.T.tolist()))
    assert instants(common(a, b)) == instants(a) & instants(b)
    assert instants(without(a, b)) == instants(a) - instants(b)
    assert length(a) == len(instants(a))
    until = length_until(a, np.arange(-1, 62))
    assert until.tolist() == [sum(i < at for i in instants(a)) for at in range(-1, 62)]


# -- whatever happened, counted instant by instant ------------------------------------------------


@dataclass(frozen=True)
class Made:
    """What happened to three cells within sixty nanoseconds."""

    operations: list[OperationRecord]
    steps: list[StepRecord]
    open: dict[str, list[Span]]
    held: dict[str, list[Span]]
    lost: dict[str, list[Span]]
    setups: dict[str, list[Span]]


CELLS = ("x", "y")
OTHER = "z"


@st.composite
def happened(draw: st.DrawFn) -> Made:
    """Operations and steps of any times: more than a cell can do, and in no order."""
    times = st.integers(0, 60)
    operations, steps = [], []
    for i in range(draw(st.integers(0, 8))):
        begin, took = draw(times), draw(st.integers(1, 20))
        status = draw(st.sampled_from(["complete", "complete", "failed", "running", "planned"]))
        operations.append(
            OperationRecord(
                f"o{i}", f"WO-{draw(st.integers(0, 2))}", draw(st.integers(1, 2)), 0, "op", status,
                draw(st.sampled_from([*CELLS, OTHER, None])), "p", 1, draw(st.integers(1, 2)),
                0, draw(st.integers(0, 9)), None if status == "planned" else begin,
                begin + took if status in ("complete", "failed") else None, "", None, None,
            )
        )  # fmt: skip
        for _ in range(draw(st.integers(0, 3))):
            begun, lasted = draw(times), draw(st.integers(0, 9))
            outcome = draw(st.sampled_from(["done", "done", "failed", "uncertain", None]))
            until = None if outcome is None else begun + lasted
            number = draw(st.integers(1, 2))
            steps.append(StepRecord(0, f"o{i}", number, 0, "s", begun, outcome, until, ""))

    def of_cells() -> dict[str, list[Span]]:
        return {one: draw(st.lists(st.tuples(times, times), max_size=3)) for one in (*CELLS, OTHER)}

    return Made(operations, steps, of_cells(), of_cells(), of_cells(), of_cells())


def within(listed: Sequence[Span], part: Span) -> set[int]:
    return {at for begin, end in listed for at in range(begin, end)} & set(range(*part))


def runs(of: set[int]) -> int:
    return sum(at - 1 not in of for at in of)


def counted(made: Made, cell: str, part: Span, now: int) -> Elements:
    """The elements of a cell in a part of the time, by their definitions."""
    part = part[0], min(part[1], now)
    of = {o.operation_id: o for o in made.operations}
    ran = [o for o in made.operations if o.cell == cell and o.actual_start_ns is not None]
    steps = [s for s in made.steps if of[s.operation_id].cell == cell]
    opened, held = within(made.open[cell], part), within(made.held[cell], part)
    lost = within(made.lost[cell], part)
    busy = within(
        [(o.actual_start_ns or 0, now if o.actual_end_ns is None else o.actual_end_ns) for o in ran]
        + [(s.intent_ns, now if s.outcome_ns is None else s.outcome_ns) for s in steps],
        part,
    )
    well = [s for s in steps if s.outcome == "done" and s.attempt == of[s.operation_id].attempt]
    badly = [s for s in steps if s.outcome in ("failed", "uncertain")]
    good, bad = (within([(s.intent_ns, s.outcome_ns or 0) for s in x], part) for x in (well, badly))
    producing = good - held - lost
    setting_up = within(made.setups[cell], part) & opened - busy - lost
    ended = [
        o for o in ran if o.status in ("complete", "failed") and o.actual_end_ns in range(*part)
    ]
    complete = [o for o in ended if o.status == "complete"]
    found = Elements(
        pbt=len(opened),
        aubt=len(busy | setting_up),
        apt=len(producing),
        aust=len(setting_up),
        adet=len(busy - producing - lost),
        adot=len(lost & opened),
        aoet=len(busy | setting_up),
        pri_pq=sum(o.planned_end_ns or 0 for o in ended),
        pq=len(ended),
        gq=len(complete),
        sq=len(ended) - len(complete),
        rq=sum(o.attempt > 1 for o in complete),
        gp=sum(o.attempt == 1 for o in complete),
    )
    causes = {
        "no work": opened - busy - lost - setting_up,
        "setting up": setting_up,
        "held": held & busy,
        "cell lost": lost,
        "steps that failed": bad - held,
        "between steps": busy - producing - held - lost - (bad - held),
    }
    for cause, of_it in causes.items():
        if of_it:
            ns = found.adot if cause == "cell lost" else len(of_it)
            found.losses[cause] = ns, runs(of_it)
            found.edges[cause] = part[0] in of_it, part[1] - 1 in of_it
    if found.apt > found.pri_pq:
        found.losses["slower than planned"] = found.apt - found.pri_pq, 1
    return found


@settings(deadline=None)
@given(
    happened(),
    st.lists(st.integers(0, 70), min_size=2, max_size=5, unique=True).map(sorted),
    st.integers(0, 80),
    st.booleans(),
)
def test_the_elements_are_what_is_counted_instant_by_instant(
    made: Made, edges: list[int], now: int, whole: bool
) -> None:
    facts = facts_from(
        CELLS, made.operations, made.steps, whole=whole,
        open=made.open, held=made.held, lost=made.lost, setups=made.setups,
    )  # fmt: skip
    sums = ElementSums(facts, edges, now)
    shown = [o for o in made.operations if whole or o.cell in CELLS]
    for i, part in enumerate(pairwise(edges)):
        of_cells = [counted(made, cell, part, now) for cell in CELLS]
        assert [sums.of_cell(cell, i) for cell in CELLS] == of_cells
        total = Elements()
        for one in of_cells:
            total.add(one)
        units: dict[tuple[str, int], list[OperationRecord]] = {}
        orders: dict[str, set[int]] = {}
        for o in shown:
            units.setdefault((o.order_id, o.unit), []).append(o)
            if o.actual_start_ns is not None:
                until = now if o.actual_end_ns is None else o.actual_end_ns
                orders.setdefault(o.order_id, set()).update((o.actual_start_ns, until))
        over = (part[0], min(part[1], now))
        total.units = sum(
            {o.status for o in listed} == {"complete"}
            and max(o.actual_end_ns or 0 for o in listed) in range(*over)
            for listed in units.values()
        )
        total.aoet = len(within([(min(ats), max(ats)) for ats in orders.values()], over))
        assert sums.of_plant(i) == total
    span = range(edges[0], min(edges[-1], now))
    for cell in (None, *CELLS):
        ended = [
            o
            for o in made.operations
            if o.cell in (CELLS if cell is None else (cell,))
            and o.status in ("complete", "failed")
            and o.actual_end_ns in span
        ]
        used = sums.used(cell)
        assert sum(one.times for one in used) == len(ended)
        assert sum(one.took_ns for one in used) == sum(
            (o.actual_end_ns or 0) - (o.actual_start_ns or 0) for o in ended
        )


def test_decades_of_many_cells_are_summed_up() -> None:
    """They would not fit behind each other in nanoseconds."""
    years_ns = 30 * 365 * 86_400 * NS
    cells = [f"cell_{i}" for i in range(200)]
    listed = [
        replace(operation(cell, 0, None, "running"), cell=cell, actual_start_ns=years_ns // 2)
        for cell in cells
    ]
    facts = facts_from(cells, listed, [], open={cell: [(0, years_ns)] for cell in cells})
    sums = ElementSums(facts, (0, years_ns), years_ns)
    for cell in cells:
        found = sums.of_cell(cell)
        assert (found.pbt, found.aubt) == pytest.approx((years_ns, years_ns // 2), abs=NS)
    assert sums.of_plant().pbt == pytest.approx(200 * years_ns, rel=1e-9)


def test_setting_up_is_neither_work_nor_the_lack_of_it() -> None:
    """Set up before b, c and d, as far as nothing else was: 20 to 30, 50 to 60, 75 to 80."""
    setups = [(12 * NS, 30 * NS), (50 * NS, 60 * NS), (72 * NS, 80 * NS), (85 * NS, 95 * NS)]
    found = by_hand((0, 100 * NS), setups)
    without_setups = by_hand((0, 100 * NS))
    assert found.aust == (10 + 10 + 5) * NS
    assert found.aubt == found.aoet == without_setups.aubt + 25 * NS
    assert (found.apt, found.adet) == (without_setups.apt, without_setups.adet)
    assert found.losses["setting up"] == (25 * NS, 3)
    assert found.losses["no work"][0] == (39 - 25) * NS
    kpi = kpi_of("cell", found)
    assert kpi["elements"]["AUPT_s"] == 26 + 25
    assert kpi["nee"] == pytest.approx((26 + 25) / 90 * 24 / 26 * 2 / 3)
