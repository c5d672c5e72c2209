"""Small random problems, and answers to them that come from enumeration instead of an engine."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from planners.scheduling import (
    FOREVER_MS,
    Alternative,
    Assignment,
    Cell,
    Job,
    Operation,
    Schedule,
    SchedulingProblem,
)
from planners.scheduling.schedule import Objective, ObjectiveWeights

CELLS = 2


@st.composite
def operations(draw, number: int) -> Operation:
    cells = draw(st.sets(st.integers(0, CELLS - 1), min_size=1))
    alternatives = tuple(Alternative(c, draw(st.integers(0, 5))) for c in sorted(cells))
    # Predecessors with a lower index make any DAG, up to renumbering.
    predecessors = draw(st.sets(st.integers(0, number - 1))) if number else set()
    return Operation(f"op{number}", alternatives, tuple(sorted(predecessors)))


@st.composite
def jobs(draw, number: int, most: int) -> Job:
    count = draw(st.integers(1, most))
    return Job(
        f"job{number}",
        tuple(draw(operations(o)) for o in range(count)),
        release_ms=draw(st.integers(0, 4)),
        due_ms=draw(st.none() | st.integers(0, 15)),
        weight=draw(st.sampled_from((0.0, 0.5, 1.0, 2.0, 4.0))),
    )


@st.composite
def calendars(draw, *, may_end: bool) -> tuple[tuple[int, int], ...]:
    closed = [
        (start, start + draw(st.integers(1, 4)))
        for start in draw(st.lists(st.integers(0, 20), max_size=2))
    ]
    if may_end and draw(st.integers(0, 3)) == 0:
        closed.append((draw(st.integers(8, 25)), FOREVER_MS))
    return tuple(closed)


@st.composite
def problems(draw, *, most_operations: int = 5, may_end: bool = True) -> SchedulingProblem:
    """Every feature at once: calendars, dates, weights, alternatives, DAGs, frozen operations."""
    parts: list[Job] = []
    room = most_operations
    while room > 0 and len(parts) < 3:
        parts.append(draw(jobs(len(parts), min(room, 3))))
        room -= len(parts[-1].operations)
        if parts and draw(st.booleans()) and room < 3:
            break
    if draw(st.booleans()) and room >= len(parts[0].operations):
        parts.append(parts[0])  # an identical unit
    cells = tuple(Cell(f"cell{c}", draw(calendars(may_end=may_end))) for c in range(CELLS))
    frozen: list[Assignment] = []
    if draw(st.integers(0, 2)) == 0:
        at = draw(st.integers(0, 3))
        for o in parts[0].order[: draw(st.integers(1, len(parts[0].operations)))]:
            alternative = parts[0].operations[o].alternatives[0]
            end = at + draw(st.integers(1, 4))
            frozen.append(Assignment(0, o, alternative.cell, at, end))
            at = end + draw(st.integers(0, 2))
    return SchedulingProblem(cells, tuple(parts), tuple(frozen), draw(st.integers(0, 3)))


def all_left_shifted_plans(
    problem: SchedulingProblem,
) -> Iterator[dict[tuple[int, int], Assignment]]:
    """Every order of the operations on every choice of cells, each as early as the order allows.

    The objective never gets better by waiting, so the best of these plans is the best of all.
    """
    frozen = {(a.job, a.operation): a for a in problem.frozen}
    keys = [(j, o) for j, job in enumerate(problem.jobs) for o in range(len(job.operations))]

    def is_open(cell: int, start: int, end: int) -> bool:
        closed = problem.cells[cell].unavailable
        fixed = tuple((a.start_ms, a.end_ms) for a in problem.frozen if a.cell == cell)
        # A cell that is closed up to the end of all time does not open there.
        within = start < FOREVER_MS and end <= FOREVER_MS
        return within and all(end <= a or b <= start for a, b in closed + fixed)

    def extend(plan, free):
        if len(plan) == len(keys):
            yield plan
            return
        for j, o in keys:
            job = problem.jobs[j]
            before = [(j, p) for p in job.operations[o].predecessors]
            if (j, o) in plan or any(key not in plan for key in before):
                continue
            ready = max(
                [job.release_ms, problem.earliest_start_ms, *(plan[k].end_ms for k in before)]
            )
            for alternative in job.operations[o].alternatives:
                c, d = alternative.cell, alternative.duration_ms
                ends = [b for _, b in problem.cells[c].unavailable]
                ends += [a.end_ms for a in problem.frozen if a.cell == c]
                earliest = max(ready, free[c])
                starts = [t for t in sorted({earliest, *ends}) if t >= earliest]
                start = next((t for t in starts if is_open(c, t, t + d)), None)
                if start is not None:
                    placed = {**plan, (j, o): Assignment(j, o, c, start, start + d)}
                    yield from extend(placed, {**free, c: start + d})

    yield from extend(dict(frozen), dict.fromkeys(range(len(problem.cells)), 0))


def value_of(problem: SchedulingProblem, plan, weights: ObjectiveWeights) -> float:
    completion: dict[int, int] = {}
    for (j, _), a in plan.items():
        completion[j] = max(completion.get(j, 0), a.end_ms)
    late = sum(
        job.weight * max(0, completion[j] - job.due_ms)
        for j, job in enumerate(problem.jobs)
        if job.due_ms is not None
    )
    return weights.tardiness * late + weights.makespan * max(completion.values())


def best_by_enumeration(problem: SchedulingProblem, weights: ObjectiveWeights) -> float | None:
    """Least value of any plan, or None if there is no plan."""
    return min(
        (value_of(problem, plan, weights) for plan in all_left_shifted_plans(problem)),
        default=None,
    )


def schedule_of(assignments) -> Schedule:
    """A schedule with an objective that nobody has computed."""
    return Schedule(tuple(assignments), "feasible", "test", Objective(0, 0.0, 0, 0.0, 0.0))


def holds_tick_by_tick(problem: SchedulingProblem, assignments: tuple[Assignment, ...]) -> bool:
    """Whether a plan keeps every rule, found by walking through it millisecond by millisecond."""
    keys = [(j, o) for j, job in enumerate(problem.jobs) for o in range(len(job.operations))]
    if sorted((a.job, a.operation) for a in assignments) != keys:
        return False
    frozen = {(a.job, a.operation): a for a in problem.frozen}
    done: set[tuple[int, int]] = set()
    for tick in range(max(a.end_ms for a in assignments) + 1):
        done |= {(a.job, a.operation) for a in assignments if a.end_ms == tick}
        for c, cell in enumerate(problem.cells):
            running = [a for a in assignments if a.cell == c and a.start_ms <= tick < a.end_ms]
            if len(running) > 1:
                return False
            closed = any(start <= tick < end for start, end in cell.unavailable)
            if closed and any((a.job, a.operation) not in frozen for a in running):
                return False
            for a in assignments:  # what takes no time is never in the middle of anything
                if a.cell == c and a.start_ms == a.end_ms == tick:
                    if any(b.start_ms < tick for b in running):
                        return False
                    inside = any(start < tick < end for start, end in cell.unavailable)
                    if inside and (a.job, a.operation) not in frozen:
                        return False
        for a in assignments:
            if a.start_ms == tick:
                job = problem.jobs[a.job]
                if any((a.job, p) not in done for p in job.operations[a.operation].predecessors):
                    return False
    for a in assignments:
        key = (a.job, a.operation)
        if key in frozen:
            if frozen[key] != a:
                return False
            continue
        job = problem.jobs[a.job]
        ways = {(x.cell, x.duration_ms) for x in job.operations[a.operation].alternatives}
        if (a.cell, a.end_ms - a.start_ms) not in ways:
            return False
        if a.start_ms < max(job.release_ms, problem.earliest_start_ms):
            return False
    return True
