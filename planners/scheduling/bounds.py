"""What no plan can beat, computed without search, and the problems that no plan can satisfy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from planners.scheduling.costs import MS_PER_H, W_MS_PER_KWH
from planners.scheduling.crew import skill_sets
from planners.scheduling.errors import Conflict, InfeasibleProblem
from planners.scheduling.problem import (
    FOREVER_MS,
    Alternative,
    Assignment,
    Operation,
    SchedulingProblem,
)
from planners.scheduling.schedule import ObjectiveWeights
from planners.scheduling.timeline import Timeline

SMALL_GAP = 0.03
"""Gap to the bound up to which a plan at the bound is looked for."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds that hold in every plan, ms.

    Attributes:
        earliest_start_ms: Per (job, operation), as if no other new operation existed.
        completion_ms: Per job.
        makespan_ms: Of the whole plan.
        energy_cost: Of the whole plan, in currency.
        labour_cost: Of the whole plan, in currency.
    """

    earliest_start_ms: dict[tuple[int, int], int]
    completion_ms: tuple[int, ...]
    makespan_ms: int
    energy_cost: float = 0.0
    labour_cost: float = 0.0

    def is_near(self, makespan_ms: int) -> bool:
        """Whether a plan at the bound itself is worth looking for."""
        return makespan_ms <= (1 + SMALL_GAP) * self.makespan_ms

    def value(self, problem: SchedulingProblem, weights: ObjectiveWeights) -> float:
        """Bound of the objective's value."""
        tardiness = sum(
            job.weight * max(0, end - job.due_ms)
            for job, end in zip(problem.jobs, self.completion_ms, strict=True)
            if job.due_ms is not None
        )
        return (
            weights.tardiness * tardiness
            + weights.makespan * self.makespan_ms
            + weights.energy * self.energy_cost
            + weights.labour * self.labour_cost
        )


def bounds(problem: SchedulingProblem) -> Bounds:
    """Bounds from each job alone and from the work that the cells have to share.

    Raises:
        InfeasibleProblem: Constraints exclude each other; names all that can be named.
    """
    conflicts = [*_frozen_conflicts(problem), *_never_enough(problem)]
    starts, ends, unplaceable = _each_job_alone(problem)
    conflicts.extend(unplaceable)
    loads = [] if conflicts else list(_loads(problem, starts))
    conflicts.extend(_overloads(problem, loads))
    if conflicts:
        raise InfeasibleProblem(tuple(conflicts))
    completion = tuple(
        max(ends[(j, o)] for o in range(len(job.operations))) for j, job in enumerate(problem.jobs)
    )
    ends_of_loads = (load.earliest_end_ms() for load in loads)
    energy, labour = _least_costs(problem)
    makespan = max(max(completion, default=0), max(ends_of_loads, default=0))
    return Bounds(starts, completion, makespan, energy, labour)


def contradicts_itself(problem: SchedulingProblem) -> bool:
    """Whether frozen operations exclude each other, which no engine can mend."""
    return next(_frozen_conflicts(problem), None) is not None


def _label(problem: SchedulingProblem, j: int, o: int) -> str:
    job = problem.jobs[j]
    return f"job {job.name!r}, operation {job.operations[o].name!r}"


def _frozen_conflicts(problem: SchedulingProblem) -> Iterator[Conflict]:
    def conflict(kind: str, a: Assignment, what: str) -> Conflict:
        job = problem.jobs[a.job]
        return Conflict(
            kind,
            job.name,
            job.operations[a.operation].name,
            problem.cells[a.cell].name,
            f"{_label(problem, a.job, a.operation)}: {what}",
        )

    for c, cell in enumerate(problem.cells):
        fixed = sorted(
            (a for a in problem.frozen if a.cell == c), key=lambda a: (a.start_ms, a.end_ms)
        )
        for first, second in pairwise(fixed):
            if second.start_ms < first.end_ms:
                yield conflict(
                    "frozen_overlap",
                    second,
                    f"frozen on {cell.name!r} from {second.start_ms} ms, while "
                    f"{_label(problem, first.job, first.operation)} is frozen there until "
                    f"{first.end_ms} ms; move or unfreeze one of them",
                )
    by_key = problem.frozen_by_key()
    for a in problem.frozen:
        for p in problem.jobs[a.job].operations[a.operation].predecessors:
            before = by_key[(a.job, p)]
            if a.start_ms < before.end_ms:
                yield conflict(
                    "frozen_precedence",
                    a,
                    f"frozen to start at {a.start_ms} ms, before its frozen predecessor "
                    f"{problem.jobs[a.job].operations[p].name!r} ends at {before.end_ms} ms; "
                    f"move or unfreeze one of them",
                )


