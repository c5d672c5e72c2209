"""Order search and CP-SAT's windows in turns: who gains more in a second gets more of the next.

Order search cools down once over most of the time. After that it seldom finds anything more, and
windows, which move many operations at once, get their turns beside short searches from the best
plan: in proportion to what both gained before, down to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planners.scheduling.bounds import bounds
from planners.scheduling.order_search import OrderSearch, SearchLimits
from planners.scheduling.schedule import Schedule

if TYPE_CHECKING:
    from planners.scheduling.cpsat import WindowSearch
    from planners.scheduling.local_search import Task

FIRST_SHARE = 0.75
"""Share of the time in which order search cools down, before windows are tried."""
TURN = 0.05
"""Share of the time that one turn of both takes."""
LEAST_TURN_S = 0.2
MOST_FRUITLESS = 3
"""Turns without gain after which windows get no more."""
DICE = 100
"""From the seed of one call to that of the next: more than there are threads."""


@dataclass(slots=True)
class Shares:
    """What windows get of a turn, from what both gave in those before."""

    windows: float = 0.5
    fruitless: int = 0

    def note(self, window_gain: float, windows_s: float, gain: float, searched_s: float) -> None:
        """What a turn gave: gains of the value, and the seconds they took."""
        self.fruitless = 0 if window_gain > 0 else self.fruitless + 1
        if self.fruitless >= MOST_FRUITLESS:
            self.windows = 0.0
        elif window_gain > 0 or gain > 0:
            per_s = window_gain / max(windows_s, 1e-3), gain / max(searched_s, 1e-3)
            self.windows = 0.5 * (self.windows + per_s[0] / (per_s[0] + per_s[1]))


def search_in_turns(task: Task, incumbent: Schedule) -> Schedule:
    """The plan after order search and windows until the deadline; never a worse one."""
    begin = time.monotonic()
    whole = task.deadline - begin
    plan = _orders(task, incumbent, begin + FIRST_SHARE * whole, task.seed)
    searches: list[WindowSearch] = []
    shares = Shares()
    turn_s = max(LEAST_TURN_S, TURN * whole)
    turn = 0
    while not task.should_stop() and plan.objective.value > task.floor:
        now = time.monotonic()
        if now >= task.deadline:
            break
        if not searches:
            from planners.scheduling.cpsat import WindowSearch

            known = bounds(task.problem)
            searches = [
                WindowSearch(task.problem, known, task.weights, DICE * task.seed + k)
                for k in range(max(1, task.workers))
            ]
        until = min(task.deadline, now + shares.windows * turn_s)
        before = plan.objective.value
        plan = _windows(task, searches, plan, until)
        between, middle = plan.objective.value, time.monotonic()
        turn += 1
        # Without windows there is one search more, which cools down over all that is left.
        left = now + turn_s if shares.windows else task.deadline
        if middle < min(task.deadline, left):
            plan = _orders(task, plan, min(task.deadline, left), task.seed + DICE * turn)
        end = time.monotonic()
        shares.note(before - between, middle - now, between - plan.objective.value, end - middle)
    return plan


def _orders(task: Task, plan: Schedule, until: float, seed: int) -> Schedule:
    search = OrderSearch(task.problem, plan, task.weights, seed=seed, workers=task.workers)
    limits = SearchLimits(until, None, task.floor, task.should_stop)
    return search.run(limits, task.on_improvement)


def _windows(task: Task, searches: list[WindowSearch], plan: Schedule, until: float) -> Schedule:
    """Rounds of one window per thread from the best plan; the best of a round is the next."""
    with ThreadPoolExecutor(len(searches), thread_name_prefix="windows") as pool:
        while not task.should_stop() and (left := until - time.monotonic()) > 0:
            once: list[Callable[[Schedule, float], Schedule]] = [s.once for s in searches]
            found = list(pool.map(lambda one, plan=plan, left=left: one(plan, left), once))
            best = min(found, key=lambda one: one.objective.rank)
            if best.objective.rank < plan.objective.rank:
                plan = best
                task.on_improvement(plan)
    return plan
