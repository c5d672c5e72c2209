"""Sequence-dependent setups: a circuit through the operations of each cell that has them."""

from __future__ import annotations

from dataclasses import dataclass

from ortools.sat.python import cp_model

from planners.scheduling.cpsat.constraints import closed_intervals, on_cell
from planners.scheduling.cpsat.variables import Choice, Key, OperationVariables, Variables


@dataclass(frozen=True, slots=True)
class Setup:
    """The setup before an operation on a cell: its length, and when it happens if that matters."""

    cell: int
    length: cp_model.LinearExprT
    interval: cp_model.IntervalVar | None


def add_setups(v: Variables) -> list[Setup]:
    """Circuits and setup times of all cells; the setups, for what they need and cost."""
    found: list[Setup] = []
    for c, cell in enumerate(v.problem.cells):
        if any(value for row in cell.setups for value in row):
            found.extend(_cell(v, c, on_cell(v, c)))
    return found


def _cell(
    v: Variables, c: int, members: list[tuple[Key, OperationVariables, Choice]]
) -> list[Setup]:
    model, cell = v.model, v.problem.cells[c]
    timed = bool(
        cell.unavailable
        or cell.setup_crew
        or cell.setup_needs
        or (cell.setup_power_w and v.problem.peak_power_w is not None)
    )
    arcs: list[tuple[int, int, cp_model.IntVar]] = []
    into: list[list[tuple[int, cp_model.IntVar]]] = [[] for _ in members]
    nobody = model.new_bool_var(f"idle {c}")
    arcs.append((0, 0, nobody))
    for k, (_, after, choice) in enumerate(members):
        arcs.append((k + 1, k + 1, choice.chosen.Not()))
        first, last = model.new_bool_var(f"first {c}.{k}"), model.new_bool_var(f"last {c}.{k}")
        arcs += [(0, k + 1, first), (k + 1, 0, last)]
        initial = cell.setup_ms(cell.initial_family, choice.way.family)
        if after.fact is None and initial:
            model.add(after.start >= v.problem.earliest_start_ms + initial).only_enforce_if(first)
            into[k].append((initial, first))
        for m, (_, before, other) in enumerate(members):
            if m == k:
                continue
            if before.fact is not None and after.fact is not None:
                if before.fact.start_ms > after.fact.start_ms:
                    continue
                setup = 0
            else:
                setup = cell.setup_ms(other.way.family, choice.way.family)
            arc = model.new_bool_var(f"next {c}.{m}.{k}")
            arcs.append((m + 1, k + 1, arc))
            hold = before.end if before.hold is None else before.hold
            limited = cell.output_buffer is not None
            model.add(after.start >= (hold if limited else before.end) + setup).only_enforce_if(arc)
            if setup:
                into[k].append((setup, arc))
                if after.fact is None:
                    model.add(after.start >= v.problem.earliest_start_ms + setup).only_enforce_if(
                        arc
                    )
    model.add_circuit(arcs)
    return _lengths(v, c, members, into, timed)


def _lengths(
    v: Variables,
    c: int,
    members: list[tuple[Key, OperationVariables, Choice]],
    into: list[list[tuple[int, cp_model.IntVar]]],
    timed: bool,
) -> list[Setup]:
    model = v.model
    setups = []
    for k, (_, after, choice) in enumerate(members):
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
                begin, size, after.start, choice.chosen, f"setup {c}.{k}"
            )
        setups.append(Setup(c, length, interval))
    closed = closed_intervals(v, c)
    if closed:
        # Intervals of length 0 may lie anywhere, also in closed times.
        model.add_no_overlap([s.interval for s in setups if s.interval is not None] + closed)
    return setups
