"""The search as a whole: threads, elite plans, restarts between them, one deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planners.scheduling.tabu import kernel
from planners.scheduling.tabu.arrays import (
    BEST,
    ITERATION,
    NONE,
    SAMPLE,
    TENURE,
    Given,
    Int32,
    State,
    new_state,
)
from planners.scheduling.tabu.construct import greedy
from planners.scheduling.tabu.graph_plan import GraphPlan, plan_from
from planners.scheduling.tabu.graph_problem import GraphProblem
from planners.scheduling.tabu.moves import random_below
from planners.scheduling.tabu.relinking import between, distance
from planners.scheduling.tabu.translate import search_unit, to_given

PATIENCE = 30_000
"""Steps without gain before a restart; 12,500 (Peng, Lu and Cheng 2015) was worse in 20 s."""

ELITE = 8
BURST_S = 0.01


@dataclass(frozen=True, slots=True)
class _Elite:
    value: float
    order: Int32
    alternatives: Int32


class _Pool:
    """The best plans that differ from each other, shared by all threads."""

    def __init__(self, given: Given, size: int) -> None:
        self.given = given
        self.size = size
        self.plans: list[_Elite] = []
        self.lock = threading.Lock()
        self.place = np.zeros(len(given.alt_ptr) - 1, dtype=np.int32)
        self.last = np.zeros(len(given.available), dtype=np.int32)

    def offer(self, plan: _Elite) -> None:
        with self.lock:
            cells = self.given.alt_cell
            near = max(1, len(plan.order) // 50)
            for i, other in enumerate(self.plans):
                apart = distance(
                    plan.order,
                    cells[plan.alternatives],
                    other.order,
                    cells[other.alternatives],
                    self.place,
                    self.last,
                )
                if apart < near:
                    if plan.value < other.value:
                        self.plans[i] = plan
                    return
            self.plans.append(plan)
            self.plans.sort(key=lambda elite: elite.value)
            del self.plans[self.size :]


class _Worker:
    """One searching thread."""

    def __init__(self, given: Given, pool: _Pool, seed: int, tenure: int, topological: Int32
    ) -> None:
        self.given = given
        self.pool = pool
        self.state = new_state(given, seed)
        self.state.numbers[TENURE] = tenure
        self.best = np.inf
        n = len(given.alt_ptr) - 1
        self.order = np.zeros(n, dtype=np.int32)
        self.alternatives = np.full(n, NONE, dtype=np.int32)
        self.scratch = np.zeros((5, n), dtype=np.int32)
        self.topological = topological
        self.restarts = 0

    def start(self, order: Int32, alternatives: Int32) -> None:
        kernel.start_from(self.given, self.state, order, alternatives)

    def start_greedily(self, disturb: int) -> None:
        """Begin from a dispatched plan; ``disturb`` in per mille."""
        greedy(
            self.given,
            self.state,
            self.topological,
            disturb,
            self.scratch,
            self.order,
            self.alternatives,
        )
        self.start(self.order, self.alternatives)

    def elite(self) -> _Elite:
        state = self.state
        order = np.lexsort((state.best_start, self.given.fixed == 0)).astype(np.int32)
        return _Elite(float(state.numbers[BEST]), order, state.best_alt.copy())

    def restart(self) -> None:
        """Offer what was found, and begin between two elite plans."""
        self.restarts += 1
        self.pool.offer(self.elite())
        with self.pool.lock:
            plans = list(self.pool.plans)
        random = self.state.random
        if len(plans) < self.pool.size and random_below(random, 3) == 0 or len(plans) < 2:
            self.start_greedily(200 + random_below(random, 600))
            return
        i = random_below(random, len(plans))
        j = (i + 1 + random_below(random, len(plans) - 1)) % len(plans)
        a, b = plans[i], plans[j]
        between(
            a.order,
            a.alternatives,
            b.order,
            b.alternatives,
            30 + random_below(random, 41),
            random,
            self.order,
            self.alternatives,
        )
        self.start(self.order, self.alternatives)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best plan and what it took."""

    plan: GraphPlan
    steps: int
    restarts: int


def search(
    problem: GraphProblem,
    start: GraphPlan | None = None,
    *,
    deadline: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    workers: int = 1,
    target: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    on_improvement: Callable[[GraphPlan], None] = lambda _: None,
    options: dict[str, int] | None = None,
) -> SearchResult:
    options = options or {}
    unit = search_unit(problem)
    given = to_given(problem, unit)
    pool = _Pool(given, options.get("elite", ELITE))
    patience = options.get("patience", PATIENCE)
    tenure = options.get("tenure", 12)
    samples = options.get("samples", 5)
    crew = [_Worker(given, pool, seed * 1000 + i, tenure, problem.order.astype(np.int32)) for i in range(workers)]
    lock = threading.Lock()
    best: list[GraphPlan] = []

    def publish(worker: _Worker) -> None:
        value = worker.state.numbers[BEST]
        if value >= worker.best:
            return
        worker.best = value
        with lock:
            plan = plan_from(
                problem, given.alt_cell[worker.state.best_alt], worker.state.best_start
            )
            if not best or plan.value < best[0].value:
                best[:] = [plan]
                on_improvement(plan)

    def work(i: int) -> None:
        worker = crew[i]
        worker.state.numbers[8] = options.get("moved", 12)
        worker.state.numbers[9] = options.get("stay", 0)
        worker.state.numbers[SAMPLE] = options.get("sample%d" % i, 0)
        worker.start_greedily(300 * i)
        publish(worker)
        burst = 200
        while not should_stop() and best[0].makespan > target:
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                break
            if iterations is not None:
                left = iterations - int(worker.state.numbers[ITERATION])
                if left <= 0:
                    break
                burst = min(5_000, left)
            made = kernel.run(given, worker.state, burst, patience, 0)
            publish(worker)
            if made < burst:
                worker.restart()
                publish(worker)
            else:
                spent = time.monotonic() - now
                burst = max(10, min(100_000, int(burst * min(2.0, BURST_S / max(spent, 1e-6)))))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, workers)]
    for thread in threads:
        thread.start()
    work(0)
    for thread in threads:
        thread.join()
    return SearchResult(
        best[0],
        sum(int(w.state.numbers[ITERATION]) for w in crew),
        sum(w.restarts for w in crew),
    )