def _each_job_alone(
    problem: SchedulingProblem,
) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int], list[Conflict]]:
    """Earliest start and end of every operation if its job had all cells for itself."""
    timelines = [Timeline(problem.blocked(c)) for c in range(len(problem.cells))]
    frozen = problem.frozen_by_key()
    starts: dict[tuple[int, int], int] = {}
    ends: dict[tuple[int, int], int] = {}
    conflicts: list[Conflict] = []
    for j, job in enumerate(problem.jobs):
        left_out = may_be_left_out(problem, j)
        for o in job.order:
            if (j, o) in frozen:
                starts[(j, o)], ends[(j, o)] = frozen[(j, o)].start_ms, frozen[(j, o)].end_ms
                continue
            operation = job.operations[o]
            if any((j, p) not in ends for p in operation.predecessors):
                continue  # its predecessor is the conflict
            ready = max(
                [job.release_ms, problem.earliest_start_ms]
                + [ends[(j, p)] for p in operation.predecessors]
            )
            if o in left_out:
                starts[(j, o)] = ends[(j, o)] = ready
                continue
            options = []
            for way in operation.alternatives:
                at = max(
                    [ready]
                    + [
                        ends[(j, p)] + _least_transport(problem, job.operations[p], way.cell)
                        for p in operation.predecessors
                        if p not in left_out and (j, p) not in frozen
                    ]
                )
                found = timelines[way.cell].earliest(at, way.duration_ms, operation.interruptible)
                if found is not None:
                    options.append(found)
            if not options:
                conflicts.append(_no_window(problem, j, o, ready))
                continue
            starts[(j, o)] = min(start for start, _ in options)
            ends[(j, o)] = min(end for _, end in options)
    return starts, ends, conflicts


def _no_window(problem: SchedulingProblem, j: int, o: int, ready: int) -> Conflict:
    operation = problem.jobs[j].operations[o]
    parts = []
    for a in operation.alternatives:
        longest = max(
            (end - start for start, end in _open_windows(problem, a.cell, ready)), default=0
        )
        parts.append(
            f"needs {a.duration_ms} ms on {problem.cells[a.cell].name!r}, "
            f"whose longest open window is {longest} ms"
        )
    return Conflict(
        "no_window",
        problem.jobs[j].name,
        operation.name,
        problem.cells[operation.alternatives[0].cell].name,
        f"{_label(problem, j, o)} fits into no open window after {ready} ms: {'; '.join(parts)}",
    )


def _open_windows(problem: SchedulingProblem, cell: int, after: int) -> Iterator[tuple[int, int]]:
    start = after
    for closed_from, closed_to in problem.blocked(cell):
        if closed_from > start:
            yield start, closed_from
        start = max(start, closed_to)
    if start < FOREVER_MS:
        yield start, FOREVER_MS


@dataclass(frozen=True, slots=True)
class _Load:
    """Work that a set of cells must take between the first head and the end less the least tail."""

    cells: tuple[int, ...]
    work_ms: int
    tail_ms: int
    windows: tuple[tuple[int, int], ...]
    operations: tuple[tuple[int, int], ...]

    def capacity_ms(self, until: int) -> int:
        return sum(max(0, min(end, until) - start) for start, end in self.windows)

    def earliest_end_ms(self) -> int:
        return _first(lambda t: self.capacity_ms(t) >= self.work_ms) + self.tail_ms


def _first(holds: Callable[[int], bool]) -> int:
    """Smallest time in ms at which a condition holds that, once true, stays true."""
    low, high = 0, FOREVER_MS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _loads(problem: SchedulingProblem, starts: dict[tuple[int, int], int]) -> Iterator[_Load]:
    """The load of each cell by what only it can do, and of all cells together."""
    everything = tuple(range(len(problem.cells)))
    optional = [may_be_left_out(problem, j) for j in range(len(problem.jobs))]
    members: dict[tuple[int, ...], list[tuple[int, int]]] = {(c,): [] for c in everything}
    members[everything] = []
    frozen = problem.frozen_by_key()
    tails = [
        [
            chain - min(a.duration_ms for a in operation.alternatives)
            for chain, operation in zip(remaining_work(problem, j), job.operations, strict=True)
        ]
        for j, job in enumerate(problem.jobs)
    ]
    for j, o in problem.operation_keys():
        if (j, o) in frozen or o in optional[j]:
            continue
        ways = problem.jobs[j].operations[o].alternatives
        for group in {everything, (ways[0].cell,) if len(ways) == 1 else everything}:
            members[group].append((j, o))
    for group, keys in sorted(members.items()):
        if not keys:
            continue
        head = min(starts[key] for key in keys)
        yield _Load(
            cells=group,
            work_ms=sum(
                min(a.duration_ms for a in problem.jobs[j].operations[o].alternatives)
                for j, o in keys
            ),
            tail_ms=min(tails[j][o] for j, o in keys),
            windows=tuple(w for c in group for w in _open_windows(problem, c, head)),
            operations=tuple(keys),
        )


