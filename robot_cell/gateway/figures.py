"""Key figures of a plant: what `kpis` needs, fetched from the journal and the plant file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from sqlalchemy import Connection

from robot_cell.gateway import shapes
from robot_cell.gateway.kpis import (
    ENDED,
    FORMULAS,
    HOLDS_AND_GOES_ON,
    Elements,
    Facts,
    Worked,
    elements_of,
    held_spans,
    kpi_of,
    losses_of,
    lost_spans,
    plant_elements,
    setup_spans,
)
from robot_cell.gateway.parts import MOST_ENDED, joined, parts_of
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.spans import Span
from robot_cell.gateway.views import plant_ms, plant_ns
from robot_cell.model import Cell, Plant, unavailable
from robot_cell.orders.setups import SetupTimes
from robot_cell.reporting.plan_changes import BACK, LOST
from robot_cell.store import EventRecord, Journal
from robot_cell.store.log import told_of
from robot_cell.store.past import begun_before, count_ended, orders_at_work
from robot_cell.store.ran import (
    Obeyed,
    Ran,
    StepSpan,
    obeyed_by,
    orders_of,
    products_of,
    ran_of_orders,
    steps_begun,
)

MAX_BUCKETS: Final = 500
CUTS: Final = 4096
"""Into so many equal parts a span can be cut at most, where too much has ended in it."""

RECENT_NS: Final = 3_600_000_000_000
"""What "now" means for a key figure, plant time: long enough to say something, short enough to be
made anew every few seconds."""


class Figures:
    """What happened in a span of plant time, ready for key figures of any part of it.

    Only that is read from the journal, however much there is before and after.

    Args:
        start: the instant of plant time 0.
        now_ns: plant time until which anything is known.
        cell: only this one.
        carried: steps that were begun in a part of the time before, and went on.

    Attributes:
        carried_on: steps that go on after the span.
        products: of the orders that were worked on in the span, by order id.
        operations: of these orders, all.
    """

    def __init__(
        self,
        plant: Plant,
        journal: Journal,
        start: datetime,
        now_ns: int,
        span: Span,
        cell: str | None = None,
        carried: Sequence[StepSpan] = (),
    ) -> None:
        self.start, self.now_ns, self.span = start, now_ns, span
        cells = [cell] if cell is not None else list(plant.cells)
        times = SetupTimes.of(plant)
        read = journal.look(lambda tx: _read(tx, span, cells, times, carried))
        self.products, self.operations = read.products, read.operations
        steps = read.steps
        self.carried_on = [s for s in steps if s.outcome_ns is None or s.outcome_ns > span[1]]
        lost = lost_spans(read.notes, now_ns)
        steps_of = defaultdict(list)
        cell_of = {o.operation_id: o.cell for o in self.operations}
        for step in steps:
            steps_of[cell_of.get(step.operation_id)].append(step)
        ran: defaultdict[str | None, list[Ran]] = defaultdict(list)
        for record in self.operations:
            if record.actual_start_ns is not None:
                ran[record.cell].append(record)
        self.facts = {
            one: Facts(
                one,
                _open(plant, plant.cells[one], start, span),
                ran[one],
                steps_of[one],
                held_spans(read.obeyed[one], one, now_ns),
                lost.get(one, ()),
                setup_spans(ran[one], read.setups_s),
            )
            for one in cells
        }

    def of_cells(self, span: Span) -> dict[str, Elements]:
        """The elements of each cell in a part of the span."""
        return {one: elements_of(facts, span, self.now_ns) for one, facts in self.facts.items()}

    def ended(self, span: Span, cell: str | None = None) -> list[Worked]:
        """What has ended in a part of the span, on one cell or on all of them."""
        return [
            o
            for one in (self.facts if cell is None else (cell,))
            for o in self.facts[one].operations
            if o.status in ENDED
            and o.actual_end_ns is not None
            and span[0] <= o.actual_end_ns < min(span[1], self.now_ns)
        ]

    def of_plant(self, of_cells: dict[str, Elements], span: Span) -> Elements:
        """The plant's elements in a part of the span."""
        operations = [o for o in self.operations if o.cell in self.facts]
        return plant_elements(of_cells.values(), operations, span, self.now_ns)


