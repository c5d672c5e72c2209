"""The search as a whole: threads with different dice, elite plans, one deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from planners.scheduling.errors import ProblemError
from planners.scheduling.tabu.arrays import Given, Int32
from planners.scheduling.tabu.elite import ElitePool
from planners.scheduling.tabu.graph_plan import GraphPlan, in_turn, plan_from
from planners.scheduling.tabu.graph_problem import GraphProblem
from planners.scheduling.tabu.translate import search_unit, to_given
from planners.scheduling.tabu.worker import Tuning, Worker

BURST_S = 0.005
"""How long compiled code runs before deadline and `should_stop` are looked at, about."""

FIRST_BURST = 20
LARGEST_BURST = 50_000

ROUND = 1_000
"""Steps between two meetings of the threads in deterministic mode."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best plan, the steps of all threads and how often they began anew."""

    plan: GraphPlan
    steps: int
    restarts: int


class _Search:
    """What the threads of one call share."""

    def __init__(
        self,
        problem: GraphProblem,
        seed: int,
        workers: int,
        target: float,
        should_stop: Callable[[], bool],
        on_improvement: Callable[[GraphPlan], None],
        tuning: Tuning,
    ) -> None:
        self.problem = problem
        self.target = target
        self.should_stop = should_stop
        self.on_improvement = on_improvement
        self.given = to_given(problem, search_unit(problem))
        pool = ElitePool(self.given, tuning.elite)
        topological = problem.order.astype(np.int32)
        self.crew = [
            Worker(self.given, topological, pool, (seed << 8) + i, tuning) for i in range(workers)
        ]
        self.best: GraphPlan | None = None
        self.best_value = np.inf
        self.lock = threading.Lock()

    def begin(
        self, number: int, start: GraphPlan | None, out_of_time: Callable[[Worker], bool]
    ) -> None:
        worker = self.crew[number]
        if start is not None and number % 2 == 0:
            worker.start(
                in_turn(self.problem, start.start, start.end).astype(np.int32),
                _alternatives_on(self.given, start),
            )
        else:
            worker.start_well(
                300 * number, lambda: self.publish(worker), lambda: out_of_time(worker)
            )

    def publish(self, worker: Worker) -> None:
        """Tell of a worker's best plan if nobody had a better one."""
        if worker.best_value >= self.best_value:
            return
        found = worker.best
        n = len(found.order)
        rank = np.empty(n, dtype=np.int64)
        rank[found.order] = np.arange(n)
        plan = plan_from(self.problem, self.given.alt_cell[found.alternatives], rank)
        with self.lock:
            self.best_value = min(self.best_value, found.value)
            if self.best is None or plan.value < self.best.value:
                self.best = plan
                self.on_improvement(plan)

    @property
    def is_done(self) -> bool:
        return self.should_stop() or (self.best is not None and self.best.value <= self.target)

    def until(self, deadline: float, number: int, start: GraphPlan | None) -> None:
        """One thread's work, against the clock."""
        worker = self.crew[number]
        self.begin(number, start, lambda _: self.is_done or time.monotonic() >= deadline)
        self.publish(worker)
        burst = FIRST_BURST
        while not self.is_done:
            before = time.monotonic()
            if before >= deadline:
                return
            goes_on = worker.search(burst, self.target)
            self.publish(worker)
            if not goes_on:
                worker.restart()
                self.publish(worker)
                continue
            spent = max(time.monotonic() - before, 1e-6)
            left = max(0.0, deadline - before - spent)
            wanted = burst * min(2.0, min(BURST_S, left) / spent)
            burst = max(1, min(LARGEST_BURST, int(wanted)))

    def rounds(self, iterations: int, start: GraphPlan | None) -> None:
        """All threads' work in rounds, the same for the same seed on any machine."""
        for number, worker in enumerate(self.crew):
            self.begin(number, start, lambda w: self.is_done or w.steps >= iterations)
            self.publish(worker)
        with ThreadPoolExecutor(len(self.crew)) as threads:
            left = iterations - max(worker.steps for worker in self.crew)
            while left > 0 and not self.is_done:
                steps = min(ROUND, left)
                left -= steps
                count, target = len(self.crew), self.target
                going = threads.map(Worker.search, self.crew, [steps] * count, [target] * count)
                for worker, goes_on in zip(self.crew, list(going), strict=True):
                    self.publish(worker)
                    if not goes_on:
                        worker.restart()
                        self.publish(worker)


def _alternatives_on(given: Given, plan: GraphPlan) -> Int32:
    n = len(given.alt_ptr) - 1
    owner = np.repeat(np.arange(n), np.diff(given.alt_ptr))
    chosen = np.flatnonzero(given.alt_cell == plan.cell[owner])
    alternatives = np.full(n, -1, dtype=np.int32)
    alternatives[owner[chosen]] = chosen
    return alternatives


def search(
    problem: GraphProblem,
    start: GraphPlan | None = None,
    *,
    deadline: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    workers: int = 1,
    target: float = 0.0,
    should_stop: Callable[[], bool] = lambda: False,
    on_improvement: Callable[[GraphPlan], None] = lambda _: None,
    tuning: Tuning | None = None,
) -> SearchResult:
    """Search until the deadline, or for a number of steps.

    Args:
        problem: The problem.
        start: A plan to improve on; it need not be as good as a dispatched one. Every second
            thread begins from it.
        deadline: When to stop, by `time.monotonic`. Kept to within some milliseconds.
        iterations: Steps of each thread instead of a deadline; then the result depends on
            nothing but the arguments.
        seed: Of the dice; the n-th thread throws its own.
        workers: Threads; they run in parallel, for the compiled code holds no lock.
        target: Stop as soon as the value is no more than this (a proven bound).
        should_stop: Asked some hundred times per second, by every thread.
        on_improvement: Told of every better plan, by the thread that found it.
        tuning: How to search.

    Raises:
        ProblemError: Neither or both of deadline and iterations are given, or no workers.
    """
    if (deadline is None) == (iterations is None):
        raise ProblemError("a search needs either a deadline or a number of iterations")
    if workers < 1:
        raise ProblemError(f"a search needs at least one worker, not {workers}")
    run = _Search(problem, seed, workers, target, should_stop, on_improvement, tuning or Tuning())
    if iterations is not None:
        run.rounds(iterations, start)
    else:
        assert deadline is not None
        limit = deadline
        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(lambda number: run.until(limit, number, start), range(workers)))
    assert run.best is not None
    return SearchResult(run.best, sum(w.steps for w in run.crew), sum(w.restarts for w in run.crew))
