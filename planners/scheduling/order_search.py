"""Local search over orders and cells for problems whose cells are coupled; compiled, in threads.

Each trial changes the order of operations, a cell, optional work or a waiting time a little, is
decoded to a plan that keeps every constraint (`decoder`), and is accepted as in simulated
annealing. Each thread has its own seed; from time to time all go on from the best plan of all.
With a number of trials instead of a deadline, the result depends on nothing but problem and seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from planners.scheduling.arrays import Floats, SchedulingArrays, arrays_of
from planners.scheduling.compiled import search as kernel
from planners.scheduling.compiled.decode import DONE, NO_MEMORY, decode
from planners.scheduling.compiled.state import State, new_state
from planners.scheduling.decoder import Genes, genes_of, plan_of, weight_array
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate

WARM_UP_TRIALS = 60
"""Trials, all of them accepted when better, that tell how much a change usually costs."""
HOT, COLD = 0.1, 0.001
"""First and last temperature in units of the usual (geometric mean) cost of a change."""
ROUND_S = 0.05
ROUNDS = 100
"""Rounds of a search with a number of trials."""
EXCHANGES = 4
"""How often the threads go on from the best plan of all."""
PLACEMENTS_PER_S = 500_000
"""Operations that one thread of an idle machine places in a second, roughly."""


def usual_trials(operations: int, seconds: float) -> int:
    """Trials per thread for so many seconds of an idle machine, roughly."""
    return max(ROUNDS, round(seconds * PLACEMENTS_PER_S / max(1, operations)))


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """When a search ends: at the deadline (`time.monotonic`), or after trials per thread."""

    deadline: float
    trials: int | None = None
    floor: float = -math.inf
    should_stop: Callable[[], bool] = lambda: False


class _Thread:
    """One annealing: its genomes, its work space, its random numbers."""

    def __init__(
        self, problem: SchedulingProblem, genes: Genes, weights: ObjectiveWeights, seed: int
    ) -> None:
        arrays = arrays_of(problem)
        self.arrays: SchedulingArrays = arrays
        self.weights: Floats = weight_array(weights)
        self.state: State = new_state(arrays.problem)
        self.spare = 1
        memory = kernel.new_memory(arrays.problem, seed)
        memory = memory._replace(
            open_groups=np.flatnonzero(arrays.group_decided < 0).astype(np.int64)
        )
        held = any(job.holds for job in problem.jobs)
        limited = any(cell.output_buffer is not None for cell in problem.cells)
        memory.options[kernel.BY_START] = not (held or limited)
        prices = len({price for _, price in problem.tariff.steps})
        memory.options[kernel.MAY_WAIT] = (prices > 1 and weights.energy > 0) or (
            bool(problem.published) and weights.shifted > 0
        )
        memory.options[kernel.LEFT_SHIFT] = weights.left_shift
        self.memory = memory
        self.followers = np.zeros(len(arrays.job), dtype=np.int64)
        self.adopt(genes)

    def adopt(self, genes: Genes) -> None:
        """Go on from other genes; ``feasible`` tells whether they have a plan."""
        m = self.memory
        m.order[0], m.choice[0] = genes.order, genes.choice
        m.not_before[0], m.groups[0] = genes.not_before, genes.groups
        while True:
            result = kernel.begin(
                self.arrays.problem,
                self.arrays.cost,
                self.state,
                m,
                self.weights,
                self.followers,
            )
            if result != NO_MEMORY:
                break
            self._enlarge()
        self.feasible = result == DONE

    def _enlarge(self) -> None:
        self.spare *= 4
        self.state = new_state(self.arrays.problem, self.spare)

    def run(self, trials: int, temperature: float, floor: float) -> None:
        """So many trials."""
        while True:
            result = kernel.anneal(
                self.arrays.problem,
                self.arrays.cost,
                self.state,
                self.memory,
                self.weights,
                self.followers,
                trials,
                temperature,
                floor,
            )
            if result != NO_MEMORY:
                return
            self._enlarge()

    @property
    def rank(self) -> tuple[float, float]:
        """Value and sum of starts of the best plan."""
        numbers = self.memory.numbers
        return float(numbers[kernel.BEST]), float(numbers[kernel.BEST_STARTS])

    @property
    def usual_delta(self) -> float:
        """Geometric mean of what the changes cost that made a plan worse."""
        numbers = self.memory.numbers
        if numbers[kernel.DELTA_COUNT] == 0:
            return 1.0
        return math.exp(numbers[kernel.DELTAS] / numbers[kernel.DELTA_COUNT])

    def best(self) -> Genes:
        """Genes of the best plan."""
        m = self.memory
        return Genes(
            m.order[2].copy(), m.choice[2].copy(), m.not_before[2].copy(), m.groups[2].copy()
        )


class OrderSearch:
    """A search on one problem from one plan; `run` may be called again to go on."""

    def __init__(
        self,
        problem: SchedulingProblem,
        incumbent: Schedule,
        weights: ObjectiveWeights,
        *,
        seed: int = 0,
        workers: int = 2,
        genes: Genes | None = None,
    ) -> None:
        self.problem, self.weights = problem, weights
        self.incumbent = incumbent
        start = genes if genes is not None else genes_of(problem, incumbent.assignments)
        self.threads = [
            _Thread(problem, start.copy(), weights, 1000 * seed + k) for k in range(max(1, workers))
        ]

    def run(
        self,
        limits: SearchLimits,
        on_improvement: Callable[[Schedule], None] = lambda _schedule: None,
    ) -> Schedule:
        """Search until a limit; the incumbent, or a better plan."""
        threads = [thread for thread in self.threads if thread.feasible]
        if not threads or not len(threads[0].memory.free):
            return self.incumbent
        begin = time.monotonic()
        per_round = 20 if limits.trials is None else max(1, limits.trials // ROUNDS)
        done = exchanges = 0
        with ThreadPoolExecutor(len(threads), thread_name_prefix="order search") as pool:

            def round_of(trials: int, temperature: float) -> None:
                for future in [
                    pool.submit(thread.run, trials, temperature, limits.floor) for thread in threads
                ]:
                    future.result()

            round_of(WARM_UP_TRIALS, 0.0)
            usual = float(np.mean([thread.usual_delta for thread in threads]))
            while not limits.should_stop():
                now = time.monotonic()
                share = (now - begin) / max(1e-9, limits.deadline - begin)
                if limits.trials is not None:
                    share = max(done / limits.trials, float(share >= 1))
                if share >= 1:
                    break
                round_of(per_round, usual * HOT * (COLD / HOT) ** share)
                done += per_round
                if limits.trials is None:
                    took = max(1e-4, time.monotonic() - now)
                    per_round = max(1, min(round(per_round * ROUND_S / took), 4 * per_round))
                self._keep(threads, on_improvement)
                if self.incumbent.objective.value <= limits.floor:
                    break
                if share * (EXCHANGES + 1) > exchanges + 1:
                    exchanges += 1
                    best = min(threads, key=lambda thread: thread.rank)
                    genes = best.best()
                    for thread in threads:
                        if thread is not best:
                            thread.adopt(genes)
        return self.incumbent

    def _keep(self, threads: list[_Thread], on_improvement: Callable[[Schedule], None]) -> None:
        best = min(threads, key=lambda thread: thread.rank)
        value, starts = best.rank
        count = max(1, len(self.incumbent.assignments))
        known = self.incumbent.objective
        if value > known.value or (
            value >= known.value * (1 - 1e-12)
            and starts >= known.mean_start_ms * count * (1 - 1e-12)
        ):
            return
        genes = best.best()
        state = new_state(arrays_of(self.problem).problem, best.spare)
        result = decode(
            arrays_of(self.problem).problem,
            state,
            genes.order,
            genes.choice,
            genes.not_before,
            genes.groups,
        )
        if result != DONE:  # the normalised order has another plan; rare, and no loss
            return
        plan = plan_of(arrays_of(self.problem), state)
        objective = evaluate(self.problem, plan, self.weights)
        if objective.rank < known.rank:
            self.incumbent = Schedule(plan, "feasible", "order-search", objective)
            on_improvement(self.incumbent)
