"""What is left to do after an event, as a scheduling problem with the published plan in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from planners.scheduling.errors import ProblemError
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.repair.events import (
    CellBack,
    CellDown,
    Event,
    JobCancelled,
    JobChanged,
    JobsArrive,
    OperationFailed,
    OperationLate,
    ResourceMissing,
)
from planners.scheduling.work import Job, Operation, OptionalWork

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Disturbed:
    """The rest of the work.

    Attributes:
        problem: It; ``frozen`` is what has begun or is confirmed, ``published`` the old plan.
        kept: For each (job, operation) of it, which one it was before; new jobs are not there.
        waiting: Operations without a place, by their numbers before: a person or a cell has to
            come first.
    """

    problem: SchedulingProblem
    kept: dict[Key, Key]
    waiting: tuple[Key, ...]


def disturb(
    problem: SchedulingProblem,
    plan: Iterable[Assignment],
    event: Event,
    now_ms: int,
    confirmed: Collection[Key] = (),
) -> Disturbed:
    """What is left of a problem whose plan was followed until now, and then something happened.

    Operations that began before now are frozen as planned (give the plan as it was carried out, if
    it was not as planned), ``confirmed`` ones too, unless the event makes that impossible.

    Raises:
        ProblemError: The event names something that does not exist.
    """
    old = tuple(plan)
    lost = event.cell if isinstance(event, CellDown) else None
    begun = {
        (a.job, a.operation): a
        for a in old
        if a.start_ms < now_ms and not (a.cell == lost and a.end_ms > now_ms)
    }
    frozen = dict(begun)
    if isinstance(event, OperationLate):
        key = (event.job, event.operation)
        if key not in begun:
            raise ProblemError("only an operation that has begun can be late")
        late = begun[key]
        frozen[key] = replace(late, end_ms=max(late.end_ms, event.end_ms))
    _confirm(problem, old, frozen, set(confirmed), lost)
    changed = replace(problem, frozen=(), published=(), earliest_start_ms=now_ms)
    dropped: set[Key] = set()
    if isinstance(event, CellDown):
        changed, dropped = _without_cell(changed, event, now_ms, frozen)
    elif isinstance(event, CellBack):
        changed = _opened(changed, event.cell, now_ms)
    elif isinstance(event, OperationFailed):
        dropped = {(event.job, event.operation)} - set(frozen)
        dropped |= {
            (event.job, o)
            for o, operation in enumerate(changed.jobs[event.job].operations)
            if event.operation in operation.predecessors
        }
    elif isinstance(event, JobsArrive):
        changed = replace(changed, jobs=changed.jobs + event.jobs)
    elif isinstance(event, JobCancelled):
        every = range(len(changed.jobs[event.job].operations))
        dropped = {(event.job, o) for o in every if (event.job, o) not in frozen}
    elif isinstance(event, JobChanged):
        jobs = list(changed.jobs)
        jobs[event.job] = replace(jobs[event.job], due_ms=event.due_ms, weight=event.weight)
        changed = replace(changed, jobs=tuple(jobs))
    elif isinstance(event, ResourceMissing):
        resources = list(changed.resources)
        gone = resources[event.resource]
        away = (*gone.unavailable, (now_ms, event.until_ms))
        resources[event.resource] = replace(gone, unavailable=away)
        changed = replace(changed, resources=tuple(resources))
    return _rest(changed, frozen, old, dropped)


def _confirm(
    problem: SchedulingProblem,
    plan: tuple[Assignment, ...],
    frozen: dict[Key, Assignment],
    confirmed: set[Key],
    lost: int | None,
) -> None:
    """Add what is confirmed, with all that precedes it, as far as it still holds."""
    for a in plan:  # by start, so predecessors come first
        key = (a.job, a.operation)
        if key not in confirmed or key in frozen or a.cell == lost:
            continue
        before = problem.jobs[a.job].operations[a.operation].predecessors
        holds = all(
            (a.job, p) in frozen and frozen[a.job, p].end_ms <= a.start_ms for p in before
        ) and all(
            other.cell != a.cell or other.end_ms <= a.start_ms or other.start_ms >= a.end_ms
            for other in frozen.values()
        )
        if holds:
            frozen[key] = a


def _without_cell(
    problem: SchedulingProblem, event: CellDown, now_ms: int, frozen: dict[Key, Assignment]
) -> tuple[SchedulingProblem, set[Key]]:
    """The problem without a cell for a while, or for an unknown time."""
    if not 0 <= event.cell < len(problem.cells):
        raise ProblemError(f"cell {event.cell} does not exist")
    if event.until_ms is not None:
        if event.until_ms <= now_ms:
            return problem, set()
        cells = list(problem.cells)
        down = cells[event.cell]
        cells[event.cell] = replace(down, unavailable=(*down.unavailable, (now_ms, event.until_ms)))
        return replace(problem, cells=tuple(cells)), set()
    jobs: list[Job] = []
    dropped: set[Key] = set()
    for j, job in enumerate(problem.jobs):
        operations: list[Operation] = []
        for o, operation in enumerate(job.operations):
            ways = tuple(w for w in operation.alternatives if w.cell != event.cell)
            if (j, o) in frozen or len(ways) == len(operation.alternatives):
                operations.append(operation)
            elif ways:
                operations.append(replace(operation, alternatives=ways))
            else:
                operations.append(operation)
                dropped.add((j, o))
        jobs.append(replace(job, operations=tuple(operations)))
    return replace(problem, jobs=tuple(jobs)), dropped


def _opened(problem: SchedulingProblem, cell: int, now_ms: int) -> SchedulingProblem:
    """The problem with the closed time that holds now ended for a cell."""
    if not 0 <= cell < len(problem.cells):
        raise ProblemError(f"cell {cell} does not exist")
    cells = list(problem.cells)
    cells[cell] = replace(
        cells[cell],
        unavailable=tuple(
            (start, min(end, now_ms)) if start <= now_ms < end else (start, end)
            for start, end in cells[cell].unavailable
            if not start == now_ms < end
        ),
    )
    return replace(problem, cells=tuple(cells))


def _rest(
    problem: SchedulingProblem,
    frozen: dict[Key, Assignment],
    plan: tuple[Assignment, ...],
    dropped: set[Key],
) -> Disturbed:
    """Leave out what was dropped and what follows it, and number the rest anew."""
    kept: dict[Key, Key] = {}
    now_called: dict[Key, Key] = {}
    waiting: list[Key] = []
    jobs: list[Job] = []
    for j, job in enumerate(problem.jobs):
        gone = {o for k, o in dropped if k == j}
        gone |= {o for part in job.optional if gone & set(part.operations) for o in part.operations}
        for o in job.order:
            if gone.intersection(job.operations[o].predecessors) and (j, o) not in frozen:
                gone.add(o)
        waiting += [(j, o) for o in sorted(gone)]
        left = [o for o in range(len(job.operations)) if o not in gone]
        if not left:
            continue
        place = {o: i for i, o in enumerate(left)}
        for o, i in place.items():
            kept[len(jobs), i] = (j, o)
            now_called[j, o] = (len(jobs), i)
        if gone:
            job = replace(
                job,
                operations=tuple(
                    replace(
                        job.operations[o],
                        predecessors=tuple(
                            place[p] for p in job.operations[o].predecessors if p in place
                        ),
                    )
                    for o in left
                ),
                optional=tuple(
                    OptionalWork(
                        part.name, tuple(place[o] for o in part.operations), part.left_out_cost
                    )
                    for part in job.optional
                    if not gone & set(part.operations)
                ),
            )
        jobs.append(job)

    def renamed(some: Iterable[Assignment]) -> tuple[Assignment, ...]:
        found = []
        for a in some:
            if (a.job, a.operation) in now_called:
                j, o = now_called[a.job, a.operation]
                found.append(replace(a, job=j, operation=o))
        return tuple(found)

    rest = replace(
        problem, jobs=tuple(jobs), frozen=renamed(frozen.values()), published=renamed(plan)
    )
    return Disturbed(rest, kept, tuple(waiting))
