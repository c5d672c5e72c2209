"""A problem as a few NumPy tables: what compiled code reads. `columns` names their columns.

Operations, ways to run them and groups of optional work are numbered through; lists of lists are
cut by pointers in the tables. Everything that is shared becomes one kind of thing, a cumulative
resource: units of resources, sets of skills (`crew`), the peak of power, and the places of
buffers. A calendar or shift is use that is there from the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.columns import (
    CELL,
    DURATION,
    FAMILY,
    GROUP,
    INTERRUPTIBLE,
    JOB,
    NEEDS,
    PREDECESSORS,
    PUBLISHED_BEFORE,
    PUBLISHED_CELL,
    PUBLISHED_START,
    SUCCESSORS,
    WAYS,
)
from planners.scheduling.costs import MS_PER_H, Prices, published_neighbours
from planners.scheduling.crew import SkillSet, skill_sets
from planners.scheduling.intervals import FOREVER_MS, Intervals
from planners.scheduling.problem import Alternative, Cell, SchedulingProblem
from planners.scheduling.work import Amounts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Row = list[int]


class ProblemArrays(NamedTuple):
    """What decides where operations may lie. Times in ms; -1 stands for none."""

    op: Ints
    """(operations + 1, columns)"""
    way: Ints
    """(ways + 1, columns)"""
    job: Ints
    """(jobs + 1, columns)"""
    cell: Ints
    """(cells + 1, columns)"""
    resource: Ints
    """(cumulative resources + 1, columns)"""
    pairs: Ints
    """(n, 2): needs as (resource, amount), closed times as (start, end), steps as (time, use)"""
    flat: Ints
    """Predecessors, successors, setup matrices and transport times one after the other."""
    frozen: Ints
    """(frozen, 4): operation, cell, start, end; by start"""
    groups: int
    """Groups of optional work."""
    now: int
    """Earliest start."""


class CostArrays(NamedTuple):
    """What decides how good a plan is, as far as it is no time."""

    way: Floats
    """(ways, 2): power in W; labour in currency per ms"""
    cell: Floats
    """(cells, 3): setup power in W; labour of setups in currency per ms; standby power in W"""
    weight: Floats
    """Per job."""
    group: Floats
    """Per group of optional work: cost of leaving it out."""
    tariff: Floats
    """(steps, 3): from when, price, integral of the price until then"""


class SchedulingArrays(NamedTuple):
    """Both, and what Python code wants to know about the numbering."""

    problem: ProblemArrays
    cost: CostArrays
    first_operation: Ints
    """Per job, and the number of all operations at the end."""
    job: Ints
    """Per operation."""
    group_decided: Ints
    """1: must be done; 0: must be left out; -1: open."""


def arrays_of(problem: SchedulingProblem) -> SchedulingArrays:
    """The tables of a problem, built once.

    Raises:
        ProblemError: The skills of the operators combine in too many ways.
    """
    found = problem.derived.get(__name__)
    if not isinstance(found, SchedulingArrays):
        found = problem.derived[__name__] = _build(problem)
    return found


def _build(problem: SchedulingProblem) -> SchedulingArrays:
    jobs, cells = problem.jobs, problem.cells
    first = np.cumsum([0] + [len(job.operations) for job in jobs])
    group, group_cost, group_decided = _groups(problem, first.tolist())
    frozen = sorted(problem.frozen, key=lambda a: (a.start_ms, a.end_ms, a.job, a.operation))
    ways = [way for job in jobs for operation in job.operations for way in operation.alternatives]
    shared = _Shared(problem)
    pairs: list[tuple[int, int]] = []
    flat: Row = []
    operation_table = _operation_table(problem, first.tolist(), group, flat)
    job_rows = _job_rows(problem, first.tolist(), shared, pairs)
    way_table = _way_table(ways, shared, pairs)
    cell_rows = _cell_rows(problem, way_table, shared, pairs, flat)
    resource_rows: list[Row] = []
    for capacity, working, base in zip(
        shared.capacity, shared.while_working, shared.base, strict=True
    ):
        resource_rows.append([capacity, working, len(pairs)])
        pairs.extend(base)
    resource_rows.append([-1, -1, len(pairs)])
    prices = Prices(problem)
    return SchedulingArrays(
        ProblemArrays(
            op=operation_table,
            way=way_table,
            job=_ints(job_rows),
            cell=_ints(cell_rows),
            resource=_ints(resource_rows),
            pairs=_ints(pairs).reshape(-1, 2),
            flat=_ints(flat),
            frozen=_ints(
                [[first[a.job] + a.operation, a.cell, a.start_ms, a.end_ms] for a in frozen]
            ).reshape(-1, 4),
            groups=len(group_cost),
            now=problem.earliest_start_ms,
        ),
        CostArrays(
            way=_way_costs(problem, ways),
            cell=_floats([[c.setup_power_w, _rate(problem, c), c.standby_power_w] for c in cells]),
            weight=_floats([job.weight for job in jobs]),
            group=_floats(group_cost),
            tariff=_floats([[at, price, prices.until(at)] for at, price in problem.tariff.steps]),
        ),
        first_operation=_ints(first),
        job=_ints(np.repeat(np.arange(len(jobs)), np.diff(first))),
        group_decided=_ints(group_decided),
    )


def _operation_table(problem: SchedulingProblem, first: Row, group: Ints, flat: Row) -> Ints:
    """The table of operations; what precedes and follows them goes to ``flat``."""
    n = first[-1]
    predecessors: Row = []
    count = np.zeros(n + 1, dtype=np.int64)
    ways = np.zeros(n + 1, dtype=np.int64)
    i = 0
    table = np.full((n + 1, 9), -1, dtype=np.int64)
    table[:, INTERRUPTIBLE] = 0
    for begin, job in zip(first, problem.jobs, strict=False):
        for operation in job.operations:
            some = operation.predecessors
            if len(some) > 1:
                some = tuple(sorted(set(some)))
            for p in some:
                predecessors.append(begin + p)
            count[i], ways[i] = len(some), len(operation.alternatives)
            if operation.interruptible:
                table[i, INTERRUPTIBLE] = 1
            i += 1
    before = _ints(predecessors)
    after = np.argsort(before, kind="stable")
    owner = np.repeat(np.arange(n), count[:-1])
    flat.extend(predecessors)
    flat.extend(owner[after].tolist())
    table[:-1, JOB] = np.repeat(np.arange(len(problem.jobs)), np.diff(first))
    table[:, WAYS] = np.concatenate(([0], np.cumsum(ways[:-1])))
    table[:, PREDECESSORS] = np.concatenate(([0], np.cumsum(count[:-1])))
    followers = np.bincount(before, minlength=n)
    table[:, SUCCESSORS] = len(before) + np.concatenate(([0], np.cumsum(followers)))
    table[:-1, GROUP] = group
    for a in problem.published:
        table[first[a.job] + a.operation, [PUBLISHED_CELL, PUBLISHED_START]] = a.cell, a.start_ms
    for _, (j, o), (k, q) in published_neighbours(problem):
        table[first[k] + q, PUBLISHED_BEFORE] = first[j] + o
    return table


def _way_table(ways: list[Alternative], shared: _Shared, pairs: list[tuple[int, int]]) -> Ints:
    """The table of ways; what they need goes to ``pairs``."""
    n = len(ways)
    table = np.full((n + 1, 4), -1, dtype=np.int64)
    for column, name in ((CELL, "cell"), (DURATION, "duration_ms"), (FAMILY, "family")):
        table[:-1, column] = np.fromiter(map(attrgetter(name), ways), np.int64, n)
    table[:, NEEDS] = len(pairs)
    if shared.capacity:
        for i, way in enumerate(ways):
            table[i, NEEDS] = len(pairs)
            if way.needs or way.crew or way.power_w:
                pairs.extend(shared.amounts(way.needs, way.crew, way.power_w))
        table[n, NEEDS] = len(pairs)
    return table


def _way_costs(problem: SchedulingProblem, ways: list[Alternative]) -> Floats:
    """The ways' power and what their people cost."""
    costs = np.zeros((len(ways), 2))
    costs[:, 0] = np.fromiter(map(attrgetter("power_w"), ways), np.float64, len(ways))
    if any(skill.cost_per_h for skill in problem.skills):
        costs[:, 1] = [_rate(problem, way) for way in ways]
    return costs


