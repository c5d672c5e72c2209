"""The verifier of repairs in arrays: every constraint of a graph problem, in half a millisecond.

`verify` walks through objects and takes 20 ms for 1,000 operations, longer than a repair may. This
one asks the same of the arrays that a running plan is held in. It shares nothing with the engines
but those arrays; the tests hold it against `verify`.
"""

from __future__ import annotations

import numpy as np

from planners.scheduling.tabu import FREE, GraphPlan, GraphProblem


def broken_rules(problem: GraphProblem, plan: GraphPlan) -> list[str]:
    """What a plan breaks, in words; empty if nothing."""
    n = len(problem.job)
    cell, start, end = plan.cell, plan.start, plan.end
    if not (len(cell) == len(start) == len(end) == n):
        return [f"the plan has {len(cell)} operations instead of {n}"]
    broken: list[str] = []

    def report(bad: np.typing.NDArray[np.bool_], text: str) -> None:
        found = np.flatnonzero(bad)
        if len(found):
            broken.append(f"{len(found)} operations {text}, operation {found[0]} first")

    fixed = np.zeros(n, dtype=np.bool_)
    if len(problem.fixed_cell):
        fixed = problem.fixed_cell != FREE
        report(
            fixed
            & (
                (cell != problem.fixed_cell)
                | (start != problem.fixed_start)
                | (end != problem.fixed_start + problem.fixed_duration)
            ),
            "are fixed and were moved",
        )
    owner = np.repeat(np.arange(n), np.diff(problem.alt_ptr))
    matches = (problem.alt_cell == cell[owner]) & (
        problem.alt_duration == end[owner] - start[owner]
    )
    possible = np.zeros(n, dtype=np.bool_)
    possible[owner[matches]] = True
    report(~fixed & ~possible, "run on a cell, or for a time, that is none of their alternatives")
    report(~fixed & (start < problem.release), "start before their release")
    report(~fixed & (start < problem.available[cell]), "start before their cell is available")
    successor = np.repeat(np.arange(n), np.diff(problem.pred_ptr))
    ready = end[problem.pred] + problem.pred_lag
    if problem.transport.size:
        ready = ready + problem.transport[cell[problem.pred], cell[successor]]
    early = np.zeros(n, dtype=np.bool_)
    early[successor[start[successor] < ready]] = True
    report(early & ~fixed, "start before what precedes them has ended")
    order = np.lexsort((end, start, cell))
    first, second = order[:-1], order[1:]
    same = cell[first] == cell[second]
    gap = np.zeros(len(first), dtype=np.int64)
    leading = np.ones(n, dtype=np.bool_)
    leading[1:] = ~same
    if problem.setup.size:
        rows = problem.setup_row[cell[second]]
        gap = problem.setup[rows, problem.family[first], problem.family[second]]
        if problem.first_setup.size:
            lead = order[leading]
            lead = lead[~fixed[lead]]
            needed = (
                problem.available[cell[lead]]
                + problem.first_setup[cell[lead], problem.family[lead]]
            )
            late = np.zeros(n, dtype=np.bool_)
            late[lead[start[lead] < needed]] = True
            report(late, "start before their cell's first setup has ended")
    clash = np.zeros(n, dtype=np.bool_)
    both = fixed[first] & fixed[second]
    clash[second[same & ~both & (start[second] < end[first] + gap)]] = True
    report(clash, "overlap with, or have no time to set up after, what their cell does before")
    clash = np.zeros(n, dtype=np.bool_)
    clash[second[same & both & (start[second] < end[first])]] = True
    report(clash, "are fixed and overlap")
    if int(end.max(initial=0)) != plan.makespan:
        broken.append(f"the makespan is {int(end.max(initial=0))}, not {plan.makespan}")
    return broken
