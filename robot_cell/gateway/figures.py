"""Key figures of a plant: what `kpis` needs, fetched from the journal and the plant file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from sqlalchemy import Connection

from robot_cell.gateway import shapes
from robot_cell.gateway.element_sums import ElementSums, Facts
from robot_cell.gateway.formulas import FORMULAS
from robot_cell.gateway.kpis import Elements, kpi_of, losses_of
from robot_cell.gateway.parts import MOST_ENDED, joined, parts_of
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.spans import Span
from robot_cell.gateway.views import plant_ms, plant_ns
from robot_cell.model import Cell, Plant, unavailable
from robot_cell.orders.setups import SetupTimes
from robot_cell.reporting.plan_changes import BACK, LOST
from robot_cell.store import CommandRecord, EventRecord, Journal
from robot_cell.store.log import told_of
from robot_cell.store.past import begun_before, begun_within, count_ended
from robot_cell.store.ran import Obeyed, Ran, Stepped, obeyed_by, ran_at_work, stepped_between

MAX_BUCKETS: Final = 500
CUTS: Final = 4096
"""Into so many equal parts a span can be cut at most, where too much has ended in it."""

RECENT_NS: Final = 3_600_000_000_000
"""What "now" means for a key figure, plant time: long enough to say something, short enough to be
made anew every few seconds."""


_HOLDS: Final = ("hold", "suspend")
_GOES_ON: Final = ("unhold", "unsuspend", "stop", "abort", "reset", "clear", "start")


def facts_of(
    plant: Plant,
    journal: Journal,
    start: datetime,
    now_ns: int,
    span: Span,
    cell: str | None = None,
) -> Facts:
    """What happened in a span of plant time, to all cells or one.

    Only that is read from the journal, however much there is before and after. `start` is the
    instant of plant time 0, `now_ns` plant time until which anything is known.
    """
    cells = [cell] if cell is not None else list(plant.cells)
    times = SetupTimes.of(plant)
    read = journal.look(lambda tx: _read(tx, span, cells, times))
    return Facts(
        cells,
        read.ran,
        read.steps,
        open={one: _open(plant, plant.cells[one], start, span) for one in cells},
        held={one: held_spans(read.obeyed[one], one, now_ns) for one in cells},
        lost=lost_spans(read.notes, now_ns),
        setups=read.setups,
        whole=cell is None,
    )


def sums_of(gateway: Gateway, edges: Sequence[int], cell: str | None = None) -> ElementSums:
    """The elements of what a running plant did in each part of a span, plant times in ns.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    now_ns, start = gateway.hub.now_ns, gateway.mirror.start
    if start is None or now_ns is None:
        raise Problem("plant-unreachable", "the plant's time is not known yet; try again soon")
    span = edges[0], edges[-1]
    facts = facts_of(gateway.plant, gateway.journal, start, now_ns, span, cell)
    return ElementSums(facts, edges, now_ns)


def recent(gateway: Gateway) -> ElementSums:
    """The elements of the last hour.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    now_ns = gateway.hub.now_ns or 0
    return sums_of(gateway, (max(0, now_ns - RECENT_NS), now_ns))


def kpis_now(gateway: Gateway, *, energy: bool = False) -> list[shapes.Kpi]:
    """The key figures of each cell, of the last hour; with energy where it is asked for.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    sums = recent(gateway)
    return [
        kpi_of(one, found, gateway.energies.of(sums.used(one)) if energy else None)
        for one, found in sums.of_cells().items()
    ]


