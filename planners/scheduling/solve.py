"""The one way from a problem to a plan: dispatch rules, then search, then CP-SAT while it pays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from planners.scheduling import cold_start
from planners.scheduling.bounds import bounds, contradicts_itself
from planners.scheduling.errors import NoPlanFoundError
from planners.scheduling.first_plan import first_plan
from planners.scheduling.portfolio import Call, Portfolio
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import Objective, ObjectiveWeights, Schedule

RULES_SHARE = 0.15
"""Share of the time limit after which no further dispatch rule is tried."""
MARGIN_S = 0.1
"""CP-SAT may take as long to stop once it is told to."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A better plan was found. Told from the searching thread: return quickly."""

    elapsed_s: float
    engine: str
    objective: Objective
    lower_bound: float


class _News:
    """Tells of what is better than all that was told: threads begin from worse plans, too."""

    def __init__(self, begin: float, listener: Callable[[Progress], None] | None) -> None:
        self.first_s: float | None = None
        """When there was a plan, s after the beginning."""
        self._begin = begin
        self._listener = listener
        self._last: Progress | None = None
        self._lock = threading.Lock()

    def tell(self, schedule: Schedule, bound: float) -> None:
        """A plan, which need not be better than the last, and a bound that holds."""
        with self._lock:
            elapsed = time.monotonic() - self._begin
            if self.first_s is None:
                self.first_s = elapsed
            if self._listener is None:
                return
            news = Progress(elapsed, schedule.engine, schedule.objective, bound)
            last = self._last
            if last is not None and last.objective.rank <= news.objective.rank:
                if news.lower_bound <= last.lower_bound:
                    return
                news = replace(last, elapsed_s=elapsed, lower_bound=news.lower_bound)
            self._last = news
            self._listener(news)


def solve(
    problem: SchedulingProblem,
    *,
    time_limit_s: float = 2.0,
    workers: int = 2,
    seed: int = 0,
    hint: Schedule | None = None,
    weights: ObjectiveWeights | None = None,
    patience_s: float | None = None,
    effort: float | None = None,
    windows: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Schedule:
    """Plan every operation: the best that dispatch rules, the hint, search and CP-SAT find.

    Args:
        problem: What to plan.
        time_limit_s: Wall time for everything, the first import of OR-Tools included. It holds
            while the compiled code is stale or missing, too (see `cold_start`).
        workers: Threads.
        seed: Seed of the search and of CP-SAT.
        hint: An earlier plan; it need not fit the problem any more.
        weights: How the objective's terms are traded.
        patience_s: Wall time without improvement after which CP-SAT ends, and after which windows
            end in any case; by default two fifths of the limit.
        effort: Limits the search by counted work instead of patience, in seconds of an idle
            machine, roughly. The plan is then a function of problem, seed and workers, as long as
            the time limit is not reached: allow several times the effort.
        windows: Whether CP-SAT's windows follow order search where no proof is near (see `turns`).
        on_progress: Told of each better plan, from another thread.
        should_stop: Asked every few milliseconds, from another thread; True ends the search with
            the best plan so far.

    Raises:
        InfeasibleProblem: No plan exists; says which constraints exclude each other.
        NoPlanFoundError: The calendars are so tight that no plan was found in time.
    """
    begin = time.monotonic()
    weights = weights or ObjectiveWeights()
    stop = should_stop or (lambda: False)
    if contradicts_itself(problem):
        bounds(problem)  # raises, and names all conflicts
    news = _News(begin, on_progress)
    call = Call(
        problem=problem,
        weights=weights,
        begin=begin,
        deadline=begin + time_limit_s - min(MARGIN_S, MARGIN_S * time_limit_s),
        time_limit_s=time_limit_s,
        workers=workers,
        seed=seed,
        effort=effort,
        patience_s=patience_s,
        should_stop=stop,
        tell=news.tell,
        windows=windows,
    )

    def rules_done() -> bool:
        return call.out_of_time() or time.monotonic() - begin > RULES_SHARE * time_limit_s

    def tell_first(schedule: Schedule) -> None:
        news.tell(schedule, 0.0)

    if cold_start.rules_are_compiled():
        best, failure = first_plan(problem, weights, hint, rules_done, tell_first)
    else:
        cold_start.compilers()
        best, failure = cold_start.plan_uncompiled(
            problem, weights, hint, call.deadline, tell_first, stop
        )
    portfolio = Portfolio(call, best, failure)
    if cold_start.wait_for_search(call.out_of_time):
        found = portfolio.run()
    else:
        found = None if best is None else cold_start.uncompiled(best)
    if found is None:
        raise NoPlanFoundError(
            f"no plan found within {time_limit_s} s, and none proven impossible ({failure}); "
            f"allow more time or open the calendars"
        )
    wall_s = time.monotonic() - begin
    return replace(
        found,
        status="optimal" if portfolio.proven else "feasible",
        lower_bound=found.objective.value if portfolio.proven else portfolio.bound,
        first_feasible_s=wall_s if news.first_s is None else news.first_s,
        wall_s=wall_s,
    )