def _overloads(problem: SchedulingProblem, loads: list[_Load]) -> Iterator[Conflict]:
    for load in loads:
        capacity = load.capacity_ms(FOREVER_MS)
        if load.work_ms > capacity:
            names = [problem.cells[c].name for c in load.cells]
            j, o = load.operations[0]
            yield Conflict(
                "capacity",
                problem.jobs[j].name,
                problem.jobs[j].operations[o].name,
                names[0],
                f"cells {names} are open for {capacity} ms in all, but {len(load.operations)} "
                f"operations (the first is {_label(problem, j, o)}) need {load.work_ms} ms there",
            )


def remaining_work(problem: SchedulingProblem, job: int) -> list[int]:
    """Per operation of a job: the longest chain of shortest durations from its start on, in ms."""
    operations = problem.jobs[job].operations
    optional = may_be_left_out(problem, job)
    shortest = [
        0 if o in optional else min(a.duration_ms for a in operation.alternatives)
        for o, operation in enumerate(operations)
    ]
    chain = list(shortest)
    for o in reversed(problem.jobs[job].order):
        for p in operations[o].predecessors:
            chain[p] = max(chain[p], shortest[p] + chain[o])
    return chain


def may_be_left_out(problem: SchedulingProblem, job: int) -> set[int]:
    """Operations of a job that a plan need not have."""
    decided = problem.decided_optional() if problem.jobs[job].optional else {}
    return {
        o
        for k, part in enumerate(problem.jobs[job].optional)
        if decided.get((job, k)) is not True
        for o in part.operations
    }


def _least_transport(problem: SchedulingProblem, operation: Operation, cell: int) -> int:
    return min(problem.transport(a.cell, cell) for a in operation.alternatives)


def _least_costs(problem: SchedulingProblem) -> tuple[float, float]:
    """Energy and labour that no plan can do without."""
    price = min(price for _, price in problem.tariff.steps)
    frozen = problem.frozen_by_key()
    energy = labour = 0.0
    optional = [may_be_left_out(problem, j) for j in range(len(problem.jobs))]
    for j, o in problem.operation_keys():
        if o in optional[j] or (j, o) in frozen:
            continue
        ways = problem.jobs[j].operations[o].alternatives
        energy += price * min(a.power_w * a.duration_ms for a in ways)
        labour += min(
            a.duration_ms * sum(n * problem.skills[k].cost_per_h for k, n in a.crew) for a in ways
        )
    return energy / W_MS_PER_KWH, labour / MS_PER_H


def _never_enough(problem: SchedulingProblem) -> Iterator[Conflict]:
    """Operations that need more than there ever is, on whichever cell."""
    people = skill_sets(problem)
    frozen = problem.frozen_by_key()

    def lacks(way: Alternative) -> str | None:
        for r, amount in way.needs:
            if amount > problem.resources[r].capacity:
                return (
                    f"{amount} of resource {problem.resources[r].name!r} "
                    f"(there are {problem.resources[r].capacity})"
                )
        for some in people:
            wanted = sum(amount for skill, amount in way.crew if skill in some.skills)
            if wanted > some.people:
                names = [problem.skills[k].name for k in some.skills]
                return f"{wanted} people with skills {names} (there are {some.people})"
        if problem.peak_power_w is not None and way.power_w > problem.peak_power_w:
            return f"{way.power_w} W (the peak is {problem.peak_power_w} W)"
        return None

    for j, job in enumerate(problem.jobs):
        for r, amount in job.holds:
            if amount > problem.resources[r].capacity:
                yield Conflict(
                    "resource",
                    job.name,
                    None,
                    None,
                    f"job {job.name!r} holds {amount} of resource {problem.resources[r].name!r}, "
                    f"but there are {problem.resources[r].capacity}",
                )
        optional = may_be_left_out(problem, j)
        for o, operation in enumerate(job.operations):
            if (j, o) in frozen or o in optional:
                continue
            lacking = [lacks(way) for way in operation.alternatives]
            if all(lacking):
                parts = "; ".join(
                    f"{lack} on {problem.cells[way.cell].name!r}"
                    for lack, way in zip(lacking, operation.alternatives, strict=True)
                )
                yield Conflict(
                    "resource",
                    job.name,
                    operation.name,
                    problem.cells[operation.alternatives[0].cell].name,
                    f"{_label(problem, j, o)} needs {parts}",
                )
