"""From a disturbed plan to one that holds, at once, and to a good one, in less than 0.1 s.

At once: every operation keeps its cell and its turn and is shifted right, then what is hit is
inserted where it delays least. Then: tabu search on the critical path from there, in which only so
many operations may be on another cell than published; what need not have moved goes home.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from planners.errors import PlannerError
from planners.scheduling.repair.check import broken_rules
from planners.scheduling.repair.reroute import go_home, read_plan, reroute, right_shift
from planners.scheduling.tabu import FREE, GraphPlan, GraphProblem, Tuning, in_turn, plan_from
from planners.scheduling.tabu.arrays import Given, Int32, State, new_state
from planners.scheduling.tabu.elite import ElitePool
from planners.scheduling.tabu.translate import search_unit, to_given
from planners.scheduling.tabu.worker import Worker

FIRST_BURST = 30
BURST_S = 0.003
"""How long compiled code runs before the deadline is looked at, about."""

FINISH_S = 0.002
"""What is kept of the time for sending operations home, decoding and checking."""

SAMPLE = 40
"""Critical operations looked at in a step. With fewer, the limit on moved ones leaves few moves:
after 5,000 steps the makespan was 1.8 % (5), 1.1 % (12), 0.9 % (20) and 0.7 % (40) over plan."""


class RepairRejectedError(PlannerError):
    """A repair breaks a rule, which is a fault of the engine: the old plan holds.

    Attributes:
        rules: What it breaks.
    """

    def __init__(self, rules: list[str]) -> None:
        super().__init__(f"the repaired plan breaks {len(rules)} rules: {'; '.join(rules[:5])}")
        self.rules = tuple(rules)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A repair that was checked, and what a search needs to go on from it.

    Attributes:
        plan: What may be published.
        moved: Operations on another cell than published.
        wall_s: How long it took.
        steps: Steps of the search, of all threads.
    """

    problem: GraphProblem
    plan: GraphPlan
    moved: int
    wall_s: float
    steps: int
    given: Given
    order: Int32
    alternatives: Int32
    homes: Int32


def repair_at_once(
    problem: GraphProblem, hit: npt.NDArray[np.bool_] | None = None, *, most_moved: int = 1 << 30
) -> Repaired:
    """A plan that holds: right-shift, then the best place for what is hit.

    Args:
        problem: What is left to do, with the published plan in it (`HeldPlan`).
        hit: ``(n,)`` operations that may be moved; None: all on cells that opened late.
        most_moved: How many operations may change their cell.

    Raises:
        RepairRejectedError: The verifier refused it.
    """
    begin = time.perf_counter()
    given = to_given(problem, search_unit(problem))
    state = new_state(given, 1)
    fixed = problem.fixed
    published_end = problem.published_start + _published_duration(problem)
    order = in_turn(problem, problem.published_start, published_end).astype(np.int32)
    homes = _homes(given, problem)
    right_shift(given, state, order, homes)
    last_end = int(published_end.max(initial=0))
    if hit is None:
        hit = _displaced(problem)
    asked = np.flatnonzero(hit & ~fixed)
    asked = asked[np.argsort(problem.published_start[asked], kind="stable")]
    unit = search_unit(problem)
    reroute(given, state, asked.astype(np.int32), last_end // unit, most_moved)
    return _finished(problem, given, state, homes, begin, 0)


def search_on(
    repaired: Repaired,
    *,
    search_s: float | None = 0.06,
    steps: int | None = None,
    most_moved: int,
    workers: int = 2,
    seed: int = 0,
) -> Repaired:
    """A better plan for the same disturbance, within so many seconds or steps of each thread.

    No more than `most_moved` operations are on another cell than published, or as many as in the
    repair that it begins from.

    Raises:
        RepairRejectedError: The verifier refused it.
    """
    begin = time.perf_counter()
    given = repaired.given
    limit = max(most_moved, repaired.moved)
    tuning = Tuning(moved_limit=limit, patience=1 << 30, sample=SAMPLE)
    pool = ElitePool(given, 2)
    topological = repaired.problem.order.astype(np.int32)
    crew = [Worker(given, topological, pool, (seed << 8) + i, tuning) for i in range(workers)]

    def work(worker: Worker) -> None:
        worker.start(repaired.order, repaired.alternatives)
        if steps is not None:
            worker.search(steps, 0.0)
            return
        assert search_s is not None
        end = begin + search_s - FINISH_S
        burst = FIRST_BURST
        while (left := end - (at := time.perf_counter())) > 0.0:
            if not worker.search(burst, 0.0):
                return
            spent = max(time.perf_counter() - at, 1e-6)
            burst = max(1, int(burst * min(4.0, min(BURST_S, left - spent) / spent)))

    if workers == 1:
        work(crew[0])
    else:
        with ThreadPoolExecutor(workers - 1) as threads:
            others = [threads.submit(work, worker) for worker in crew[1:]]
            work(crew[0])
            for other in others:
                other.result()
    best = min(crew, key=lambda worker: worker.best_value).best
    state = new_state(given, 1)
    right_shift(given, state, best.order, best.alternatives)
    go_home(given, state, repaired.homes)
    made = sum(worker.steps for worker in crew)
    found = _finished(repaired.problem, given, state, repaired.homes, begin, made)
    better = (found.plan.makespan, found.moved) < (repaired.plan.makespan, repaired.moved)
    return found if better else repaired


def _finished(
    problem: GraphProblem,
    given: Given,
    state: State,
    homes: Int32,
    begin: float,
    steps: int,
) -> Repaired:
    """Read the plan, decode it exactly, check it."""
    n = len(problem.job)
    cell, start, alternatives = (np.zeros(n, dtype=np.int32) for _ in range(3))
    read_plan(state, cell, start, alternatives)
    order = state.order.copy()
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    plan = plan_from(problem, cell, rank)
    rules = broken_rules(problem, plan)
    if rules:
        raise RepairRejectedError(rules)
    return Repaired(
        problem,
        plan,
        plan.moved,
        time.perf_counter() - begin,
        steps,
        given,
        order,
        alternatives,
        homes,
    )


def _homes(given: Given, problem: GraphProblem) -> Int32:
    """Per operation the alternative on its published cell, -1 where there is none any more."""
    n = len(problem.job)
    owner = np.repeat(np.arange(n), np.diff(given.alt_ptr))
    chosen = np.flatnonzero(given.alt_cell == problem.published_cell[owner])
    homes = np.full(n, -1, dtype=np.int32)
    homes[owner[chosen]] = chosen
    return homes


def _published_duration(problem: GraphProblem) -> npt.NDArray[np.int64]:
    n = len(problem.job)
    owner = np.repeat(np.arange(n), np.diff(problem.alt_ptr))
    chosen = problem.alt_cell == problem.published_cell[owner]
    duration = np.zeros(n, dtype=np.int64)
    duration[owner[chosen]] = problem.alt_duration[chosen]
    return duration


def _displaced(problem: GraphProblem) -> npt.NDArray[np.bool_]:
    """Operations on cells that become available only after they were to start work there."""
    free = problem.fixed_cell == FREE
    late = free & (problem.available[problem.published_cell] > problem.published_start)
    cells = np.zeros(len(problem.available), dtype=np.bool_)
    cells[problem.published_cell[late]] = True
    displaced: npt.NDArray[np.bool_] = free & cells[problem.published_cell]
    return displaced
