"""Checks what cells share: buffers, resources, people, power.

Every moment at which something begins or ends is looked at. People are checked by assigning them
one by one (augmenting paths), not by counting. What only frozen operations exceed is a fact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from planners.scheduling.problem import Resource
from planners.scheduling.verify_plan import Placed, PlanUnderTest, Violation, ViolationKind


@dataclass(frozen=True, slots=True)
class Use:
    """So much of something from start to end (ms), because of one operation."""

    start: int
    end: int
    amount: int
    by: Placed


def check_shared(plan: PlanUnderTest) -> Iterator[Violation]:
    """Violations of everything that is shared between cells."""
    yield from _buffers(plan)
    yield from _resources(plan)
    yield from _crew(plan)
    yield from _peak(plan)


def _exceeded(
    uses: list[Use], limit: Callable[[int], int], changes: set[int]
) -> Iterator[tuple[int, int, Use]]:
    """(time, amount in use, one that is not a fact) wherever the use is above the limit."""
    uses = [use for use in uses if use.start < use.end]
    times = sorted({t for use in uses for t in (use.start, use.end)} | changes)
    begin: dict[int, list[Use]] = {}
    for use in uses:
        begin.setdefault(use.start, []).append(use)
    running: list[Use] = []
    for t in times:
        running = [use for use in running if use.end > t] + begin.get(t, [])
        total = sum(use.amount for use in running)
        if running and total > limit(t):
            culprit = next((use for use in reversed(running) if not use.by.fact), None)
            if culprit is not None:
                yield t, total, culprit


def _report(
    plan: PlanUnderTest,
    kind: ViolationKind,
    what: str,
    uses: list[Use],
    limit: Callable[[int], int],
    changes: set[int],
) -> Iterator[Violation]:
    for t, total, use in _exceeded(uses, limit, changes):
        message = f"{what} at {t} ms: {total} wanted, {limit(t)} there"
        yield Violation.at(plan.problem, kind, use.by.assignment, message, t)


def _always(amount: int) -> Callable[[int], int]:
    return lambda _at_ms: amount


def _present(resource: Resource) -> Callable[[int], int]:
    """How many units of a resource are there at a time."""
    return lambda at_ms: (
        0 if any(start <= at_ms < end for start, end in resource.unavailable) else resource.capacity
    )


def _buffers(plan: PlanUnderTest) -> Iterator[Violation]:
    """A part stays on its cell as long as nobody needs it, then in the buffer until fetched."""
    problem = plan.problem
    fetched: dict[tuple[int, int], int] = {}
    for p in plan.placed:
        for before in plan.before(p):
            a, b = p.assignment, before.assignment
            if a.cell != b.cell:
                key = (b.job, b.operation)
                leaves = a.start_ms - plan.way_ms(b.cell, a.cell)
                fetched[key] = max(fetched.get(key, b.end_ms), leaves)
    waiting: dict[int, list[Use]] = {b: [] for b in range(len(problem.buffers))}
    for c, members in plan.on_cell.items():
        buffer = problem.cells[c].output_buffer
        if buffer is None:
            continue
        for p, following in pairwise(members):
            a = p.assignment
            leaves = fetched.get((a.job, a.operation), a.end_ms)
            stays = max(a.end_ms, following.assignment.start_ms - following.setup_ms)
            if stays < leaves:
                by = p if following.fact else following
                waiting[buffer].append(Use(stays, leaves, 1, by))
    for k, uses in waiting.items():
        places = problem.buffers[k].places
        kind: ViolationKind = "buffer" if places else "blocking"
        what = f"needs a place in buffer {problem.buffers[k].name!r}"
        yield from _report(plan, kind, what, uses, _always(places), set())


def _resources(plan: PlanUnderTest) -> Iterator[Violation]:
    problem = plan.problem
    uses: list[list[Use]] = [[] for _ in problem.resources]
    spans: dict[int, list[Placed]] = {}
    for p in plan.placed:
        a = p.assignment
        for r, amount in p.way.needs if p.way is not None else ():
            uses[r].append(Use(a.start_ms, a.end_ms, amount, p))
        for r, amount in problem.cells[a.cell].setup_needs:
            uses[r].append(Use(a.start_ms - p.setup_ms, a.start_ms, amount, p))
        if problem.jobs[a.job].holds:
            spans.setdefault(a.job, []).append(p)
    for j, members in spans.items():
        start = min(p.assignment.start_ms for p in members)
        end = max(p.assignment.end_ms for p in members)
        by = next((p for p in members if not p.fact), members[0])
        for r, amount in problem.jobs[j].holds:
            uses[r].append(Use(start, end, amount, by))
    for r, resource in enumerate(problem.resources):
        changes = {t for interval in resource.unavailable for t in interval}
        what = f"needs resource {resource.name!r}"
        yield from _report(plan, "resource", what, uses[r], _present(resource), changes)


def _crew(plan: PlanUnderTest) -> Iterator[Violation]:
    problem = plan.problem
    demands: list[tuple[int, int, int, int, Placed]] = []
    for p in plan.placed:
        a = p.assignment
        for skill, amount in p.way.crew if p.way is not None else ():
            demands += [(start, end, skill, amount, p) for start, end in p.works]
        if p.setup_ms:
            for skill, amount in problem.cells[a.cell].setup_crew:
                demands.append((a.start_ms - p.setup_ms, a.start_ms, skill, amount, p))
    if not demands:
        return
    times = {t for start, end, *_ in demands for t in (start, end)}
    times |= {t for operator in problem.operators for i in operator.unavailable for t in i}
    demands.sort(key=lambda d: d[0])
    waiting = 0
    running: list[tuple[int, int, int, int, Placed]] = []
    for t in sorted(times):
        running = [d for d in running if d[1] > t]
        while waiting < len(demands) and demands[waiting][0] <= t:
            if demands[waiting][1] > t:
                running.append(demands[waiting])
            waiting += 1
        # Facts first: whom they have to do without, nobody else is to blame for.
        served = sorted(running, key=lambda d: not d[4].fact)
        wanted = [(skill, p) for _, _, skill, amount, p in served for _ in range(amount)]
        unmet = _first_unmet(plan, wanted, t)
        if unmet is not None:
            skill, culprit = unmet
            yield Violation.at(
                problem,
                "crew",
                culprit.assignment,
                f"nobody is left at {t} ms for skill {problem.skills[skill].name!r}: the work of "
                f"that moment wants {len(wanted)} people",
                t,
            )


def _first_unmet(
    plan: PlanUnderTest, wanted: list[tuple[int, Placed]], t: int
) -> tuple[int, Placed] | None:
    """A demand that is no fact, and for which nobody is left when all are put to the best use."""
    present = [
        operator
        for operator in plan.problem.operators
        if not any(start <= t < end for start, end in operator.unavailable)
    ]
    does: list[int | None] = [None] * len(present)

    def assign(demand: int, asked: set[int]) -> bool:
        for i, operator in enumerate(present):
            if i not in asked and wanted[demand][0] in operator.skills:
                asked.add(i)
                other = does[i]
                if other is None or assign(other, asked):
                    does[i] = demand
                    return True
        return False

    # What has been served stays served; a later demand may only change by whom.
    missed = [wanted[d] for d in range(len(wanted)) if not assign(d, set())]
    return next(((skill, p) for skill, p in missed if not p.fact), None)


def _peak(plan: PlanUnderTest) -> Iterator[Violation]:
    problem = plan.problem
    limit = problem.peak_power_w
    if limit is None:
        return
    uses: list[Use] = []
    for p in plan.placed:
        a = p.assignment
        power = p.way.power_w if p.way is not None else 0
        uses += [Use(start, end, power, p) for start, end in p.works]
        setup_power = problem.cells[a.cell].setup_power_w
        uses.append(Use(a.start_ms - p.setup_ms, a.start_ms, setup_power, p))
    uses = [use for use in uses if use.amount]
    yield from _report(plan, "peak", "power (W)", uses, _always(limit), set())
