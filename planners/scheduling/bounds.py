"""What no plan can beat, computed without search, and the problems that no plan can satisfy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from planners.scheduling.dispatch import remaining_work
from planners.scheduling.errors import Conflict, InfeasibleProblem
from planners.scheduling.problem import FOREVER_MS, Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights
from planners.scheduling.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds that hold in every plan, ms.

    Attributes:
        earliest_start_ms: Per (job, operation), as if no other new operation existed.
        completion_ms: Per job.
        makespan_ms: Of the whole plan.
    """

    earliest_start_ms: dict[tuple[int, int], int]
    completion_ms: tuple[int, ...]
    makespan_ms: int

    def value(self, problem: SchedulingProblem, weights: ObjectiveWeights) -> float:
        """Bound of the objective's value."""
        tardiness = sum(
            job.weight * max(0, end - job.due_ms)
            for job, end in zip(problem.jobs, self.completion_ms, strict=True)
            if job.due_ms is not None
        )
        return weights.tardiness * tardiness + weights.makespan * self.makespan_ms


def bounds(problem: SchedulingProblem) -> Bounds:
    """Bounds from each job alone and from the work that the cells have to share.

    Raises:
        InfeasibleProblem: Constraints exclude each other; names all that can be named.
    """
    conflicts = list(_frozen_conflicts(problem))
    starts, ends, unplaceable = _each_job_alone(problem)
    conflicts.extend(unplaceable)
    if not conflicts:
        conflicts.extend(_overloads(problem, starts))
    if conflicts:
        raise InfeasibleProblem(tuple(conflicts))
    completion = tuple(
        max(ends[(j, o)] for o in range(len(job.operations))) for j, job in enumerate(problem.jobs)
    )
    loads = (load.earliest_end_ms() for load in _loads(problem, starts))
    return Bounds(starts, completion, max(max(completion, default=0), max(loads, default=0)))


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
        fixed = sorted((a for a in problem.frozen if a.cell == c), key=lambda a: a.start_ms)
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
            options = [
                (start, start + a.duration_ms)
                for a in operation.alternatives
                if (start := timelines[a.cell].earliest_start(ready, a.duration_ms)) is not None
            ]
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
    groups: Iterable[tuple[int, ...]] = {(c,) for c in everything} | {everything}
    frozen = problem.frozen_by_key()
    tails = [
        [
            chain - min(a.duration_ms for a in operation.alternatives)
            for chain, operation in zip(remaining_work(problem, j), job.operations, strict=True)
        ]
        for j, job in enumerate(problem.jobs)
    ]
    for group in sorted(groups):
        keys = [
            (j, o)
            for j, o in problem.operation_keys()
            if (j, o) not in frozen
            and all(a.cell in group for a in problem.jobs[j].operations[o].alternatives)
        ]
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


def _overloads(
    problem: SchedulingProblem, starts: dict[tuple[int, int], int]
) -> Iterator[Conflict]:
    for load in _loads(problem, starts):
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
