"""From a scheduling problem to the graph, and from the graph to the kernel's arrays and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, in_order
from planners.scheduling.tabu.arrays import (
    ALL_ENDS,
    HAS_SETUP,
    HAS_TRANSPORT,
    IS_PLAIN,
    SWITCHES,
    Given,
)
from planners.scheduling.tabu.graph_plan import GraphPlan
from planners.scheduling.tabu.graph_problem import (
    FREE,
    NO_DUE,
    UNPUBLISHED,
    GraphProblem,
    Terms,
    UnsupportedByGraph,
)

NEVER_DUE = 1 << 30
SEARCH_HORIZON = 1 << 28
"""Longest plan in search units; longer ones are searched in coarser units, and decoded exactly."""


def from_problem(
    problem: SchedulingProblem, weights: ObjectiveWeights | None = None
) -> GraphProblem:
    """The problem as a disjunctive graph; operations in the order of `operation_keys`.

    Raises:
        UnsupportedByGraph: A cell closes after it has opened, work is frozen behind a gap that a
            plan would have to use, or cells are coupled by more than jobs and transport.
    """
    weights = weights or ObjectiveWeights()
    _check_uncoupled(problem, weights)
    keys = list(problem.operation_keys())
    index = {key: v for v, key in enumerate(keys)}
    alt_ptr, pred_ptr = [0], [0]
    alt_cell: list[int] = []
    alt_duration: list[int] = []
    pred: list[int] = []
    for j, o in keys:
        operation = problem.jobs[j].operations[o]
        for alternative in operation.alternatives:
            alt_cell.append(alternative.cell)
            alt_duration.append(alternative.duration_ms)
        alt_ptr.append(len(alt_cell))
        pred.extend(index[(j, p)] for p in sorted(set(operation.predecessors)))
        pred_ptr.append(len(pred))
    fixed = np.full((3, len(keys)), FREE, dtype=np.int64)
    for a in problem.frozen:
        fixed[:, index[(a.job, a.operation)]] = (a.cell, a.start_ms, a.end_ms - a.start_ms)
    dated = any(job.due_ms is not None for job in problem.jobs)
    return GraphProblem(
        alt_ptr=np.array(alt_ptr),
        alt_cell=np.array(alt_cell),
        alt_duration=np.array(alt_duration),
        pred_ptr=np.array(pred_ptr),
        pred=np.array(pred, dtype=np.int64),
        pred_lag=np.zeros(len(pred), dtype=np.int64),
        job=np.array([j for j, _ in keys]),
        release=np.array(
            [max(problem.jobs[j].release_ms, problem.earliest_start_ms) for j, _ in keys]
        ),
        due=np.array([NO_DUE if job.due_ms is None else job.due_ms for job in problem.jobs]),
        weight=np.array([job.weight for job in problem.jobs]),
        available=np.array([_opens(problem, cell) for cell in range(len(problem.cells))]),
        fixed_cell=fixed[0],
        fixed_start=fixed[1],
        fixed_duration=fixed[2],
        transport=np.array(problem.transport_ms, dtype=np.int64),
        **_setups(problem),
        **_published(problem, index),
        terms=Terms(
            weights.makespan,
            weights.tardiness if dated else 0.0,
            weights.setup,
            weights.moved if problem.published else 0.0,
            weights.shifted if problem.published else 0.0,
        ),
    )


def _check_uncoupled(problem: SchedulingProblem, weights: ObjectiveWeights) -> None:
    calendars = tuple(replace(cell, unavailable=()) for cell in problem.cells)
    if not replace(problem, cells=calendars, frozen=(), published=()).is_graph_problem:
        raise UnsupportedByGraph(
            "coupling",
            "people, shared resources, buffers, power or optional work couple the cells; "
            "the disjunctive graph knows none of them",
        )
    if problem.published and weights.resequenced:
        raise UnsupportedByGraph(
            "resequenced", "the graph search cannot weigh how many neighbours changed places"
        )


def _setups(problem: SchedulingProblem) -> dict[str, np.typing.NDArray[np.int64]]:
    """Families of the operations and the cells' setup matrices, padded to one size."""
    size = max((len(cell.setups) for cell in problem.cells), default=0)
    if size == 0:
        return {}
    family: list[int] = []
    for j, o in problem.operation_keys():
        families = {way.family for way in problem.jobs[j].operations[o].alternatives}
        if len(families) > 1:
            raise UnsupportedByGraph(
                "family",
                f"operation {problem.jobs[j].operations[o].name!r} has other setup families on "
                f"other cells; in the graph an operation has one",
                job=problem.jobs[j].name,
            )
        family.extend(families)
    setup = np.zeros((len(problem.cells), size, size), dtype=np.int64)
    first = np.zeros((len(problem.cells), size), dtype=np.int64)
    for c, cell in enumerate(problem.cells):
        count = len(cell.setups)
        if count:
            setup[c, :count, :count] = cell.setups
            if cell.initial_family is not None:
                first[c, :count] = cell.setups[cell.initial_family]
    return {
        "family": np.array(family),
        "setup": setup,
        "setup_row": np.arange(len(problem.cells)),
        "first_setup": first,
    }


