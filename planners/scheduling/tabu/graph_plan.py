"""A plan of a graph problem, decoded exactly from sequences, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.arrays import Float64, Int64
from planners.scheduling.tabu.graph_problem import NO_DUE, GraphProblem


@dataclass(frozen=True, slots=True, eq=False)
class GraphPlan:
    """Where and when each operation runs, and the terms of the objective (in ms, unweighted).

    ``tardiness`` is weighted by job; ``moved`` counts the operations that left their published
    cell, ``shifted`` sums how far starts lie from the published ones. ``value`` is the weighted
    sum that the search minimises.
    """

    cell: Int64
    start: Int64
    end: Int64
    makespan: int
    tardiness: float
    setup: int
    moved: int
    shifted: int
    value: float


@compiled
def _decode(
    order: Int64,
    cell: Int64,
    duration: Int64,
    fixed_start: Int64,
    release: Int64,
    pred_ptr: Int64,
    pred: Int64,
    pred_lag: Int64,
    transport: Int64,
    free_at: Int64,
    last: Int64,
    family: Int64,
    setup: Int64,
    setup_row: Int64,
    first_setup: Int64,
    start: Int64,
) -> int:
    """Start every operation as early as the order allows; returns the setup time of the plan."""
    last[:] = -1
    setup_time = 0
    for i in range(len(order)):
        v = order[i]
        k = cell[v]
        if fixed_start[v] >= 0:
            start[v] = fixed_start[v]
            free_at[k] = max(free_at[k], start[v] + duration[v])
            last[k] = v
            continue
        gap = 0
        if setup.size:
            if last[k] >= 0:
                gap = setup[setup_row[k], family[last[k]], family[v]]
            elif first_setup.size:
                gap = first_setup[k, family[v]]
        begin = max(release[v], free_at[k] + gap)
        for j in range(pred_ptr[v], pred_ptr[v + 1]):
            p = pred[j]
            ready = start[p] + duration[p] + pred_lag[j]
            if transport.size:
                ready += transport[cell[p], k]
            begin = max(begin, ready)
        start[v] = begin
        free_at[k] = begin + duration[v]
        last[k] = v
        setup_time += gap
    return setup_time


def durations_on(problem: GraphProblem, cell: Int64) -> Int64:
    """Duration of each operation on its given cell, ``(n,)``."""
    owner = np.repeat(np.arange(len(problem.job)), np.diff(problem.alt_ptr))
    chosen = problem.alt_cell == cell[owner]
    duration = np.zeros(len(problem.job), dtype=np.int64)
    duration[owner[chosen]] = problem.alt_duration[chosen]
    if len(problem.fixed_cell):
        fixed = problem.fixed
        duration[fixed] = problem.fixed_duration[fixed]
    return duration


def in_turn(problem: GraphProblem, start: Int64, end: Int64) -> Int64:
    """All operations by start, ``(n,)``, fixed ones first; an order that the plan follows from.

    What takes no time goes before what starts with it, and after what it follows.
    """
    at = problem.order
    keys = (end > start, start, ~problem.fixed)
    order: Int64 = at[np.lexsort(tuple(key[at] for key in keys))]
    return order


def plan_from(problem: GraphProblem, cell: npt.ArrayLike, priority: npt.ArrayLike) -> GraphPlan:
    """The plan in which each cell runs its operations by increasing priority, each asap.

    Args:
        problem: The problem.
        cell: ``(n,)`` the cell of each operation.
        priority: ``(n,)``; whatever precedes an operation must have a lower number.
    """
    n = len(problem.job)
    cells = np.asarray(cell, dtype=np.int64).copy()
    fixed_start = np.full(n, -1, dtype=np.int64)
    fixed = problem.fixed
    if len(problem.fixed_cell):
        fixed_start[fixed] = problem.fixed_start[fixed]
        cells[fixed] = problem.fixed_cell[fixed]
    rank = np.where(fixed, fixed_start, np.asarray(priority, dtype=np.int64))
    order = np.lexsort((rank, ~fixed))
    duration = durations_on(problem, cells)
    start = np.zeros(n, dtype=np.int64)
    families = problem.setup.shape[-1] if problem.setup.size else 1
    setup_time = _decode(
        order,
        cells,
        duration,
        fixed_start,
        problem.release,
        problem.pred_ptr,
        problem.pred,
        problem.pred_lag,
        problem.transport.reshape(-1, max(1, problem.transport.shape[0])),
        problem.available.copy(),
        np.zeros_like(problem.available),
        problem.family,
        problem.setup.reshape(-1, families, families),
        problem.setup_row,
        problem.first_setup.reshape(-1, families),
        start,
    )
    return _valued(problem, cells, start, start + duration, int(setup_time))


def _valued(
    problem: GraphProblem, cell: Int64, start: Int64, end: Int64, setup_time: int
) -> GraphPlan:
    completion = np.zeros(len(problem.due), dtype=np.int64)
    np.maximum.at(completion, problem.job, end)
    dated = problem.due < NO_DUE
    late: Float64 = np.maximum(0, completion - problem.due)[dated] * problem.weight[dated]
    tardiness = float(late.sum())
    makespan = int(end.max(initial=0))
    moved = shifted = 0
    if len(problem.published_cell):
        published = (problem.published_cell >= 0) & ~problem.fixed
        moved = int((cell != problem.published_cell)[published].sum())
        shifted = int(np.abs(start - problem.published_start)[published].sum())
    terms = problem.terms
    value = (
        terms.makespan * makespan
        + terms.tardiness * tardiness
        + terms.setup * setup_time
        + terms.moved * moved
        + terms.shifted * shifted
    )
    return GraphPlan(cell, start, end, makespan, tardiness, setup_time, moved, shifted, value)