def _job_rows(
    problem: SchedulingProblem, first: Row, shared: _Shared, pairs: list[tuple[int, int]]
) -> list[Row]:
    rows: list[Row] = []
    for j, job in enumerate(problem.jobs):
        release = max(job.release_ms, problem.earliest_start_ms)
        due = -1 if job.due_ms is None else job.due_ms
        rows.append([first[j], release, due, len(pairs)])
        pairs.extend(shared.amounts(job.holds, (), 0))
    rows.append([first[-1], -1, -1, len(pairs)])
    return rows


def _cell_rows(
    problem: SchedulingProblem,
    ways: Ints,
    shared: _Shared,
    pairs: list[tuple[int, int]],
    flat: Row,
) -> list[Row]:
    """Closed times of all cells, then needs of all setups: each list ends where the next begins."""
    closed: Row = []
    for cell in problem.cells:
        closed.append(len(pairs))
        pairs.extend(cell.unavailable)
    closed.append(len(pairs))
    shortest = np.full(len(problem.cells), FOREVER_MS, dtype=np.int64)
    np.minimum.at(shortest, ways[:-1, CELL], ways[:-1, DURATION])
    rows: list[Row] = []
    for c, cell in enumerate(problem.cells):
        needs = len(pairs)
        pairs.extend(shared.amounts(cell.setup_needs, cell.setup_crew, cell.setup_power_w))
        setups = len(flat) if cell.setups else -1
        flat.extend(value for times in cell.setups for value in times)
        transport = len(flat)
        flat.extend(problem.transport_ms[c] if problem.transport_ms else [0] * len(problem.cells))
        rows.append(
            [
                closed[c],
                setups,
                len(cell.setups),
                -1 if cell.initial_family is None else cell.initial_family,
                needs,
                -1 if cell.output_buffer is None else shared.first_buffer + cell.output_buffer,
                transport,
                int(shortest[c]),
            ]
        )
    rows.append([closed[-1], -1, 0, -1, len(pairs), -1, -1, 0])
    return rows


