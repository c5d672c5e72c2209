"""Recomputes what a plan says it is worth, term by term."""

from __future__ import annotations

from collections.abc import Iterator

from planners.scheduling.schedule import Schedule
from planners.scheduling.verify_plan import PlanUnderTest, Violation

VALUE_TOLERANCE = 1e-6
"""Relative; costs and the weighted tardiness are sums of floats."""
W_MS_PER_KWH = 3.6e9
MS_PER_H = 3.6e6


def check_objective(plan: PlanUnderTest, schedule: Schedule) -> Iterator[Violation]:
    """Violations where the stated terms are not those of the plan."""
    stated = schedule.objective
    makespan = max((p.assignment.end_ms for p in plan.placed), default=0)
    moved, resequenced, shifted = _deviation(plan)
    claims = (
        ("a makespan", "ms", stated.makespan_ms, makespan),
        ("a weighted tardiness", "ms", stated.weighted_tardiness, _tardiness(plan)),
        ("setups", "ms", stated.setup_ms, sum(p.setup_ms for p in plan.placed)),
        ("an energy cost", "", stated.energy_cost, _energy(plan)),
        ("a labour cost", "", stated.labour_cost, _labour(plan)),
        ("a cost of work left out", "", stated.left_out_cost, _left_out(plan)),
        ("moved operations", "", stated.moved_operations, moved),
        ("resequenced pairs", "", stated.resequenced_pairs, resequenced),
        ("shifted starts", "ms", stated.shifted_ms, shifted),
    )
    for name, unit, says, found in claims:
        if abs(says - found) > VALUE_TOLERANCE * max(1.0, abs(found)):
            yield Violation(
                "objective",
                None,
                None,
                None,
                None,
                f"states {name} of {says} {unit}".rstrip() + f"; it is {found} {unit}".rstrip(),
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


def _tardiness(plan: PlanUnderTest) -> float:
    ends: dict[int, int] = {}
    for p in plan.placed:
        ends[p.assignment.job] = max(p.assignment.end_ms, ends.get(p.assignment.job, 0))
    return sum(
        job.weight * max(0, ends[j] - job.due_ms)
        for j, job in enumerate(plan.problem.jobs)
        if job.due_ms is not None
    )


def _price_time(plan: PlanUnderTest, start: int, end: int) -> float:
    """Integral of the price over an interval."""
    steps = plan.problem.tariff.steps
    total = 0.0
    for i, (at, price) in enumerate(steps):
        until = steps[i + 1][0] if i + 1 < len(steps) else max(end, at)
        total += price * max(0, min(end, until) - max(start, at))
    return total


def _energy(plan: PlanUnderTest) -> float:
    total = 0.0
    for c, members in plan.on_cell.items():
        cell = plan.problem.cells[c]
        busy = 0.0
        for p in members:
            a = p.assignment
            setup = _price_time(plan, a.start_ms - p.setup_ms, a.start_ms)
            work = sum(_price_time(plan, start, end) for start, end in p.works)
            total += (p.way.power_w if p.way is not None else 0) * work
            total += cell.setup_power_w * setup
            busy += setup + work
        first = min(p.assignment.start_ms - p.setup_ms for p in members)
        last = max(p.assignment.end_ms for p in members)
        total += cell.standby_power_w * (_price_time(plan, first, last) - busy)
    return total / W_MS_PER_KWH


def _labour(plan: PlanUnderTest) -> float:
    skills = plan.problem.skills
    total = 0.0
    for p in plan.placed:
        worked = sum(end - start for start, end in p.works)
        for skill, amount in p.way.crew if p.way is not None else ():
            total += skills[skill].cost_per_h * amount * worked
        for skill, amount in plan.problem.cells[p.assignment.cell].setup_crew:
            total += skills[skill].cost_per_h * amount * p.setup_ms
    return total / MS_PER_H


def _left_out(plan: PlanUnderTest) -> float:
    return sum(
        part.left_out_cost
        for j, job in enumerate(plan.problem.jobs)
        for part in job.optional
        if (j, part.operations[0]) not in plan.by_key
    )


def _deviation(plan: PlanUnderTest) -> tuple[int, int, int]:
    moved = resequenced = shifted = 0
    by_cell: dict[int, list[tuple[int, int, int]]] = {}
    for old in plan.problem.published:
        new = plan.by_key.get((old.job, old.operation))
        by_cell.setdefault(old.cell, []).append((old.start_ms, old.job, old.operation))
        if new is not None:
            moved += new.assignment.cell != old.cell
            shifted += abs(new.assignment.start_ms - old.start_ms)
    for c, members in by_cell.items():
        members.sort()
        for i in range(len(members) - 1):
            first = plan.by_key.get(members[i][1:])
            second = plan.by_key.get(members[i + 1][1:])
            if first is None or second is None:
                continue
            a, b = first.assignment, second.assignment
            resequenced += a.cell == c and b.cell == c and a.start_ms > b.start_ms
    return moved, resequenced, shifted
