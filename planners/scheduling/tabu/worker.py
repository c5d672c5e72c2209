"""One searching thread: bursts of compiled steps, and where it begins anew when they stall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planners.scheduling.tabu import kernel, weighted
from planners.scheduling.tabu.arrays import (
    BEST,
    BEST_VALUE,
    CANDIDATES,
    ITERATION,
    MAKESPAN_COST,
    MOST_CANDIDATES,
    MOVED_LIMIT,
    NO_LIMIT,
    NONE,
    SAMPLE,
    TENURE,
    TENURE_MOVED,
    TENURE_STAY,
    Given,
    Int32,
    new_state,
)
from planners.scheduling.tabu.construct import greedy
from planners.scheduling.tabu.elite import Elite, ElitePool
from planners.scheduling.tabu.moves import random_below
from planners.scheduling.tabu.relinking import between
from planners.scheduling.tabu.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the search may be tuned by; the defaults were measured on the public instances.

    Attributes:
        patience: Steps without gain before a restart; 0: 50 per operation, 5,000 to 30,000.
        tenure: Steps for which two operations keep their new order, at least.
        tenure_moved: Steps for which an operation may not return to a cell, at least; None:
            by size.
        tenure_stay: Steps for which an operation may not change its cell again, at least;
            None: by size.
        sample: Critical operations looked at in a step; 0: all; None: learnt (sampling.py).
        candidates: Candidates valued exactly in a step (weighted objective only); 0: by size.
        elite: Plans that are kept for restarts.
        children: Plans tried at a restart, of which the best is searched on.
        trial: Steps of each of these trials.
        nearest: Least share (per cent) of a child's way from one parent to the other.
        spread: How much more that share may be, by lot.
        moved_limit: Most operations that may be on another cell than published, for as long as
            nothing begins anew; None: any number. Makespan only.
    """

    patience: int = 0
    tenure: int = 9
    tenure_moved: int | None = None
    tenure_stay: int | None = None
    sample: int | None = None
    candidates: int = 0
    elite: int = 8
    children: int = 1
    trial: int = 500
    nearest: int = 10
    spread: int = 41
    moved_limit: int | None = None


def _patience(given: Given) -> int:
    n = len(given.alt_ptr) - 1
    return max(5_000, min(30_000, 50 * n))