def _published(
    problem: SchedulingProblem, index: Mapping[tuple[int, int], int]
) -> dict[str, np.typing.NDArray[np.int64]]:
    if not problem.published:
        return {}
    cell = np.full(len(index), UNPUBLISHED, dtype=np.int64)
    start = np.zeros(len(index), dtype=np.int64)
    for a in problem.published:
        cell[index[(a.job, a.operation)]] = a.cell
        start[index[(a.job, a.operation)]] = a.start_ms
    return {"published_cell": cell, "published_start": start}


def _opens(problem: SchedulingProblem, cell: int) -> int:
    at = problem.earliest_start_ms
    for start, end in problem.cells[cell].unavailable:
        if start > at:
            raise UnsupportedByGraph(
                "calendar",
                f"cell {problem.cells[cell].name!r} closes at {start} ms after it has opened; "
                f"the disjunctive graph knows no closed times",
            )
        at = max(at, end)
    return at


def search_unit(problem: GraphProblem) -> int:
    """Milliseconds per search unit: 1, unless a plan could be too long for 32 bits."""
    longest = np.maximum.reduceat(problem.alt_duration, problem.alt_ptr[:-1]).sum()
    per_operation = max(
        int(array.max(initial=0))
        for array in (problem.transport, problem.pred_lag, problem.setup, problem.first_setup)
    )
    latest = max(
        int(problem.release.max(initial=0)),
        int(problem.available.max(initial=0)),
        int((problem.fixed_start + problem.fixed_duration).max(initial=0)),
    )
    horizon = int(longest) + 2 * per_operation * len(problem.job) + latest
    return 1 + horizon // SEARCH_HORIZON


