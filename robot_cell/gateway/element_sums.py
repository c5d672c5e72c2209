"""The elements of ISO 22400-2:2014, summed up from what the journal says happened.

All cells lie side by side on one axis of time, so that each set is made once, and not once a cell;
where the parts of a span are asked for, it is measured at their edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_cell.gateway.kpis import Elements, tell_slowness
from robot_cell.gateway.spans import (
    Instants,
    Span,
    Spans,
    common,
    length_until,
    merged,
    spans,
    without,
)
from robot_cell.store.ran import BADLY, COMPLETE, WAITING, WELL, Column, Kind, Ran, Stepped

_NOWHERE: Final = -1
_AXIS: Final = 1 << 62
_UNITS: Final = 1 << 20
"""More than an order has."""


@dataclass(frozen=True)
class Facts:
    """What happened to some cells, plant times in ns.

    Attributes:
        cells: whose elements are asked for.
        ran: operations that were under way in the span, and all others of their orders.
        steps: that were under way in the span.
        open: when a cell's calendar has it work.
        held: when a person held a cell. lost: when its controller was gone.
        setups: when it was set up, at the latest: right before what it was set up for began.
        whole: whether work units are looked at as a whole, and not what `cells` do of them.
    """

    cells: Sequence[str]
    ran: Ran
    steps: Stepped
    open: Mapping[str, Sequence[Span]]
    held: Mapping[str, Sequence[Span]]
    lost: Mapping[str, Sequence[Span]]
    setups: Mapping[str, Sequence[Span]]
    whole: bool = True


class Used(NamedTuple):
    """Operations of a kind that have ended: how many, and how long they took."""

    kind: Kind
    times: int
    took_ns: int


@dataclass(frozen=True)
class _Losses:
    """Of one cause, for each cell and part: how long, how often, whether at its begin and end."""

    ns: Instants
    count: Instants
    opens: NDArray[np.bool_]
    closes: NDArray[np.bool_]


class ElementSums:
    """The elements of each cell in each part of a span.

    Args:
        facts: what happened.
        edges: of the parts (k + 1,), rising, plant times in ns.
        now_ns: plant time until which anything is known; what goes on goes on until then.
    """

    def __init__(self, facts: Facts, edges: Sequence[int], now_ns: int) -> None:
        self._facts, self._now_ns = facts, now_ns
        self._edges = np.minimum(np.array(edges, np.int64), now_ns)
        width_ns = max(0, int(self._edges[-1]) - int(self._edges[0]))
        # Decades of a hundred cells have no place on one axis in nanoseconds.
        self._tick_ns = 1
        while len(facts.cells) * (width_ns // self._tick_ns) >= _AXIS:
            self._tick_ns *= 1000
        self._lanes = np.arange(len(facts.cells)) * (width_ns // self._tick_ns)
        self._cuts = self._lanes[:, None] + self._ticks(self._edges)
        self._lane_of = {cell: lane for lane, cell in enumerate(facts.cells)}
        ran = facts.ran
        self._lane = self._lanes_of(tuple(kind.cell for kind in ran.kinds))[ran.kind]
        self._begun = ran.start_ns >= 0
        self._make_sets()
        self._sums = {**self._times(), **self._counts()}

    def of_cell(self, cell: str, part: int = 0) -> Elements:
        """The elements of a cell in a part of the span."""
        lane = self._lane_of[cell]
        found = _elements({name: int(sums[lane, part]) for name, sums in self._sums.items()})
        for cause, loss in self._losses.items():
            if loss.count[lane, part]:
                found.losses[cause] = int(loss.ns[lane, part]), int(loss.count[lane, part])
                found.edges[cause] = bool(loss.opens[lane, part]), bool(loss.closes[lane, part])
        tell_slowness(found)
        return found

    def of_cells(self) -> dict[str, Elements]:
        """The elements of each cell in the first part."""
        return {cell: self.of_cell(cell) for cell in self._facts.cells}

    def of_plant(self, part: int = 0) -> Elements:
        """The plant's elements: sums over its cells; its output is counted in whole work units."""
        found = _elements({name: sum(sums[:, part].tolist()) for name, sums in self._sums.items()})
        units, aoet_ns = self._of_orders
        found.units, found.aoet = int(units[part]), int(aoet_ns[part])
        return found

    @property
    def kinds(self) -> list[Kind]:
        """What has begun, by kind: what ends in the span, and soon after it."""
        ran = self._facts.ran
        return [ran.kinds[i] for i in np.unique(ran.kind[self._begun])]

    def used(self, cell: str | None = None) -> list[Used]:
        """What has ended in the span, by kind, on one cell or on all of them."""
        ran, edges = self._facts.ran, self._edges
        ended = self._ended & (ran.end_ns >= edges[0]) & (ran.end_ns < edges[-1])
        count = np.bincount(ran.kind[ended], minlength=len(ran.kinds))
        took_ns = np.zeros_like(count)
        np.add.at(took_ns, ran.kind[ended], (ran.end_ns - ran.start_ns)[ended])
        return [
            Used(kind, int(count[i]), int(took_ns[i]))
            for i, kind in enumerate(ran.kinds)
            if count[i] and cell in (None, kind.cell)
        ]

    # -- sets of time ------------------------------------------------------------------------------

    def _lanes_of(self, cells: Sequence[str | None]) -> Column:
        return np.array([self._lane_of.get(cell or "", _NOWHERE) for cell in cells], np.int64)

    def _lay(self, lane: Column, begin_ns: Column, end_ns: Column) -> Spans:
        """What cells did, within the span and side by side."""
        here = lane != _NOWHERE
        at = self._lanes[lane[here]]
        begins, ends = self._ticks(begin_ns[here]), self._ticks(end_ns[here])
        return merged(np.stack((at + begins, at + ends)))

    def _ticks(self, at_ns: Column) -> Column:
        """Instants on the axis of a cell, those before and after the span at its edges."""
        first, last = self._edges[0], self._edges[-1]
        ticks: Column = (np.clip(at_ns, first, last) - first) // self._tick_ns
        return ticks

    def _lay_listed(self, of_cells: Mapping[str, Sequence[Span]]) -> Spans:
        listed = [(lane, of_cells.get(cell, ())) for cell, lane in self._lane_of.items()]
        begins, ends = spans(span for _, those in listed for span in those)
        return self._lay(np.repeat(*_counted(listed)), begins, ends)

    def _until_now(self, end_ns: Column) -> Column:
        return np.where(end_ns >= 0, end_ns, self._now_ns)

    def _make_sets(self) -> None:
        facts, ran, steps = self._facts, self._facts.ran, self._facts.steps
        lane = self._lanes_of(steps.cells)[steps.cell]
        until_ns = self._until_now(steps.outcome_ns)
        over = steps.outcome_ns >= 0
        on = np.where(self._begun, self._lane, _NOWHERE)
        self._busy = busy = self._lay(
            np.concatenate((on, lane)),
            np.concatenate((ran.start_ns, steps.intent_ns)),
            np.concatenate((self._until_now(ran.end_ns), until_ns)),
        )
        well = np.where(over & (steps.outcome == WELL), lane, _NOWHERE)
        badly = np.where(over & (steps.outcome == BADLY), lane, _NOWHERE)
        self._opened = self._lay_listed(facts.open)
        held, lost = self._lay_listed(facts.held), self._lay_listed(facts.lost)
        good = self._lay(well, steps.intent_ns, until_ns)
        self._producing = producing = without(without(good, held), lost)
        idle = without(without(self._opened, busy), lost)
        self._setting_up = common(self._lay_listed(facts.setups), idle)
        self._lost = lost
        self._delayed = without(without(busy, producing), lost)
        failing = without(self._lay(badly, steps.intent_ns, until_ns), held)
        self._lost_to = {
            "no work": without(idle, self._setting_up),
            "setting up": self._setting_up,
            "held": common(held, busy),
            "cell lost": lost,
            "steps that failed": failing,
            "between steps": without(without(self._delayed, held), failing),
        }

    # -- measured in each part ---------------------------------------------------------------------

    def _ns(self, of: Spans) -> Instants:
        """How long a set is for each cell in each part, (cells, k)."""
        return np.diff(length_until(of, self._cuts), axis=1) * self._tick_ns

    def _times(self) -> dict[str, Instants]:
        busy, setting_up = self._ns(self._busy), self._ns(self._setting_up)
        return {
            "pbt": self._ns(self._opened),
            "aubt": busy + setting_up,
            "apt": self._ns(self._producing),
            "aust": setting_up,
            "adet": self._ns(self._delayed),
            "adot": self._ns(common(self._lost, self._opened)),
            "aoet": busy + setting_up,
        }

    @cached_property
    def _losses(self) -> dict[str, _Losses]:
        first, last = self._cuts[:, :-1], self._cuts[:, 1:]
        found = {}
        for cause, (begins, ends) in self._lost_to.items():
            begun = np.searchsorted(begins, last, side="left")
            over = np.searchsorted(ends, first, side="right")
            count = np.where(last > first, begun - over, 0)
            opens = np.searchsorted(begins, first, side="right") > over
            closes = begun > np.searchsorted(ends, last, side="left")
            found[cause] = _Losses(
                self._sums["adot"] if cause == "cell lost" else self._ns(self._lost_to[cause]),
                count,
                opens,
                closes,
            )
        return found

    # -- counted in each part ----------------------------------------------------------------------

    @property
    def _ended(self) -> NDArray[np.bool_]:
        ran = self._facts.ran
        here = self._begun & (self._lane != _NOWHERE)
        ended: NDArray[np.bool_] = here & (ran.ended != WAITING) & (ran.end_ns >= 0)
        return ended

    def _part_of(self, at_ns: Column) -> Column:
        """In which part an instant is, _NOWHERE if in none."""
        part = np.searchsorted(self._edges, at_ns, side="right") - 1
        return np.where(at_ns < self._edges[-1], part, _NOWHERE)

    def _counts(self) -> dict[str, Instants]:
        ran, parts = self._facts.ran, self._edges.size - 1
        part = self._part_of(ran.end_ns)
        ended = self._ended & (part != _NOWHERE)
        place = (self._lane * parts + part)[ended]
        shape = (len(self._facts.cells), parts)

        def count(which: NDArray[np.bool_]) -> Instants:
            return np.bincount(place[which[ended]], minlength=shape[0] * shape[1]).reshape(shape)

        good = ran.ended == COMPLETE
        planned_ns = np.zeros(shape, np.int64)
        np.add.at(planned_ns.reshape(-1), place, ran.planned_ns[ended])
        all_, well = count(ended), count(good)
        return {
            "pri_pq": planned_ns,
            "pq": all_,
            "gq": well,
            "sq": all_ - well,
            "rq": count(good & (ran.attempt > 1)),
            "gp": count(good & (ran.attempt == 1)),
        }

    @cached_property
    def _of_orders(self) -> tuple[Instants, Instants]:
        """In each part, how many work units were complete, and how long orders were under way."""
        ran, parts = self._facts.ran, self._edges.size - 1
        here = np.full(ran.kind.size, True) if self._facts.whole else self._lane != _NOWHERE
        turn, at = _groups((ran.order * _UNITS + ran.unit)[here])
        complete = np.logical_and.reduceat((ran.ended == COMPLETE)[here][turn], at)
        ends_ns = np.maximum.reduceat(ran.end_ns[here][turn], at)[complete]
        part = self._part_of(ends_ns)
        units = np.bincount(part[part != _NOWHERE], minlength=parts)
        here = here & self._begun
        turn, at = _groups(ran.order[here])
        under_way = np.stack(
            (
                np.minimum.reduceat(ran.start_ns[here][turn], at),
                np.maximum.reduceat(self._until_now(ran.end_ns)[here][turn], at),
            )
        )
        return units, np.diff(length_until(merged(under_way), self._edges))


def _elements(sums: Mapping[str, int]) -> Elements:
    found = Elements()
    for name, value in sums.items():
        setattr(found, name, value)
    return found


def _counted(listed: Sequence[tuple[int, Sequence[Span]]]) -> tuple[Column, Column]:
    return (
        np.array([lane for lane, _ in listed], np.int64),
        np.array([len(those) for _, those in listed], np.int64),
    )


def _groups(keys: Column) -> tuple[Column, Column]:
    """A turn in which the same keys follow on each other, and where in it each begins."""
    turn = np.argsort(keys, kind="stable")
    ordered = keys[turn]
    return turn, np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))[: keys.size])