def _candidates(given: Given) -> int:
    """How many candidates to value exactly: about 10 of 300 operations, 30 of 1,000."""
    n = len(given.alt_ptr) - 1
    return max(5, min(MOST_CANDIDATES, n // 30))


SMALL = 100
"""Below this number of operations, long tenures leave too few moves (36: 937 instead of 934)."""

SHORT_TENURES = (8, 2)
LONG_TENURES = (15, 6)

THRIFTS = (0, 1, 2, 4, 8, 16, 32)
"""Which of them makes the best plan depends on how much the cells differ in speed."""

FIRST_CHANCE = 50
"""Per mille of chance in the priorities from one first plan to the next."""

TRIALS = ((14, 300), (4, 1_500))
"""How many first plans are searched on, and for how many steps each."""


class Worker:
    """One thread's plan, its memory, and its dice."""

    def __init__(
        self, given: Given, topological: Int32, pool: ElitePool, seed: int, tuning: Tuning
    ) -> None:
        n = len(given.alt_ptr) - 1
        self._given = given
        self._topological = topological
        self._pool = pool
        self._tuning = tuning
        self._plain = (
            not given.late_cost.any()
            and given.costs[MAKESPAN_COST] > 0
            and not np.delete(given.costs, MAKESPAN_COST).any()
        )
        self._has_choice = len(given.alt_cell) > n
        self._order = np.zeros(n, dtype=np.int32)
        self._alternatives = np.full(n, NONE, dtype=np.int32)
        self._scratch = np.zeros((5, n), dtype=np.int32)
        self._state = new_state(given, seed)
        self._restarts = 0
        numbers = self._state.numbers
        numbers[TENURE] = tuning.tenure
        numbers[MOVED_LIMIT] = NO_LIMIT if tuning.moved_limit is None else tuning.moved_limit
        moved, stay = SHORT_TENURES if n < SMALL else LONG_TENURES
        numbers[TENURE_MOVED] = moved if tuning.tenure_moved is None else tuning.tenure_moved
        numbers[TENURE_STAY] = stay if tuning.tenure_stay is None else tuning.tenure_stay
        self._sampling = Sampling(n)
        numbers[SAMPLE] = self._sampling.first() if tuning.sample is None else tuning.sample
        numbers[CANDIDATES] = min(tuning.candidates or _candidates(given), MOST_CANDIDATES)

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return int(self._state.numbers[ITERATION])

    @property
    def restarts(self) -> int:
        """Times it began anew."""
        return self._restarts

    @property
    def best(self) -> Elite:
        """The best plan since the last start."""
        state = self._state
        order = np.lexsort((state.best_start, self._given.fixed == 0)).astype(np.int32)
        return Elite(self.best_value, order, state.best_alt.copy())

    @property
    def best_value(self) -> float:
        """Objective of the best plan since the last start, in search units."""
        if self._plain:
            return float(self._state.numbers[BEST] * self._given.costs[MAKESPAN_COST])
        return float(self._state.values[BEST_VALUE])

    def start(self, order: Int32, alternatives: Int32) -> None:
        """Begin from the plan with this order and these alternatives."""
        begin = kernel.start_from if self._plain else weighted.start_from
        begin(self._given, self._state, order, alternatives)

    def start_greedily(self, disturb: int, thrift: int, *, eager: bool) -> None:
        """Begin from a dispatched plan.

        Args:
            disturb: So many per mille of the priorities are chance.
            eager: Let the operation that ends first go first.
            thrift: How much more a duration counts than a wait when a cell is chosen.
        """
        greedy(
            self._given,
            self._state,
            self._topological,
            eager,
            thrift,
            disturb,
            self._scratch,
            self._order,
            self._alternatives,
        )
        self.start(self._order, self._alternatives)

    def search(self, steps: int, target: float) -> bool:
        """Make so many steps; False: it stopped before, out of patience or at the target."""
        patience = self._tuning.patience or _patience(self._given)
        if self._plain:
            end = int(target / self._given.costs[MAKESPAN_COST])
            return kernel.run(self._given, self._state, steps, patience, end) == steps
        return weighted.run(self._given, self._state, steps, patience, target) == steps

    def start_well(
        self, disturb: int, tell: Callable[[], None], out_of_time: Callable[[], bool]
    ) -> None:
        """Begin from the most promising of many dispatched plans, found by successive halving.

        A plan with little work in it may end late at first, yet leave the search more room.
        ``tell`` is called whenever there is a plan, ``out_of_time`` before any more work.
        """
        found: list[Elite] = []
        for number in range(TRIALS[0][0]):
            if found and out_of_time():
                break
            at, eager = divmod(number, 2)
            # Where no operation has a choice of cells, thrift changes nothing, but chance does.
            chance = disturb + (0 if self._has_choice else FIRST_CHANCE * at)
            self.start_greedily(chance, THRIFTS[at], eager=eager == 1)
            tell()
            self.search(TRIALS[0][1], 0.0)
            tell()
            found.append(self.best)
        for kept, steps in TRIALS[1:]:
            found = sorted(found, key=lambda elite: elite.value)[:kept]
            for i, plan in enumerate(found):
                if out_of_time():
                    break
                self.start(plan.order, plan.alternatives)
                self.search(steps, 0.0)
                tell()
                found[i] = self.best
        best = min(found, key=lambda elite: elite.value)
        self.start(best.order, best.alternatives)

    def restart(self) -> None:
        """Offer the best plan to the pool, and begin on the way between two of its plans."""
        self._restarts += 1
        if self._tuning.sample is None:
            numbers = self._state.numbers
            self._sampling.record(int(numbers[SAMPLE]), self.best_value)
            numbers[SAMPLE] = self._sampling.next(
                lambda limit: random_below(self._state.random, limit)
            )
        self._pool.offer(self.best)
        plans = self._pool.plans()
        random = self._state.random
        if len(plans) < 2 or (not self._pool.is_full and random_below(random, 3) == 0):
            eager = random_below(random, 2) == 0
            thrift = THRIFTS[random_below(random, len(THRIFTS))]
            self.start_greedily(200 + random_below(random, 600), thrift, eager=eager)
            return
        i = random_below(random, len(plans))
        j = (i + 1 + random_below(random, len(plans) - 1)) % len(plans)
        found: Elite | None = None
        for _ in range(self._tuning.children):
            self._start_between(
                plans[i], plans[j], self._tuning.nearest + random_below(random, self._tuning.spread)
            )
            if self._tuning.children > 1:
                self.search(self._tuning.trial, 0.0)
                if found is None or self.best_value < found.value:
                    found = self.best
        if found is not None:
            self.start(found.order, found.alternatives)

    def _start_between(self, a: Elite, b: Elite, percent: int) -> None:
        between(
            a.order,
            a.alternatives,
            b.order,
            b.alternatives,
            percent,
            self._state.random,
            self._order,
            self._alternatives,
        )
        self.start(self._order, self._alternatives)
