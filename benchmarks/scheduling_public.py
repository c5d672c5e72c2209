"""One public instance: each engine's makespan, gap, bound and plan, checked against the file."""

from __future__ import annotations

from typing import Any

from scheduling_certificate import complaints
from scheduling_engines import ENGINES, MAKESPAN
from scheduling_files import Entry

from planners.scheduling import SchedulingProblem, verify
from planners.scheduling.problem import Assignment
from planners.scheduling.schedule import Schedule, evaluate


def measure(
    entry: Entry, engines: list[str], seconds: float, workers: int, seed: int
) -> dict[str, Any]:
    """All engines on one instance, one after the other.

    A plan below the listed upper bound, and a bound above the listed lower bound, go to the row:
    the plan as its certificate, which anybody can check against the file.
    """
    problem = entry.problem()
    row: dict[str, Any] = {
        "class": entry.group,
        "operations": sum(len(job.operations) for job in problem.jobs),
        "machines": len(problem.cells),
        "listed": [entry.lower, entry.upper],
        "faults": [],
        "better_than_listed": {},
    }
    for name in engines:
        outcome = ENGINES[name](problem, seconds, workers, seed)
        made = outcome.as_row()
        row[name] = made
        if outcome.makespan is None:
            continue
        if entry.upper:
            made["gap"] = round(outcome.makespan / entry.upper - 1, 6)
        faults = complaints(entry.path, entry.kind, outcome.plan, outcome.makespan)
        faults += _by_verifier(problem, outcome.plan, name)
        row["faults"] += [f"{name}: {fault}" for fault in faults[:5]]
        if entry.upper is not None and outcome.bound > entry.upper:
            row["faults"].append(f"{name}: bound {outcome.bound} above a known makespan")
        if entry.upper is not None and outcome.makespan < entry.upper and not faults:
            row["better_than_listed"][name] = {
                "makespan": outcome.makespan,
                "plan": sorted(outcome.plan),
            }
    return row


def _by_verifier(
    problem: SchedulingProblem, plan: list[tuple[int, int, int, int, int]], engine: str
) -> list[str]:
    assignments = tuple(Assignment(*row) for row in plan)
    objective = evaluate(problem, assignments, MAKESPAN)
    schedule = Schedule(assignments, "feasible", engine, objective)
    return [v.message for v in verify(problem, schedule) if v.kind != "objective"]