def kpis(gateway: Gateway, span: Span, cell: str | None) -> shapes.Kpis:
    """The key figures of each cell and of the plant, of any span: a long one is read in parts."""
    start = _start(gateway)
    step_ns = max(1, -(-(span[1] - span[0]) // CUTS))
    cells = [cell] if cell is not None else list(gateway.plant.cells)
    of_cells = {one: Elements() for one in cells}
    of_plant = Elements(units=0)
    energies_j: dict[str | None, float | None] = dict.fromkeys((*cells, None), 0.0)
    for first, last in _parts(gateway, range(span[0], span[1] + step_ns, step_ns)):
        sums = sums_of(gateway, (first, min(last, span[1])), cell)
        gateway.energies.ask_of(sums.kinds)
        of_plant = joined(of_plant, sums.of_plant())
        of_cells = {one: joined(known, sums.of_cell(one)) for one, known in of_cells.items()}
        for one, known_j in energies_j.items():
            more_j = gateway.energies.of(sums.used(one))
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
    for whole in _parts(gateway, edges):
        within = [at for at in edges if whole[0] <= at <= whole[1]]
        sums = sums_of(gateway, within, cell)
        for i, part in enumerate(pairwise(within)):
            found = sums.of_plant(i)
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


def _parts(gateway: Gateway, edges: Sequence[int]) -> Iterator[Span]:
    """A span in parts that are read one after the other; cut at some of its edges."""
    if len(edges) < 2:
        return iter(())
    look = gateway.journal.look
    return parts_of(edges, lambda one: look(lambda tx: count_ended(tx, *one)), MOST_ENDED)


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

    ran: Ran
    steps: Stepped
    obeyed: Mapping[str, list[Obeyed]]
    notes: list[EventRecord]
    setups: Mapping[str, list[Span]]


def _read(tx: Connection, span: Span, cells: Sequence[str], times: SetupTimes) -> _Read:
    return _Read(
        ran_at_work(tx, *span, cells),
        stepped_between(tx, *span),
        obeyed_by(tx, cells, (*_HOLDS, *_GOES_ON), *span),
        told_of(tx, (LOST, BACK), until_ns=span[1]),
        _setups(tx, span, cells, times),
    )


def _setups(
    tx: Connection, span: Span, cells: Sequence[str], times: SetupTimes
) -> Mapping[str, list[Span]]:
    """When cells were set up for what they have begun: right before it, at the latest."""
    found: defaultdict[str, list[Span]] = defaultdict(list)
    set_up = times.by_cell.keys() & set(cells)
    if not set_up:
        return found
    by_product = (by for one in set_up for by in times.by_cell[one].values())
    longest_ms = max((ms for to in by_product for ms in to.values()), default=0)
    # What began a setup after the span was set up for in it.
    begun = begun_within(tx, set_up, span[0], span[1] + longest_ms * 1_000_000)
    before = begun_before(tx, [one.operation_id for one in begun])
    for one in begun:
        last = before.get(one.operation_id)
        ms = 0 if last is None else times.ms(one.cell, last.product, one.product)
        found[one.cell].append((one.start_ns - ms * 1_000_000, one.start_ns))
    return found


def held_spans(commands: Iterable[CommandRecord | Obeyed], cell: str, now_ns: int) -> list[Span]:
    """When a cell was held by a person, told from what people asked and got."""
    spans: list[Span] = []
    since: int | None = None
    for one in commands:
        what = one.what.lower()
        if one.target != cell or one.outcome != "obeyed":
            continue
        if what in _HOLDS and since is None:
            since = one.at_ns
        elif what in _GOES_ON and since is not None:
            spans.append((since, one.at_ns))
            since = None
    if since is not None:
        spans.append((since, now_ns))
    return spans


def lost_spans(events: Iterable[EventRecord], now_ns: int) -> dict[str, list[Span]]:
    """When each cell's controller was gone, told from the notes `cell lost` and `cell back`."""
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    since: dict[str, int] = {}
    for event in events:
        if event.what == "cell lost":
            since.setdefault(event.data["cell"], event.at_ns)
        elif event.what == "cell back" and event.data["cell"] in since:
            spans[event.data["cell"]].append((since.pop(event.data["cell"]), event.at_ns))
    for cell, begin in since.items():
        spans[cell].append((begin, now_ns))
    return spans
