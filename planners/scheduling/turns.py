"""Order search and CP-SAT's windows in turns: who gains more in a second gets more of the next.

Order search cools down once over most of the time. Then windows, which move many operations at
once, and short searches from the best plan, which heat up again, get their turns in proportion to
what both gained before; windows that gain nothing get nothing.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planners.scheduling.bounds import Bounds
from planners.scheduling.order_search import OrderSearch, SearchLimits
from planners.scheduling.schedule import Schedule

if TYPE_CHECKING:
    from planners.scheduling.cpsat import WindowSearch
    from planners.scheduling.local_search import Task

TURN = 0.25
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


def go_on_in_turns(task: Task, known: Bounds, plan: Schedule) -> Schedule:
    """The plan after windows and short searches in turns until the deadline; never a worse one."""
    from planners.scheduling.cpsat import WindowSearch

    searches = [
        WindowSearch(task.problem, known, task.weights, DICE * task.seed + k)
        for k in range(max(1, task.workers))
    ]
    shares = Shares()
    turn = 0
    turn_s = max(LEAST_TURN_S, TURN * (task.deadline - time.monotonic()))
    while not task.should_stop() and plan.objective.value > task.floor:
        begin = time.monotonic()
        if begin >= task.deadline:
            break
        before = plan.objective.value
        plan = _windows(task, searches, plan, min(task.deadline, begin + shares.windows * turn_s))
        between, middle = plan.objective.value, time.monotonic()
        # Without windows there is one search more, which cools down over all that is left.
        until = min(task.deadline, begin + turn_s) if shares.windows else task.deadline
        if middle < until:
            turn += 1
            plan = _orders(task, plan, until, task.seed + DICE * turn)
        end = time.monotonic()
        shares.note(before - between, middle - begin, between - plan.objective.value, end - middle)
    return plan


def _orders(task: Task, plan: Schedule, until: float, seed: int) -> Schedule:
    search = OrderSearch(task.problem, plan, task.weights, seed=seed, workers=task.workers)
    limits = SearchLimits(until, None, task.floor, task.should_stop)
    return search.run(limits, task.on_improvement)


def _windows(task: Task, searches: list[WindowSearch], plan: Schedule, until: float) -> Schedule:
    """Rounds of one window per thread from the best plan; the best of a round is the next."""
    with ThreadPoolExecutor(len(searches), thread_name_prefix="windows") as pool:
        took = 0.0
        while not task.should_stop() and (left := until - time.monotonic()) > took:
            found = [pool.submit(s.once, plan, left, task.should_stop) for s in searches]
            best = min((one.result() for one in found), key=lambda one: one.objective.rank)
            if best.objective.rank < plan.objective.rank:
                plan = best
                task.on_improvement(plan)
            took = max(took, left - (until - time.monotonic()))
    return plan
