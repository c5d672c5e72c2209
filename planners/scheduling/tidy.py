"""What may be done to any plan and never harms: shift left, put identical units in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate, in_order


def identical_jobs(problem: SchedulingProblem) -> list[list[int]]:
    """Groups of two or more jobs that differ only in name: nothing frozen, published, optional."""
    touched = {fixed.job for fixed in problem.frozen} | {a.job for a in problem.published}
    alike: dict[object, list[int]] = {}
    for j, job in enumerate(problem.jobs):
        if j not in touched and not job.optional:
            # Told apart at a glance, mostly: whole jobs are many objects to compare.
            glance = tuple(o.alternatives[0].duration_ms for o in job.operations)
            key = (glance, job.release_ms, job.due_ms, job.weight, job.holds)
            alike.setdefault(key, []).append(j)
    groups: dict[object, list[int]] = {}
    for number, some in enumerate(alike.values()):
        for j in some if len(some) > 1 else ():
            operations = problem.jobs[j].operations
            work = tuple((o.alternatives, o.predecessors, o.interruptible) for o in operations)
            groups.setdefault((number, work), []).append(j)
    return [group for group in groups.values() if len(group) > 1]


def units_in_order(
    problem: SchedulingProblem, assignments: Iterable[Assignment]
) -> tuple[Assignment, ...]:
    """The same plan with identical jobs renamed, so that the first of them starts first."""
    identical = identical_jobs(problem)
    if not identical:
        return in_order(assignments)
    by_job: dict[int, list[Assignment]] = {}
    for assignment in assignments:
        by_job.setdefault(assignment.job, []).append(assignment)
    renamed: dict[int, int] = {}
    for group in identical:
        by_start = sorted(group, key=lambda j: (first_start(by_job[j]), j))
        renamed.update(zip(by_start, group, strict=True))
    return in_order(
        replace(a, job=renamed.get(j, j)) for j, members in by_job.items() for a in members
    )


def first_start(assignments: Iterable[Assignment]) -> int:
    """Start of operation 0, by which identical jobs are told apart, in ms."""
    return next(a.start_ms for a in assignments if a.operation == 0)


def tidied(
    problem: SchedulingProblem,
    assignments: Iterable[Assignment],
    weights: ObjectiveWeights,
    engine: str,
) -> Schedule:
    """A complete plan as a schedule: as early as its order allows, identical units in order.

    The plan itself is kept where decoding its order does not make it better.
    """
    from planners.scheduling.compiled.decode import DONE
    from planners.scheduling.decoder import Decoder, genes_of

    plan = in_order(assignments)
    objective = evaluate(problem, plan, weights)
    decoder = Decoder(problem)
    genes = genes_of(problem, plan)
    if decoder.decode(genes) == DONE:
        earlier = decoder.assignments()
        other = evaluate(problem, earlier, weights)
        if other.rank < objective.rank:
            plan = earlier
    plan = units_in_order(problem, plan)
    return Schedule(plan, "feasible", engine, evaluate(problem, plan, weights))
