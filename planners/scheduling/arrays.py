"""A problem as flat NumPy arrays: what compiled code reads.

Operations, alternatives and groups of optional work are numbered through; lists of lists are
cut by pointers (``x_at[i]:x_at[i + 1]``). Everything that is shared becomes one kind of thing, a
cumulative resource: units of resources, sets of skills (`crew`), the peak of power, and the
places of buffers. A calendar or shift is use that is there from the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.costs import MS_PER_H, Prices, published_neighbours
from planners.scheduling.crew import SkillSet, skill_sets
from planners.scheduling.intervals import Intervals
from planners.scheduling.problem import Alternative, Cell, SchedulingProblem
from planners.scheduling.work import Amounts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class ProblemArrays(NamedTuple):
    """One problem. Times in ms, int64; -1 stands for none."""

    # operations
    job: Ints
    alternative_at: Ints
    predecessor_at: Ints
    predecessor: Ints
    successor_at: Ints
    successor: Ints
    interruptible: Ints
    group: Ints
    """Group of optional work that the operation belongs to."""
    published_cell: Ints
    published_start: Ints
    published_before: Ints
    """The operation published right before it on its cell."""
    # alternatives
    cell: Ints
    duration: Ints
    family: Ints
    power: Floats
    labour: Floats
    """Currency per ms of work."""
    need_at: Ints
    need_resource: Ints
    need_amount: Ints
    # groups of optional work
    group_cost: Floats
    group_decided: Ints
    """1: must be done; 0: must be left out; -1: open."""
    # jobs
    first_operation: Ints
    """Per job, with the number of all operations at the end."""
    release: Ints
    due: Ints
    weight: Floats
    hold_at: Ints
    hold_resource: Ints
    hold_amount: Ints
    # cells
    closed_at: Ints
    closed_start: Ints
    closed_end: Ints
    setup_offset: Ints
    families: Ints
    setup: Ints
    initial_family: Ints
    setup_need_at: Ints
    setup_need_resource: Ints
    setup_need_amount: Ints
    setup_power: Floats
    setup_labour: Floats
    standby_power: Floats
    buffer: Ints
    """Resource that stands for the places of the cell's output buffer."""
    transport: Ints
    """(cells, cells)"""
    # cumulative resources
    capacity: Ints
    while_working: Ints
    """1: used only while an operation works (people, power); 0: from its start to its end."""
    base_at: Ints
    base_time: Ints
    base_use: Ints
    # the rest
    frozen_operation: Ints
    frozen_cell: Ints
    frozen_start: Ints
    frozen_end: Ints
    tariff_at: Ints
    tariff_price: Floats
    tariff_paid: Floats
    earliest_start: int


