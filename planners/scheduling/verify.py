"""Checks a plan against the problem, constraint by constraint, before anybody acts on it.

Shares nothing with the engines but the data types: it reads the problem as given, uses none of
its derived values, and recomputes the objective itself. This module checks what one operation or
one cell must keep; `verify_shared` what cells share; `verify_objective` what the plan claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import Schedule
from planners.scheduling.verify_objective import check_objective
from planners.scheduling.verify_plan import Placed, PlanUnderTest, Violation, ViolationKind
from planners.scheduling.verify_shared import check_shared

__all__ = ["Violation", "ViolationKind", "verify"]


def verify(problem: SchedulingProblem, schedule: Schedule) -> list[Violation]:
    """Everything that is wrong with a plan; an empty list means that it may be published."""
    violations = list(_unknown(problem, schedule))
    if violations:
        return violations
    violations.extend(_counts(problem, schedule))
    frozen = {(fixed.job, fixed.operation): fixed for fixed in problem.frozen}
    for a in schedule.assignments:
        fixed = frozen.get((a.job, a.operation))
        if fixed is not None and fixed != a:
            violations.append(
                Violation.at(
                    problem,
                    "frozen",
                    a,
                    f"is frozen on cell {fixed.cell} at {fixed.start_ms}..{fixed.end_ms} ms but "
                    f"planned on cell {a.cell} at {a.start_ms}..{a.end_ms} ms",
                )
            )
    if any(v.kind in ("duplicate", "missing", "frozen", "optional") for v in violations):
        return violations + _rough_faults(problem, schedule)
    plan = PlanUnderTest(problem, schedule)
    for placed in plan.placed:
        if not placed.fact:
            violations.extend(_alone(plan, placed))
    violations.extend(_precedence(plan))
    violations.extend(_cells(plan))
    violations.extend(check_shared(plan))
    if not violations:
        violations.extend(check_objective(plan, schedule))
    return violations


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
            yield Violation.at(problem, "duplicate", a, "is planned more than once")
        seen.add((a.job, a.operation))
    for j, job in enumerate(problem.jobs):
        group = {o: part for part in job.optional for o in part.operations}
        for o, operation in enumerate(job.operations):
            if (j, o) in seen:
                continue
            where = f"job {job.name!r}, operation {operation.name!r}"
            part = group.get(o)
            if part is None:
                yield Violation("missing", j, o, None, None, f"{where}: is not planned")
            elif any((j, other) in seen for other in part.operations):
                yield Violation(
                    "optional",
                    j,
                    o,
                    None,
                    None,
                    f"{where}: is left out, but not all of the optional work {part.name!r}",
                )


def _rough_faults(problem: SchedulingProblem, schedule: Schedule) -> list[Violation]:
    """What can be said of a plan whose operations are not even all there once."""
    frozen = {(fixed.job, fixed.operation) for fixed in problem.frozen}
    found: list[Violation] = []
    for a in schedule.assignments:
        cells = [x.cell for x in problem.jobs[a.job].operations[a.operation].alternatives]
        if (a.job, a.operation) not in frozen and a.cell not in cells:
            name = problem.cells[a.cell].name
            found.append(Violation.at(problem, "cell", a, f"cell {name!r} cannot run it"))
    return found


def _alone(plan: PlanUnderTest, p: Placed) -> Iterator[Violation]:
    """What can be said about one assignment without looking at the others."""
    problem, a = plan.problem, p.assignment
    job, cell = problem.jobs[a.job], problem.cells[a.cell]
    operation = job.operations[a.operation]
    if p.way is None:
        yield Violation.at(problem, "cell", a, f"cell {cell.name!r} cannot run it")
    else:
        worked = sum(end - start for start, end in p.works)
        if worked != p.way.duration_ms:
            yield Violation.at(
                problem,
                "duration",
                a,
                f"works for {worked} ms instead of {p.way.duration_ms} ms on {cell.name!r}",
            )
    first = a.start_ms - p.setup_ms
    if first < problem.earliest_start_ms:
        yield Violation.at(
            problem,
            "earliest_start",
            a,
            f"starts, set up, at {first} ms, before {problem.earliest_start_ms} ms",
        )
    if a.start_ms < job.release_ms:
        yield Violation.at(
            problem,
            "release",
            a,
            f"starts at {a.start_ms} ms, before its release at {job.release_ms} ms",
        )
    for start, end in cell.unavailable:
        closed = f"while {cell.name!r} is closed at {start}..{end} ms"
        if first < a.start_ms and first < end and start < a.start_ms:
            yield Violation.at(
                problem, "calendar", a, f"is set up at {first}..{a.start_ms} ms {closed}"
            )
        if operation.interruptible:
            if start <= a.start_ms < end:
                yield Violation.at(problem, "calendar", a, f"starts at {a.start_ms} ms {closed}")
            if start < a.end_ms <= end:
                yield Violation.at(problem, "calendar", a, f"ends at {a.end_ms} ms {closed}")
        elif a.start_ms < end and start < a.end_ms:
            yield Violation.at(
                problem, "calendar", a, f"runs at {a.start_ms}..{a.end_ms} ms {closed}"
            )


def _precedence(plan: PlanUnderTest) -> Iterator[Violation]:
    problem = plan.problem
    for p in plan.placed:
        a = p.assignment
        for before in plan.before(p):
            b = before.assignment
            name = problem.jobs[b.job].operations[b.operation].name
            if a.start_ms < b.end_ms:
                yield Violation.at(
                    problem,
                    "precedence",
                    a,
                    f"starts at {a.start_ms} ms, before its predecessor {name!r} ends at "
                    f"{b.end_ms} ms",
                )
            elif not p.fact and a.start_ms < b.end_ms + plan.way_ms(b.cell, a.cell):
                yield Violation.at(
                    problem,
                    "transport",
                    a,
                    f"starts at {a.start_ms} ms, but from {problem.cells[b.cell].name!r}, where "
                    f"{name!r} ends at {b.end_ms} ms, the way takes "
                    f"{plan.way_ms(b.cell, a.cell)} ms",
                )


def _cells(plan: PlanUnderTest) -> Iterator[Violation]:
    """One operation at a time, with time for the setup between two."""
    problem = plan.problem
    for members in plan.on_cell.values():
        busiest = members[0]
        for first, second in pairwise(members):
            if first.assignment.end_ms > busiest.assignment.end_ms:
                busiest = first
            a, other = second.assignment, busiest.assignment
            name = problem.cells[a.cell].name
            job = problem.jobs[other.job]
            label = f"job {job.name!r}, operation {job.operations[other.operation].name!r}"
            if a.start_ms < other.end_ms:
                yield Violation.at(
                    problem,
                    "overlap",
                    a,
                    f"starts on {name!r} at {a.start_ms} ms while {label} holds it until "
                    f"{other.end_ms} ms",
                )
            elif a.start_ms - second.setup_ms < other.end_ms:
                yield Violation.at(
                    problem,
                    "setup",
                    a,
                    f"starts on {name!r} at {a.start_ms} ms, but its setup of "
                    f"{second.setup_ms} ms cannot begin before {label} ends at {other.end_ms} ms",
                )
