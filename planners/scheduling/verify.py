"""Checks a plan against the problem, constraint by constraint, before anybody acts on it.

Shares nothing with the engines but the data types: it reads the problem as given, uses none of
its derived values, and recomputes the objective itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import Schedule

ViolationKind = Literal[
    "unknown",
    "missing",
    "duplicate",
    "frozen",
    "cell",
    "duration",
    "earliest_start",
    "release",
    "calendar",
    "precedence",
    "overlap",
    "objective",
]

VALUE_TOLERANCE = 1e-6
"""Relative; the weighted tardiness is a sum of floats."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint. Indices are None where a violation is not about one of them."""

    kind: ViolationKind
    job: int | None
    operation: int | None
    cell: int | None
    at_ms: int | None
    message: str


def verify(problem: SchedulingProblem, schedule: Schedule) -> list[Violation]:
    """Everything that is wrong with a plan; an empty list means that it may be published."""
    violations = list(_unknown(problem, schedule))
    if violations:
        return violations
    violations.extend(_counts(problem, schedule))
    frozen = {(fixed.job, fixed.operation): fixed for fixed in problem.frozen}
    for assignment in schedule.assignments:
        fixed = frozen.get((assignment.job, assignment.operation))
        if fixed is None:
            violations.extend(_alone(problem, assignment))
        elif fixed != assignment:
            violations.append(
                _violation(
                    problem,
                    "frozen",
                    assignment,
                    f"is frozen on cell {fixed.cell} at {fixed.start_ms}..{fixed.end_ms} ms but "
                    f"planned on cell {assignment.cell} at "
                    f"{assignment.start_ms}..{assignment.end_ms} ms",
                )
            )
    violations.extend(_precedence(problem, schedule))
    violations.extend(_overlap(problem, schedule))
    if not violations:
        violations.extend(_objective(problem, schedule))
    return violations


def _violation(
    problem: SchedulingProblem, kind: ViolationKind, a: Assignment, what: str
) -> Violation:
    job = problem.jobs[a.job]
    return Violation(
        kind,
        a.job,
        a.operation,
        a.cell,
        a.start_ms,
        f"job {job.name!r}, operation {job.operations[a.operation].name!r}: {what}",
    )


def _unknown(problem: SchedulingProblem, schedule: Schedule) -> Iterator[Violation]:
    for a in schedule.assignments:
        if not (
            0 <= a.job < len(problem.jobs)
            and 0 <= a.operation < len(problem.jobs[a.job].operations)
            and 0 <= a.cell < len(problem.cells)
        ):
            yield Violation(
                "unknown",
                a.job,
                a.operation,
                a.cell,
                a.start_ms,
                f"{a} names a job, operation or cell that the problem does not have",
            )


def _counts(problem: SchedulingProblem, schedule: Schedule) -> Iterator[Violation]:
    seen: set[tuple[int, int]] = set()
    for a in schedule.assignments:
        if (a.job, a.operation) in seen:
            yield _violation(problem, "duplicate", a, "is planned more than once")
        seen.add((a.job, a.operation))
    for j, job in enumerate(problem.jobs):
        for o, operation in enumerate(job.operations):
            if (j, o) not in seen:
                yield Violation(
                    "missing",
                    j,
                    o,
                    None,
                    None,
                    f"job {job.name!r}, operation {operation.name!r}: is not planned",
                )


def _alone(problem: SchedulingProblem, a: Assignment) -> Iterator[Violation]:
    """What can be said about one assignment without looking at the others."""
    job = problem.jobs[a.job]
    durations = [
        alternative.duration_ms
        for alternative in job.operations[a.operation].alternatives
        if alternative.cell == a.cell
    ]
    cell = problem.cells[a.cell]
    if not durations:
        yield _violation(problem, "cell", a, f"cell {cell.name!r} cannot run it")
    elif a.end_ms - a.start_ms != durations[0]:
        yield _violation(
            problem,
            "duration",
            a,
            f"takes {a.end_ms - a.start_ms} ms instead of {durations[0]} ms on {cell.name!r}",
        )
    if a.start_ms < problem.earliest_start_ms:
        yield _violation(
            problem,
            "earliest_start",
            a,
            f"starts at {a.start_ms} ms, before {problem.earliest_start_ms} ms",
        )
    if a.start_ms < job.release_ms:
        yield _violation(
            problem,
            "release",
            a,
            f"starts at {a.start_ms} ms, before its release at {job.release_ms} ms",
        )
    for start, end in cell.unavailable:
        if a.start_ms < end and start < a.end_ms:
            yield _violation(
                problem,
                "calendar",
                a,
                f"runs at {a.start_ms}..{a.end_ms} ms while {cell.name!r} is closed at "
                f"{start}..{end} ms",
            )


def _precedence(problem: SchedulingProblem, schedule: Schedule) -> Iterator[Violation]:
    ends: dict[tuple[int, int], int] = {}
    for a in schedule.assignments:
        ends[(a.job, a.operation)] = max(a.end_ms, ends.get((a.job, a.operation), 0))
    for a in schedule.assignments:
        operations = problem.jobs[a.job].operations
        for p in operations[a.operation].predecessors:
            end = ends.get((a.job, p))
            if end is not None and a.start_ms < end:
                yield _violation(
                    problem,
                    "precedence",
                    a,
                    f"starts at {a.start_ms} ms, before its predecessor "
                    f"{operations[p].name!r} ends at {end} ms",
                )


def _overlap(problem: SchedulingProblem, schedule: Schedule) -> Iterator[Violation]:
    for c, cell in enumerate(problem.cells):
        on_cell = sorted(
            (a for a in schedule.assignments if a.cell == c), key=lambda a: (a.start_ms, a.end_ms)
        )
        busiest: Assignment | None = None
        for first, second in pairwise(on_cell):
            if busiest is None or first.end_ms > busiest.end_ms:
                busiest = first
            if second.start_ms < busiest.end_ms:
                other = problem.jobs[busiest.job]
                yield _violation(
                    problem,
                    "overlap",
                    second,
                    f"starts on {cell.name!r} at {second.start_ms} ms while job {other.name!r}, "
                    f"operation {other.operations[busiest.operation].name!r} holds it until "
                    f"{busiest.end_ms} ms",
                )


def _objective(problem: SchedulingProblem, schedule: Schedule) -> Iterator[Violation]:
    makespan = max((a.end_ms for a in schedule.assignments), default=0)
    tardiness = 0.0
    for j, job in enumerate(problem.jobs):
        if job.due_ms is not None:
            end = max(a.end_ms for a in schedule.assignments if a.job == j)
            tardiness += job.weight * max(0, end - job.due_ms)
    stated = schedule.objective
    if stated.makespan_ms != makespan:
        yield Violation(
            "objective",
            None,
            None,
            None,
            makespan,
            f"states a makespan of {stated.makespan_ms} ms; it is {makespan} ms",
        )
    if abs(stated.weighted_tardiness - tardiness) > VALUE_TOLERANCE * max(1.0, tardiness):
        yield Violation(
            "objective",
            None,
            None,
            None,
            None,
            f"states a weighted tardiness of {stated.weighted_tardiness}; it is {tardiness}",
        )
    if schedule.lower_bound > stated.value + VALUE_TOLERANCE * max(1.0, abs(stated.value)):
        yield Violation(
            "objective",
            None,
            None,
            None,
            None,
            f"states a lower bound {schedule.lower_bound} above its value {stated.value}",
        )