def build_arrays(problem: SchedulingProblem) -> ProblemArrays:
    """The arrays of a problem; `SchedulingProblem.arrays` keeps them.

    Raises:
        ProblemError: The skills of the operators combine in too many ways.
    """
    shared = _Shared(problem)
    jobs = problem.jobs
    first = np.cumsum([0] + [len(job.operations) for job in jobs])
    number = {(j, o): int(first[j]) + o for j, o in problem.operation_keys()}
    operations = [operation for job in jobs for operation in job.operations]
    ways = [alternative for operation in operations for alternative in operation.alternatives]
    predecessors: list[list[int]] = []
    successors: list[list[int]] = [[] for _ in operations]
    for j, o in problem.operation_keys():
        before = sorted({number[j, p] for p in jobs[j].operations[o].predecessors})
        predecessors.append(before)
        for p in before:
            successors[p].append(number[j, o])
    group, group_cost, group_decided = _groups(problem, number)
    published = {number[a.job, a.operation]: a for a in problem.published}
    before_it = {number[b]: number[a] for _, a, b in published_neighbours(problem)}
    frozen = sorted(problem.frozen, key=lambda a: (a.start_ms, a.end_ms, a.job, a.operation))
    cells = problem.cells
    matrices = [np.array(cell.setups, dtype=np.int64).ravel() for cell in cells]
    count = len(operations)
    needs = [shared.amounts(way.needs, way.crew, way.power_w) for way in ways]
    setup_needs = [
        shared.amounts(cell.setup_needs, cell.setup_crew, cell.setup_power_w) for cell in cells
    ]
    holds = [shared.amounts(job.holds, (), 0) for job in jobs]
    prices = Prices(problem)
    steps = problem.tariff.steps
    offsets = np.cumsum([0] + [len(m) for m in matrices])[:-1]
    return ProblemArrays(
        job=_ints(np.repeat(np.arange(len(jobs)), np.diff(first))),
        alternative_at=_pointers(operation.alternatives for operation in operations),
        predecessor_at=_pointers(predecessors),
        predecessor=_flat(predecessors),
        successor_at=_pointers(successors),
        successor=_flat(successors),
        interruptible=_ints([operation.interruptible for operation in operations]),
        group=_ints(group),
        published_cell=_ints([published[i].cell if i in published else -1 for i in range(count)]),
        published_start=_ints(
            [published[i].start_ms if i in published else -1 for i in range(count)]
        ),
        published_before=_ints([before_it.get(i, -1) for i in range(count)]),
        cell=_ints([way.cell for way in ways]),
        duration=_ints([way.duration_ms for way in ways]),
        family=_ints([way.family for way in ways]),
        power=_floats([way.power_w for way in ways]),
        labour=_floats([_rate(problem, way) for way in ways]),
        need_at=_pointers(needs),
        need_resource=_flat([[r for r, _ in n] for n in needs]),
        need_amount=_flat([[a for _, a in n] for n in needs]),
        group_cost=_floats(group_cost),
        group_decided=_ints(group_decided),
        first_operation=_ints(first),
        release=_ints([max(job.release_ms, problem.earliest_start_ms) for job in jobs]),
        due=_ints([-1 if job.due_ms is None else job.due_ms for job in jobs]),
        weight=_floats([job.weight for job in jobs]),
        hold_at=_pointers(holds),
        hold_resource=_flat([[r for r, _ in n] for n in holds]),
        hold_amount=_flat([[a for _, a in n] for n in holds]),
        closed_at=_pointers(cell.unavailable for cell in cells),
        closed_start=_ints([start for cell in cells for start, _ in cell.unavailable]),
        closed_end=_ints([end for cell in cells for _, end in cell.unavailable]),
        setup_offset=_ints(
            [offset if cell.setups else -1 for offset, cell in zip(offsets, cells, strict=True)]
        ),
        families=_ints([len(cell.setups) for cell in cells]),
        setup=_ints(np.concatenate(matrices)),
        initial_family=_ints(
            [-1 if cell.initial_family is None else cell.initial_family for cell in cells]
        ),
        setup_need_at=_pointers(setup_needs),
        setup_need_resource=_flat([[r for r, _ in n] for n in setup_needs]),
        setup_need_amount=_flat([[a for _, a in n] for n in setup_needs]),
        setup_power=_floats([cell.setup_power_w for cell in cells]),
        setup_labour=_floats([_rate(problem, cell) for cell in cells]),
        standby_power=_floats([cell.standby_power_w for cell in cells]),
        buffer=_ints(
            [
                -1 if cell.output_buffer is None else shared.first_buffer + cell.output_buffer
                for cell in cells
            ]
        ),
        transport=_ints(problem.transport_ms)
        if problem.transport_ms
        else np.zeros((len(cells), len(cells)), dtype=np.int64),
        capacity=_ints(shared.capacity),
        while_working=_ints(shared.while_working),
        base_at=_pointers(shared.base),
        base_time=_flat([[t for t, _ in steps_] for steps_ in shared.base]),
        base_use=_flat([[u for _, u in steps_] for steps_ in shared.base]),
        frozen_operation=_ints([number[a.job, a.operation] for a in frozen]),
        frozen_cell=_ints([a.cell for a in frozen]),
        frozen_start=_ints([a.start_ms for a in frozen]),
        frozen_end=_ints([a.end_ms for a in frozen]),
        tariff_at=_ints([at for at, _ in steps]),
        tariff_price=_floats([price for _, price in steps]),
        tariff_paid=_floats([prices.until(at) for at, _ in steps]),
        earliest_start=problem.earliest_start_ms,
    )


class _Shared:
    """What is shared, as one list of cumulative resources."""

    def __init__(self, problem: SchedulingProblem) -> None:
        self.sets: tuple[SkillSet, ...] = skill_sets(problem)
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


def _groups(
    problem: SchedulingProblem, number: dict[tuple[int, int], int]
) -> tuple[list[int], list[float], list[int]]:
    decided = problem.decided_optional()
    group = [-1] * len(number)
    cost: list[float] = []
    state: list[int] = []
    for j, job in enumerate(problem.jobs):
        for k, part in enumerate(job.optional):
            for o in part.operations:
                group[number[j, o]] = len(cost)
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


def _pointers(lists: Iterable[Sequence[object]]) -> Ints:
    return _ints(np.cumsum([0] + [len(members) for members in lists]))


def _flat(lists: Iterable[Iterable[int]]) -> Ints:
    return _ints([value for members in lists for value in members])
