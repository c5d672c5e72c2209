"""Bounds of the makespan that take some milliseconds more: what each cell must do, and when.

One cell at a time: the preemptive one-machine problem with heads and tails, solved exactly by
Jackson's rule (Carlier, European Journal of Operational Research 11, 1982). All cells at once: the
linear program that divides work among its alternatives (Lawler and Labetoulle, Journal of the ACM
25, 1978), through its dual, in which any prices of the cells give a bound; prices are raised
where load is high (Plotkin, Shmoys and Tardos, Mathematics of Operations Research 20, 1995).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from heapq import heappop, heappush

from planners.scheduling.bounds import Bounds, may_be_left_out, remaining_work
from planners.scheduling.problem import SchedulingProblem

ROUNDS = 300
"""Price changes of the dual; more gain less than a thousandth."""
LARGE = 3_000
"""Operations above which a tenth of the rounds has to do."""
FIRST_STEP = 0.5
ROUNDING = 1e-9


def strengthened(problem: SchedulingProblem, known: Bounds) -> Bounds:
    """The same bounds with the best makespan bound of those above."""
    frozen = {(a.job, a.operation) for a in problem.frozen}
    tasks: list[tuple[tuple[int, int], int, int]] = []
    for j, job in enumerate(problem.jobs):
        left_out = may_be_left_out(problem, j)
        for o, chain in enumerate(remaining_work(problem, j)):
            if (j, o) not in frozen and o not in left_out:
                shortest = min(way.duration_ms for way in job.operations[o].alternatives)
                tasks.append(((j, o), known.earliest_start_ms[j, o], chain - shortest))
    if not tasks:
        return known
    best = max(known.makespan_ms, _one_cell_at_a_time(problem, tasks), _all_cells(problem, tasks))
    return replace(known, makespan_ms=best)


def _one_cell_at_a_time(
    problem: SchedulingProblem, tasks: list[tuple[tuple[int, int], int, int]]
) -> int:
    members: dict[int, list[tuple[int, int, int]]] = {}
    for (j, o), head, tail in tasks:
        ways = problem.jobs[j].operations[o].alternatives
        if len({way.cell for way in ways}) == 1:
            shortest = min(way.duration_ms for way in ways)
            members.setdefault(ways[0].cell, []).append((head, shortest, tail))
    return max((preemptive_makespan(some) for some in members.values()), default=0)


def preemptive_makespan(tasks: Iterable[tuple[int, int, int]]) -> int:
    """Least makespan of (head, duration, tail) on one machine if work may be interrupted."""
    waiting: list[tuple[int, int]] = []
    now = best = 0
    arriving = sorted(tasks)
    for k, (head, duration, tail) in enumerate(arriving):
        now = max(now, head)
        heappush(waiting, (-tail, duration))
        until = arriving[k + 1][0] if k + 1 < len(arriving) else math.inf
        while waiting and now < until:
            negative_tail, left = heappop(waiting)
            if now + left > until:
                heappush(waiting, (negative_tail, int(left - (until - now))))
                now = int(until)
                break
            now += left
            best = max(best, now - negative_tail)
    return best


def _all_cells(problem: SchedulingProblem, tasks: list[tuple[tuple[int, int], int, int]]) -> int:
    import numpy as np

    count = len(problem.cells)
    cells: list[int] = []
    durations: list[int] = []
    first: list[int] = []
    heads, tails = [math.inf] * count, [math.inf] * count
    for (j, o), head, tail in tasks:
        first.append(len(cells))
        for way in problem.jobs[j].operations[o].alternatives:
            cells.append(way.cell)
            durations.append(way.duration_ms)
            heads[way.cell] = min(heads[way.cell], head)
            tails[way.cell] = min(tails[way.cell], tail)
    on, time, pointer = np.array(cells), np.array(durations, dtype=np.float64), np.array(first)
    owner = np.repeat(np.arange(len(first)), np.diff([*first, len(cells)]))
    usable = np.array([head < math.inf for head in heads])
    fixed = np.array([a + b if a < math.inf else 0.0 for a, b in zip(heads, tails, strict=True)])
    price = usable / usable.sum()
    best = 0.0
    rounds = ROUNDS if len(tasks) <= LARGE else ROUNDS // 10
    for k in range(rounds):
        paid = price[on] * time
        cheapest = np.minimum.reduceat(paid, pointer)
        best = max(best, float(cheapest.sum() + price @ fixed))
        chosen = paid <= cheapest[owner] * (1 + ROUNDING)
        share = chosen / np.add.reduceat(chosen.astype(np.float64), pointer)[owner]
        load = np.bincount(on, weights=share * time, minlength=count) + fixed
        slope = load / max(1.0, float(load.max()))
        price = price * np.exp(FIRST_STEP / math.sqrt(k + 1) * (slope - slope[usable].mean()))
        price[~usable] = 0.0
        price /= price.sum()
    return math.ceil(best - ROUNDING * max(1.0, best))
