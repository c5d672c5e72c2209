"""What may be done to any plan and never harms: shift left, put identical units in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import in_order
from planners.scheduling.timeline import Timeline


def identical_jobs(problem: SchedulingProblem) -> list[list[int]]:
    """Groups of two or more jobs that differ only in name and have nothing frozen."""
    touched = {fixed.job for fixed in problem.frozen}
    groups: dict[object, list[int]] = {}
    for j, job in enumerate(problem.jobs):
        if j not in touched:
            work = tuple((o.alternatives, o.predecessors) for o in job.operations)
            groups.setdefault((work, job.release_ms, job.due_ms, job.weight), []).append(j)
    return [group for group in groups.values() if len(group) > 1]


def units_in_order(
    problem: SchedulingProblem, assignments: Iterable[Assignment]
) -> tuple[Assignment, ...]:
    """The same plan with identical jobs renamed, so that the first of them starts first."""
    by_job: dict[int, list[Assignment]] = {}
    for assignment in assignments:
        by_job.setdefault(assignment.job, []).append(assignment)
    renamed: dict[int, int] = {}
    for group in identical_jobs(problem):
        by_start = sorted(group, key=lambda j: (first_start(by_job[j]), j))
        renamed.update(zip(by_start, group, strict=True))
    return in_order(
        replace(a, job=renamed.get(j, j)) for j, members in by_job.items() for a in members
    )


def first_start(assignments: Iterable[Assignment]) -> int:
    """Start of operation 0, by which identical jobs are told apart, in ms."""
    return next(a.start_ms for a in assignments if a.operation == 0)


def shift_left(
    problem: SchedulingProblem, assignments: Iterable[Assignment]
) -> tuple[Assignment, ...]:
    """The same plan with every operation, in order of start, as early as its cell has room.

    No operation gets later: what was placed before it only moved to the left.
    """
    frozen = problem.frozen_by_key()
    timelines = [Timeline(problem.blocked(c)) for c in range(len(problem.cells))]
    ends = {key: fixed.end_ms for key, fixed in frozen.items()}
    shifted: list[Assignment] = list(problem.frozen)
    for a in in_order(assignments):
        if (a.job, a.operation) in frozen:
            continue
        job = problem.jobs[a.job]
        ready = max(
            [job.release_ms, problem.earliest_start_ms]
            + [ends[(a.job, p)] for p in job.operations[a.operation].predecessors]
        )
        duration = a.end_ms - a.start_ms
        start = timelines[a.cell].earliest_start(ready, duration)
        assert start is not None  # its old place is still free
        timelines[a.cell].occupy(start, start + duration)
        ends[(a.job, a.operation)] = start + duration
        shifted.append(replace(a, start_ms=start, end_ms=start + duration))
    return in_order(shifted)
