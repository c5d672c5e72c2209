"""Key figures of a plant: what `kpis` needs, fetched from the journal and the plant file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from robot_cell.gateway import shapes
from robot_cell.gateway.kpis import (
    ENDED,
    FORMULAS,
    Elements,
    Facts,
    elements_of,
    held_spans,
    kpi_of,
    losses_of,
    lost_spans,
    plant_elements,
    setup_spans,
)
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.setups import planned_setups_s
from robot_cell.gateway.spans import Span
from robot_cell.gateway.views import plant_ms, plant_ns
from robot_cell.model import Cell, Plant, unavailable
from robot_cell.orders.setups import SetupTimes
from robot_cell.store import CommandRecord, Journal, OperationRecord, looks

MAX_BUCKETS: Final = 500
RECENT_NS: Final = 3_600_000_000_000
"""What "now" means for a key figure, plant time: long enough to say something, short enough to be
made anew every few seconds."""

_COMMANDS: Final = 1000


class Figures:
    """What happened in a span of plant time, ready for key figures of any part of it.

    Args:
        operations: all that the journal has.
        products: of orders, by order id.
        start: the instant of plant time 0.
        now_ns: plant time until which anything is known.
        cell: only this one.
    """

    def __init__(
        self,
        plant: Plant,
        journal: Journal,
        operations: Sequence[OperationRecord],
        products: Mapping[str, str],
        start: datetime,
        now_ns: int,
        span: Span,
        cell: str | None = None,
    ) -> None:
        self.start, self.now_ns, self.span = start, now_ns, span
        self.operations = operations
        cells = [cell] if cell is not None else list(plant.cells)
        commands = _all_commands(journal)
        lost = lost_spans(
            journal.look(lambda tx: looks.notes(tx, ("cell lost", "cell back"))), now_ns
        )
        steps = defaultdict(list)
        cell_of = {o.operation_id: o.cell for o in self.operations}
        for step in journal.look(lambda tx: looks.steps_between(tx, *span)):
            steps[cell_of.get(step.operation_id)].append(step)
        ran: defaultdict[str | None, list[OperationRecord]] = defaultdict(list)
        for record in self.operations:
            if record.actual_start_ns is not None:
                ran[record.cell].append(record)
        ran_operations = [record for records in ran.values() for record in records]
        setups = planned_setups_s((), products, SetupTimes.of(plant), ran_operations)
        self.facts = {
            one: Facts(
                one,
                _open(plant, plant.cells[one], start, span),
                ran[one],
                steps[one],
                held_spans(commands, one, now_ns),
                lost.get(one, ()),
                setup_spans(ran[one], setups),
            )
            for one in cells
        }

    def of_cells(self, span: Span) -> dict[str, Elements]:
        """The elements of each cell in a part of the span."""
        return {one: elements_of(facts, span, self.now_ns) for one, facts in self.facts.items()}

    def ended(self, span: Span, cell: str | None = None) -> list[OperationRecord]:
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


def figures_of(gateway: Gateway, span: Span, cell: str | None = None) -> Figures:
    """What a running plant did in a span.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    mirror, now_ns = gateway.mirror, gateway.hub.now_ns
    if mirror.start is None or now_ns is None:
        raise Problem("plant-unreachable", "the plant's time is not known yet; try again soon")
    operations = [record for one in mirror.orders for record in mirror.of_order(one)]
    return Figures(
        gateway.plant,
        gateway.journal,
        operations,
        mirror.products,
        mirror.start,
        now_ns,
        span,
        cell,
    )


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
    return gateway.energies.of(figures.ended(span, cell), gateway.mirror.products)


def kpis(gateway: Gateway, span: Span, cell: str | None) -> shapes.Kpis:
    """The key figures of each cell and of the plant."""
    figures = figures_of(gateway, span, cell)
    of_cells = figures.of_cells(span)
    return {
        "from_ms": plant_ms(span[0], figures.start),
        "to_ms": plant_ms(span[1], figures.start),
        "cells": [
            kpi_of(one, found, _energy_j(gateway, figures, span, one))
            for one, found in of_cells.items()
        ],
        "plant": kpi_of(
            None, figures.of_plant(of_cells, span), _energy_j(gateway, figures, span, None)
        ),
        "formulas": FORMULAS,
        "losses": losses_of(of_cells),
    }


def series(gateway: Gateway, span: Span, bucket_ns: int, cell: str | None) -> shapes.Series:
    """Key figures of the plant, or of a cell, in each bucket of a span."""
    figures = figures_of(gateway, span, cell)
    items: list[shapes.Bucket] = []
    at = span[0]
    while at < span[1] and len(items) < MAX_BUCKETS:
        part = (at, min(at + bucket_ns, span[1]))
        found = figures.of_plant(figures.of_cells(part), part)
        kpi = kpi_of(None, found)
        items.append(
            {
                "start_ms": plant_ms(part[0], figures.start),
                "end_ms": plant_ms(part[1], figures.start),
                "done": found.pq,
                "oee": kpi["oee"],
                "availability": kpi["availability"],
                "effectiveness": kpi["effectiveness"],
                "quality_ratio": kpi["quality_ratio"],
            }
        )
        at = part[1]
    return {"bucket_s": bucket_ns * 1e-9, "items": items}


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


def _all_commands(journal: Journal) -> list[CommandRecord]:
    found: list[CommandRecord] = []
    while page := journal.commands(found[-1].command_id if found else 0, _COMMANDS):
        found += page
    return found