class _Shared:
    """What is shared, as one list of cumulative resources."""

    def __init__(self, problem: SchedulingProblem) -> None:
        self.sets: tuple[SkillSet, ...] = skill_sets(problem) if problem.skills else ()
        self.capacity = [resource.capacity for resource in problem.resources]
        self.while_working = [0] * len(self.capacity)
        self.base = [steps([r.unavailable], r.capacity) for r in problem.resources]
        self.first_set = len(self.capacity)
        for people in self.sets:
            self._add(people.people, working=True, off=people.off)
        self.power: int | None = None
        if problem.peak_power_w is not None:
            self.power = len(self.capacity)
            self._add(problem.peak_power_w, working=True, off=())
        self.first_buffer = len(self.capacity)
        for buffer in problem.buffers:
            self._add(buffer.places, working=False, off=())

    def _add(self, capacity: int, *, working: bool, off: Sequence[Intervals]) -> None:
        self.capacity.append(capacity)
        self.while_working.append(int(working))
        self.base.append(steps(off, 1))

    def amounts(self, needs: Amounts, crew: Amounts, power: int) -> list[tuple[int, int]]:
        """(cumulative resource, amount) for what an alternative, setup or job needs."""
        found = list(needs)
        for k, people in enumerate(self.sets):
            amount = sum(amount for skill, amount in crew if skill in people.skills)
            if amount:
                found.append((self.first_set + k, amount))
        if self.power is not None and power:
            found.append((self.power, power))
        return found


def steps(intervals: Iterable[Intervals], amount: int) -> list[tuple[int, int]]:
    """(time, use from then on) of intervals that each use an amount; the first at 0."""
    changes: dict[int, int] = {0: 0}
    for some in intervals:
        for start, end in some:
            changes[start] = changes.get(start, 0) + amount
            changes[end] = changes.get(end, 0) - amount
    use = 0
    found: list[tuple[int, int]] = []
    for t in sorted(changes):
        use += changes[t]
        if not found or found[-1][1] != use:
            found.append((t, use))
    return found


def _groups(problem: SchedulingProblem, first: Row) -> tuple[Ints, list[float], Row]:
    group = np.full(first[-1], -1, dtype=np.int64)
    cost: list[float] = []
    state: list[int] = []
    decided = problem.decided_optional() if any(job.optional for job in problem.jobs) else {}
    for j, job in enumerate(problem.jobs):
        for k, part in enumerate(job.optional):
            for o in part.operations:
                group[first[j] + o] = len(cost)
            cost.append(part.left_out_cost)
            state.append(int(decided.get((j, k), -1)))
    return group, cost, state


def _rate(problem: SchedulingProblem, what: Alternative | Cell) -> float:
    """What the people cost per ms."""
    crew = what.crew if isinstance(what, Alternative) else what.setup_crew
    return sum(amount * problem.skills[skill].cost_per_h for skill, amount in crew) / MS_PER_H


def _ints(values: object) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)


def _floats(values: object) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)