def figures_of(
    gateway: Gateway, span: Span, cell: str | None = None, carried: Sequence[StepSpan] = ()
) -> Figures:
    """What a running plant did in a span.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    mirror, now_ns = gateway.mirror, gateway.hub.now_ns
    if mirror.start is None or now_ns is None:
        raise Problem("plant-unreachable", "the plant's time is not known yet; try again soon")
    return Figures(gateway.plant, gateway.journal, mirror.start, now_ns, span, cell, carried)


def kpis_now(gateway: Gateway, *, energy: bool = False) -> list[shapes.Kpi]:
    """The key figures of each cell, of the last hour; energy, which takes long, where asked for.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    now_ns = gateway.hub.now_ns or 0
    span = (max(0, now_ns - RECENT_NS), now_ns)
    figures = figures_of(gateway, span)
    return [
        kpi_of(one, found, _energy_j(gateway, figures, span, one) if energy else None)
        for one, found in figures.of_cells(span).items()
    ]


def _energy_j(gateway: Gateway, figures: Figures, span: Span, cell: str | None) -> float | None:
    """What was used by the operations that ended in a span, by the model; None: not known."""
    return gateway.energies.of(figures.ended(span, cell), figures.products)


def kpis(gateway: Gateway, span: Span, cell: str | None) -> shapes.Kpis:
    """The key figures of each cell and of the plant, of any span: a long one is read in parts."""
    start = _start(gateway)
    edges = [span[0] + (span[1] - span[0]) * i // CUTS for i in range(CUTS + 1)]
    cells = [cell] if cell is not None else list(gateway.plant.cells)
    of_cells = {one: Elements() for one in cells}
    of_plant = Elements(units=0)
    energies_j: dict[str | None, float | None] = dict.fromkeys((*cells, None), 0.0)
    for figures, part in _in_parts(gateway, edges, cell):
        found = figures.of_cells(part)
        # Of what has begun, so that it is known when that ends.
        begun = (o for o in figures.operations if o.actual_start_ns is not None)
        gateway.energies.ask_of(begun, figures.products)
        of_plant = joined(of_plant, figures.of_plant(found, part))
        of_cells = {one: joined(known, found[one]) for one, known in of_cells.items()}
        for one, known_j in energies_j.items():
            more_j = _energy_j(gateway, figures, part, one)
            energies_j[one] = None if known_j is None or more_j is None else known_j + more_j
    return {
        "from_ms": plant_ms(span[0], start),
        "to_ms": plant_ms(span[1], start),
        "cells": [kpi_of(one, found, energies_j[one]) for one, found in of_cells.items()],
        "plant": kpi_of(None, of_plant, energies_j[None]),
        "formulas": FORMULAS,
        "losses": losses_of(of_cells),
    }


def series(gateway: Gateway, span: Span, bucket_ns: int, cell: str | None) -> shapes.Series:
    """Key figures of the plant, or of a cell, in each bucket of a span."""
    start = _start(gateway)
    edges = [*range(span[0], span[1], bucket_ns)[:MAX_BUCKETS]]
    edges.append(min(edges[-1] + bucket_ns, span[1]) if edges else span[1])
    items: list[shapes.Bucket] = []
    for figures, whole in _in_parts(gateway, edges, cell):
        for part in pairwise(at for at in edges if whole[0] <= at <= whole[1]):
            found = figures.of_plant(figures.of_cells(part), part)
            kpi = kpi_of(None, found)
            items.append(
                {
                    "start_ms": plant_ms(part[0], start),
                    "end_ms": plant_ms(part[1], start),
                    "done": found.pq,
                    "oee": kpi["oee"],
                    "availability": kpi["availability"],
                    "effectiveness": kpi["effectiveness"],
                    "quality_ratio": kpi["quality_ratio"],
                }
            )
    return {"bucket_s": bucket_ns * 1e-9, "items": items}


def _in_parts(
    gateway: Gateway, edges: Sequence[int], cell: str | None
) -> Iterator[tuple[Figures, Span]]:
    """A span's figures in parts that are read one after the other; cut at some of its edges."""
    carried: Sequence[StepSpan] = ()
    if len(edges) < 2:
        return
    for part in parts_of(
        edges, lambda one: gateway.journal.look(lambda tx: count_ended(tx, *one)), MOST_ENDED
    ):
        figures = figures_of(gateway, part, cell, carried)
        carried = figures.carried_on
        yield figures, part


def _start(gateway: Gateway) -> datetime:
    if gateway.mirror.start is None:
        raise Problem("plant-unreachable", "the plant's time is not known yet; try again soon")
    return gateway.mirror.start


def span_of(gateway: Gateway, from_ms: int | None, to_ms: int | None) -> Span:
    """A span of plant time as it was asked for: from the plant's start to now, unless told.

    Raises:
        Problem: 422, it ends before it begins; 503, the plant has no time yet.
    """
    start, now_ns = gateway.mirror.start, gateway.hub.now_ns
    if start is None or now_ns is None:
        raise Problem("plant-unreachable", "the plant's time is not known yet; try again soon")
    begin = 0 if from_ms is None else max(0, plant_ns(from_ms, start))
    end = now_ns if to_ms is None else min(now_ns, plant_ns(to_ms, start))
    if from_ms is not None and to_ms is not None and to_ms < from_ms:
        raise Problem(
            "invalid",
            "the span ends before it begins",
            problems=[{"where": "query.to_ms", "expected": "a time after from_ms"}],
        )
    return begin, max(begin, end)


def _open(plant: Plant, cell: Cell, start: datetime, span: Span) -> Sequence[Span]:
    """When a cell's calendar has it work, plant time."""
    begin, end = (start + timedelta(microseconds=at // 1000) for at in span)
    found: list[Span] = []
    at = span[0]
    for closes, opens in unavailable(cell.calendar, plant.zone, begin, end):
        closes_ns, opens_ns = (
            (one - start) // timedelta(microseconds=1) * 1000 for one in (closes, opens)
        )
        if closes_ns > at:
            found.append((at, closes_ns))
        at = max(at, opens_ns)
    if at < span[1]:
        found.append((at, span[1]))
    return found


class _Read(NamedTuple):
    """What a span's figures are made of."""

    products: dict[str, str]
    operations: list[Ran]
    steps: list[StepSpan]
    obeyed: dict[str, list[Obeyed]]
    notes: list[EventRecord]
    setups_s: dict[str, float]
    """By the operation that a cell was set up for."""


def _read(
    tx: Connection,
    span: Span,
    cells: Sequence[str],
    times: SetupTimes,
    carried: Sequence[StepSpan],
) -> _Read:
    longest_ms = max(
        (ms for by in times.by_cell.values() for to in by.values() for ms in to.values()), default=0
    )
    # What began a setup after the span was set up for in it.
    until_ns = span[1] + longest_ms * 1_000_000
    ids = orders_at_work(tx, span[0], until_ns, cells)
    ids |= orders_of(tx, {one.operation_id for one in carried})
    products, operations = products_of(tx, ids), ran_of_orders(tx, ids)
    order_of = {
        o.operation_id: o.order_id
        for o in operations
        if o.cell in times.by_cell and o.actual_start_ns is not None
    }
    setups_s = {}
    for key, before in begun_before(tx, order_of).items():
        ms = times.ms(before.cell, before.product, products[order_of[key]])
        if ms:
            setups_s[key] = ms * 1e-3
    return _Read(
        products,
        operations,
        [*carried, *steps_begun(tx, *span)],
        obeyed_by(tx, cells, HOLDS_AND_GOES_ON, *span),
        told_of(tx, (LOST, BACK), until_ns=span[1]),
        setups_s,
    )