def to_given(problem: GraphProblem, unit: int) -> Given:
    """The kernel's arrays, times divided by the unit (rounded; durations stay at least 1)."""
    n, m = len(problem.job), len(problem.available)
    fixed = problem.fixed

    def scaled(values: np.typing.NDArray[np.int64], least: int = 0) -> np.typing.NDArray[np.int32]:
        return np.maximum(least, (values + unit // 2) // unit).astype(np.int32)

    # A fixed operation has one alternative, no predecessors, and is released at its start.
    ways = np.diff(problem.alt_ptr)
    kept = np.flatnonzero(~np.repeat(fixed, np.diff(problem.pred_ptr)))
    alt_ptr = np.concatenate(([0], np.cumsum(np.where(fixed, 1, ways))))
    pred_ptr = np.concatenate(([0], np.cumsum(np.where(fixed, 0, np.diff(problem.pred_ptr)))))
    table = np.zeros((alt_ptr[-1], 2), dtype=np.int64)
    free_ways = ~np.repeat(fixed, ways)
    free_rows = ~np.repeat(fixed, np.diff(alt_ptr))
    table[free_rows, 0] = problem.alt_cell[free_ways]
    table[free_rows, 1] = problem.alt_duration[free_ways]
    if len(problem.fixed_cell):
        table[~free_rows, 0] = problem.fixed_cell[fixed]
        table[~free_rows, 1] = problem.fixed_duration[fixed]
    pred = problem.pred[kept]
    lag = problem.pred_lag[kept]
    owner = np.repeat(np.arange(n), np.diff(pred_ptr))
    by_pred = np.lexsort((owner, pred))
    succ_ptr = np.concatenate(([0], np.cumsum(np.bincount(pred, minlength=n))))
    release = problem.release.copy()
    available = problem.available.copy()
    first_setup = problem.first_setup
    if problem.setup.size and not first_setup.size:
        first_setup = np.zeros((m, problem.setup.shape[-1]), dtype=np.int64)
    first_setup = first_setup.copy()
    pinned = np.flatnonzero(fixed)
    for f in pinned[np.argsort(problem.fixed_start[pinned], kind="stable")].tolist():
        k, end = problem.fixed_cell[f], problem.fixed_start[f] + problem.fixed_duration[f]
        release[f] = problem.fixed_start[f]
        available[k] = max(available[k], end)
        if problem.setup.size:
            first_setup[k] = problem.setup[problem.setup_row[k], problem.family[f]]
    switches = np.zeros(SWITCHES, dtype=np.int64)
    switches[HAS_SETUP] = problem.setup.size > 0
    switches[HAS_TRANSPORT] = problem.transport.size > 0
    switches[IS_PLAIN] = not problem.setup.size and not problem.transport.size
    switches[ALL_ENDS] = problem.setup.size > 0 or len(table) > n
    published = problem.published_cell if len(problem.published_cell) else UNPUBLISHED

    def ints(values: object) -> np.typing.NDArray[np.int32]:
        return np.ascontiguousarray(values, dtype=np.int32)

    return Given(
        alt_ptr=ints(alt_ptr),
        alt_cell=ints(table[:, 0]),
        alt_dur=scaled(table[:, 1], 1),
        pred_ptr=ints(pred_ptr),
        pred_op=ints(pred),
        pred_lag=scaled(lag),
        succ_ptr=ints(succ_ptr),
        succ_op=ints(owner[by_pred]),
        succ_lag=scaled(lag[by_pred]),
        transport=scaled(problem.transport.reshape(-1, m if problem.transport.size else 1)),
        setup=scaled(problem.setup if problem.setup.size else np.zeros((0, 1, 1), np.int64)),
        setup_row=ints(problem.setup_row),
        first_setup=scaled(first_setup if problem.setup.size else np.zeros((0, 1), np.int64)),
        available=scaled(available),
        release=scaled(release),
        family=ints(problem.family if problem.setup.size else np.zeros(n)),
        sinks=ints(np.flatnonzero(np.diff(succ_ptr) == 0)),
        fixed=fixed.astype(np.uint8),
        switches=switches,
        job=ints(problem.job),
        due=np.minimum(NEVER_DUE, scaled(np.minimum(problem.due, NEVER_DUE * unit))),
        late_cost=problem.terms.tardiness * problem.weight * unit * (problem.due < NO_DUE),
        costs=np.array(
            [
                problem.terms.makespan * unit,
                problem.terms.setup * unit,
                problem.terms.moved,
                problem.terms.shifted * unit,
            ]
        ),
        published_cell=ints(np.where(fixed, UNPUBLISHED, published)),
        published_start=scaled(problem.published_start)
        if len(problem.published_start)
        else ints(np.zeros(n)),
    )


def to_assignments(problem: SchedulingProblem, plan: GraphPlan) -> tuple[Assignment, ...]:
    """The plan in the terms of the scheduling problem it came from, in the usual order."""
    return in_order(
        Assignment(j, o, cell, start, end)
        for (j, o), cell, start, end in zip(
            problem.operation_keys(),
            plan.cell.tolist(),
            plan.start.tolist(),
            plan.end.tolist(),
            strict=True,
        )
    )
