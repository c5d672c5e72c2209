"""Sequence-dependent setups: a circuit through the operations of each cell that has them.

Facts between which nothing new finds room are one node, and the setups within are facts, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from planners.scheduling.cpsat.constraints import Fact, closed_intervals, on_cell, runs_of_facts
from planners.scheduling.cpsat.variables import Key, OperationVariables, Variables


@dataclass(frozen=True, slots=True)
class Setup:
    """The setup before an operation on a cell: its length, and when it happens if that matters."""

    cell: int
    length: cp_model.LinearExprT
    interval: cp_model.IntervalVar | None
    fact: tuple[int, int] | None = None
    """When it happens, if nothing can change it."""


@dataclass(frozen=True, slots=True)
class _Node:
    """An operation that may run on the cell, or a run of facts: what setups see of it."""

    key: Key
    first: OperationVariables
    last: OperationVariables
    first_family: int
    last_family: int
    chosen: cp_model.IntVar
    turn: int | None
    """Which run it is, if it is one."""

    def leaves(self, *, limited: bool) -> cp_model.IntVar:
        """From when on the cell is empty behind it."""
        held = limited and self.last.hold is not None
        return self.last.hold if held and self.last.hold is not None else self.last.end


def add_setups(v: Variables) -> list[Setup]:
    """Circuits and setup times of all cells; the setups, for what they need and cost."""
    found: list[Setup] = []
    for c, cell in enumerate(v.problem.cells):
        if any(value for row in cell.setups for value in row):
            runs = runs_of_facts(v, c)
            found.extend(setup for run in runs for setup in _within(v, c, run))
            found.extend(_cell(v, c, _nodes(v, c, runs)))
    return found


def _within(v: Variables, c: int, run: list[Fact]) -> Iterator[Setup]:
    """The setups between facts that stay neighbours; between frozen ones there is none."""
    cell = v.problem.cells[c]
    frozen = v.problem.frozen_by_key()
    for (earlier, before, _), (key, after, fact) in pairwise(run):
        if earlier in frozen and key in frozen:
            continue
        setup = cell.setup_ms(before.choices[0].way.family, after.choices[0].way.family)
        if before.hold is not None:
            v.model.add(before.hold <= fact.start_ms - setup)
        if setup:
            yield Setup(c, setup, None, (fact.start_ms - setup, fact.start_ms))


def _nodes(v: Variables, c: int, runs: list[list[Fact]]) -> list[_Node]:
    found = [
        _Node(
            run[0][0],
            run[0][1],
            run[-1][1],
            run[0][1].choices[0].way.family,
            run[-1][1].choices[0].way.family,
            run[0][1].present,
            turn,
        )
        for turn, run in enumerate(runs)
    ]
    for key, op, choice in on_cell(v, c):
        if op.fact is None:
            family = choice.way.family
            found.append(_Node(key, op, op, family, family, choice.chosen, None))
    return found


def _cell(v: Variables, c: int, nodes: list[_Node]) -> list[Setup]:
    model, cell = v.model, v.problem.cells[c]
    frozen = v.problem.frozen_by_key()
    timed = bool(
        cell.unavailable
        or cell.setup_crew
        or cell.setup_needs
        or (cell.setup_power_w and v.problem.peak_power_w is not None)
    )
    last_turn = max((node.turn for node in nodes if node.turn is not None), default=0)
    arcs: list[tuple[int, int, cp_model.IntVar]] = []
    into: list[list[tuple[int, cp_model.IntVar]]] = [[] for _ in nodes]
    nobody = model.new_bool_var(f"idle {c}")
    arcs.append((0, 0, nobody))
    for k, after in enumerate(nodes):
        start = after.first.start
        is_fact = after.key in frozen
        if after.turn is None:
            arcs.append((k + 1, k + 1, after.chosen.Not()))
        if not after.turn:
            first = model.new_bool_var(f"first {c}.{k}")
            arcs.append((0, k + 1, first))
            initial = cell.setup_ms(cell.initial_family, after.first_family)
            if not is_fact and initial:
                model.add(start >= v.problem.earliest_start_ms + initial).only_enforce_if(first)
                into[k].append((initial, first))
        if after.turn in (None, last_turn):
            arcs.append((k + 1, 0, model.new_bool_var(f"last {c}.{k}")))
        for m, before in enumerate(nodes):
            if m == k or not _may_follow(v, before, after):
                continue
            both = before.turn is not None and after.turn is not None
            setup = cell.setup_ms(before.last_family, after.first_family)
            if both and is_fact and before.last.fact in v.problem.frozen:
                setup = 0
            arc = model.new_bool_var(f"next {c}.{m}.{k}")
            arcs.append((m + 1, k + 1, arc))
            leaves = before.leaves(limited=cell.output_buffer is not None)
            model.add(start >= leaves + setup).only_enforce_if(arc)
            if setup:
                into[k].append((setup, arc))
                if not is_fact:
                    model.add(start >= v.problem.earliest_start_ms + setup).only_enforce_if(arc)
    model.add_circuit(arcs)
    return _lengths(v, c, nodes, into, timed)


def _may_follow(v: Variables, before: _Node, after: _Node) -> bool:
    """Whether one node may come right behind another: runs keep their turns, windows their time."""
    if before.turn is not None and after.turn is not None:
        return after.turn == before.turn + 1
    if v.window is None:
        return True
    if before.last.fact is not None:
        return before.last.fact.end_ms <= v.window.end_ms
    return after.first.fact is None or after.first.fact.start_ms >= v.window.begin_ms


def _lengths(
    v: Variables,
    c: int,
    nodes: list[_Node],
    into: list[list[tuple[int, cp_model.IntVar]]],
    timed: bool,
) -> list[Setup]:
    model = v.model
    setups = []
    for k, after in enumerate(nodes):
        if not into[k]:
            continue
        length = sum(setup * arc for setup, arc in into[k])
        interval = None
        if timed:
            most = max(setup for setup, _ in into[k])
            size = model.new_int_var(0, most, f"setup {c}.{k}")
            begin = model.new_int_var(0, v.horizon, f"set up from {c}.{k}")
            model.add(size == length)
            interval = model.new_optional_interval_var(
                begin, size, after.first.start, after.chosen, f"setup {c}.{k}"
            )
        setups.append(Setup(c, length, interval))
    closed = closed_intervals(v, c)
    if closed:
        # Intervals of length 0 may lie anywhere, also in closed times.
        model.add_no_overlap([s.interval for s in setups if s.interval is not None] + closed)
    return setups
