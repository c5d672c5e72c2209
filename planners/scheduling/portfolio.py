"""What follows the first plan: search and proof in turns, as the size and the gap suggest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from planners.scheduling.bounds import Bounds, bounds
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.local_search import Task, search
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.proving import LARGEST_GAP, Exact
from planners.scheduling.schedule import ObjectiveWeights, Schedule
from planners.scheduling.strong_bounds import strengthened
from planners.scheduling.tidy import tidied

PATIENCE_SHARE = 0.4
"""Share of the time limit without improvement after which the search ends."""
MIN_PATIENCE_S = 0.4
SEARCH_SHARE = 0.85
"""Share of the time limit that the search takes before CP-SAT goes on from its plan."""
SEARCH_PATIENCE = 20
"""The search, which cools down over its time, is given so many times the patience at most."""
SMALL = 60
"""Operations up to which CP-SAT is likely to prove what the search finds."""
SMALL_SEARCH_S = 0.8
"""Search time at that size; it falls with the square of the size."""
EARLY_SEARCH_SHARE = 0.1
"""Share of the time limit after which a proof is tried for the first time."""
EARLY_PROOF_SHARE = 0.1
"""Share of the time limit that this may take."""
NEAR_PROOF_SHARE = 0.2
"""The same where bound and plan are near each other; and again, after as long a search."""
SMALL_PROOF_SHARE = 0.3
"""Share of the time limit that CP-SAT gets for a small problem before the search goes on."""
MOST_IN_TURNS = 1500
"""Operations above which windows are not tried: to state the facts takes longer than they may."""
MIN_SEARCH_S = 0.05
"""CP-SAT is not started for less: building the model alone takes that long."""
TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Call:
    """What `solve` was asked for; times are of `time.monotonic`, ``tell`` takes plan and bound."""

    problem: SchedulingProblem
    weights: ObjectiveWeights
    begin: float
    deadline: float
    time_limit_s: float
    workers: int
    seed: int
    effort: float | None
    patience_s: float | None
    should_stop: Callable[[], bool]
    tell: Callable[[Schedule, float], None]
    windows: bool

    @property
    def patience(self) -> float:
        """Wall time without improvement after which CP-SAT ends, s."""
        if self.patience_s is not None:
            return self.patience_s
        return max(MIN_PATIENCE_S, PATIENCE_SHARE * self.time_limit_s)

    @property
    def is_small(self) -> bool:
        """Whether CP-SAT is likely to prove what a short search finds."""
        return self.operations <= SMALL

    @property
    def operations(self) -> int:
        """How many there are."""
        return sum(len(job.operations) for job in self.problem.jobs)

    def out_of_time(self) -> bool:
        """Whether to end."""
        return self.should_stop() or time.monotonic() > self.deadline


class Portfolio:
    """The best plan and bound so far, and the engines that bring them together."""

    def __init__(
        self, call: Call, first: Schedule | None, failure: InfeasibleProblem | None
    ) -> None:
        self.call = call
        self.best = first
        self.failure = failure
        self.known: Bounds = bounds(call.problem)
        self.bound = self.known.value(call.problem, call.weights)
        self.proven = False
        self._exact = Exact(
            call.problem, call.weights, call.workers, call.seed, call.effort, call.should_stop,
            self._tell,
        )  # fmt: skip

    def run(self) -> Schedule | None:
        """The best plan that is found before the deadline, or None.

        Raises:
            InfeasibleProblem: There is none, as CP-SAT has proved.
        """
        if self.best is not None:
            self._learn(strengthened(self.call.problem, self.known))
            self._tell(self.best, 0.0)
            self.best = self._improved(self.best)
        self._finish()
        return self.best

    def _tell(self, schedule: Schedule, bound: float) -> None:
        self.call.tell(schedule, max(bound, self.bound))

    def _learn(self, known: Bounds) -> None:
        self.known = known
        self.bound = max(self.bound, known.value(self.call.problem, self.call.weights))

    def _is_optimal(self, plan: Schedule) -> bool:
        return plan.objective.value <= self.bound * (1 + TOLERANCE)

    def _improved(self, plan: Schedule) -> Schedule:
        call, exact = self.call, self._exact
        if exact.worth_an_early_try(plan, self.known):
            plan = self._early(plan)
        if not self.proven:
            plan = self._searched(plan, call.deadline)
        if self.proven or call.effort is not None or not call.is_small or self._is_optimal(plan):
            return plan
        # Most of these are proved in a moment. The others are searched like larger ones.
        until = call.begin + SMALL_PROOF_SHARE * call.time_limit_s
        result = exact.last(plan, self.known, until, call.patience)
        plan = result.schedule or plan
        self.bound = max(self.bound, result.lower_bound)
        self.proven = result.proof == "optimal"
        return plan if self.proven else self._searched(plan, call.deadline, brief=False)

    def _early(self, plan: Schedule) -> Schedule:
        """A short search and a short proof; twice where the two are near each other."""
        call, exact = self.call, self._exact
        search_s = EARLY_SEARCH_SHARE * call.time_limit_s
        for attempt in range(2):
            plan = self._searched(plan, time.monotonic() + search_s)
            near = exact.is_near(plan, self.known)
            share = NEAR_PROOF_SHARE if near else EARLY_PROOF_SHARE
            until = min(call.deadline, time.monotonic() + share * call.time_limit_s)
            if call.is_small:
                until = min(call.deadline, time.monotonic() + call.patience)
            plan, known, self.proven = exact.tried(plan, self.known, until, attempt)
            self._learn(known)
            if self.proven or not near or call.is_small or not exact.worth_a_second_try:
                break
            search_s = NEAR_PROOF_SHARE * call.time_limit_s
        return plan

    def _finish(self) -> None:
        """CP-SAT with what is left of the time."""
        call = self.call
        if self.best is not None and self._is_optimal(self.best):
            self.proven = True
        if self.proven or call.should_stop() or call.deadline - time.monotonic() <= MIN_SEARCH_S:
            return
        if self.best is not None and self._better_in_turns(self.best):
            self.best = self._in_turns(self.best)
            return
        from planners.scheduling import cpsat

        result = self._exact.last(self.best, self.known, call.deadline, call.patience)
        if result.proof == "infeasible":
            core = cpsat.conflicts_of(call.problem, self.known)
            raise cpsat.too_tight(call.problem, self.known, self.failure, core)
        self.best, self.proven = result.schedule, result.proof == "optimal"
        self.bound = max(self.bound, result.lower_bound)

    def _better_in_turns(self, plan: Schedule) -> bool:
        """Whether windows of a coupled problem promise more than its full model: no proof is near.

        Never where work is counted: there the clock must decide nothing.
        """
        call = self.call
        if not call.windows or call.effort is not None or call.is_small:
            return False
        if call.problem.is_graph_problem or call.operations > MOST_IN_TURNS:
            return False
        return self.bound < (1 - LARGEST_GAP) * plan.objective.value

    def _in_turns(self, plan: Schedule) -> Schedule:
        from planners.scheduling.turns import go_on_in_turns

        until = min(self.call.deadline, time.monotonic() + self.call.patience)
        better = go_on_in_turns(self._task(until), self.known, plan)
        tidy = tidied(self.call.problem, better.assignments, self.call.weights, better.engine)
        return min(plan, tidy, key=lambda one: one.objective.rank)

    def _task(self, until: float) -> Task:
        call = self.call
        return Task(
            call.problem, call.weights, until, call.effort, call.workers, call.seed, self.bound,
            call.should_stop, lambda schedule: self._tell(schedule, 0.0),
        )  # fmt: skip

    def _searched(self, plan: Schedule, deadline: float, *, brief: bool = True) -> Schedule:
        """The plan after local search; with an effort given, the clock only guards the limit."""
        call = self.call
        now = time.monotonic()
        deadline = min(deadline, call.deadline)
        if call.should_stop() or now >= deadline or self._is_optimal(plan):
            return plan
        until = call.begin + SEARCH_SHARE * (deadline - call.begin)
        if call.patience_s is not None:
            until = min(until, now + SEARCH_PATIENCE * call.patience_s)
        if brief and call.is_small:
            until = min(until, now + SMALL_SEARCH_S * (call.operations / SMALL) ** 2)
        if call.effort is not None:
            until = deadline
        better = search(self._task(until), plan)
        if better is plan:
            return plan
        tidy = tidied(call.problem, better.assignments, call.weights, better.engine)
        if tidy.objective.rank < better.objective.rank:
            self._tell(tidy, 0.0)
        return tidy
