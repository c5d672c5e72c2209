"""The one way from a problem to a plan: dispatch rules, then search, then CP-SAT while it pays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from planners.scheduling.bounds import Bounds, bounds, contradicts_itself
from planners.scheduling.dispatch import best_of, follow
from planners.scheduling.errors import Conflict, InfeasibleProblem, NoPlanFoundError
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.proving import Exact
from planners.scheduling.schedule import Objective, ObjectiveWeights, Schedule, evaluate
from planners.scheduling.strong_bounds import strengthened
from planners.scheduling.tidy import tidied
from planners.scheduling.verify import verify

PATIENCE_SHARE = 0.4
"""Share of the time limit without improvement after which the search ends."""
MIN_PATIENCE_S = 0.4
RULES_SHARE = 0.15
"""Share of the time limit after which no further dispatch rule is tried."""
SEARCH_SHARE = 0.85
"""Share of the time limit that the search takes before CP-SAT goes on from its plan."""
SEARCH_PATIENCE = 20
"""The search, which cools down over its time, is given so many times the patience at most."""
SMALL = 60
"""Operations up to which CP-SAT is likely to prove what the search finds."""
SMALL_SEARCH_S = 0.8
"""Search time at that size; it falls with the square of the size."""
STEPS_PER_EFFORT = 20_000
"""Steps of each thread of the tabu search per unit of effort."""
EARLY_SEARCH_SHARE = 0.1
"""Share of the time limit after which a proof is tried for the first time."""
EARLY_PROOF_SHARE = 0.1
"""Share of the time limit that this may take."""
NEAR_PROOF_SHARE = 0.2
"""The same where bound and plan are near each other."""
SMALL_PROOF_SHARE = 0.3
"""Share of the time limit that CP-SAT gets for a small problem before the search goes on."""
MARGIN_S = 0.1
"""CP-SAT may take as long to stop once it is told to."""
MIN_SEARCH_S = 0.05
"""CP-SAT is not started for less: building the model alone takes that long."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A better plan was found. Told from the searching thread: return quickly."""

    elapsed_s: float
    engine: str
    objective: Objective
    lower_bound: float


@dataclass(frozen=True, slots=True)
class Task:
    """What a search engine is given.

    Attributes:
        problem: What to plan.
        weights: How the objective's terms are traded.
        deadline: When to end (`time.monotonic`), whatever happens.
        effort: Work to be done instead, in seconds of an idle machine, for repeatable results.
        workers: Threads.
        seed: Seed.
        floor: Bound of the objective's value; reaching it ends the search.
        should_stop: Asked often; True ends the search.
        on_improvement: Told of each better plan.
    """

    problem: SchedulingProblem
    weights: ObjectiveWeights
    deadline: float
    effort: float | None
    workers: int
    seed: int
    floor: float
    should_stop: Callable[[], bool]
    on_improvement: Callable[[Schedule], None]


def search_orders(task: Task, incumbent: Schedule) -> Schedule:
    """Local search on decoded orders (`order_search`): any problem."""
    from planners.scheduling.order_search import OrderSearch, SearchLimits, usual_trials

    operations = sum(len(job.operations) for job in task.problem.jobs)
    search = OrderSearch(
        task.problem, incumbent, task.weights, seed=task.seed, workers=task.workers
    )
    limits = SearchLimits(
        task.deadline,
        None if task.effort is None else usual_trials(operations, task.effort),
        task.floor,
        task.should_stop,
    )
    return search.run(limits, task.on_improvement)


def search_graph(task: Task, incumbent: Schedule) -> Schedule:
    """Tabu search on the disjunctive graph (`tabu`): problems in which nothing couples cells.

    Raises:
        UnsupportedByGraph: The graph cannot express the problem.
    """
    import numpy as np

    from planners.scheduling import tabu

    problem = task.problem
    graph = tabu.from_problem(problem, task.weights)

    def schedule_of(plan: tabu.GraphPlan) -> Schedule:
        assignments = tabu.to_assignments(problem, plan)
        objective = evaluate(problem, assignments, task.weights)
        return Schedule(assignments, "feasible", "tabu", objective)

    def out_of_time() -> bool:
        return task.should_stop() or time.monotonic() >= task.deadline

    by_key = {(a.job, a.operation): a for a in incumbent.assignments}
    in_place = [by_key[key] for key in problem.operation_keys()]
    start = tabu.plan_from(
        graph, np.array([a.cell for a in in_place]), np.array([a.start_ms for a in in_place])
    )
    steps = None if task.effort is None else round(STEPS_PER_EFFORT * task.effort)
    found = tabu.search(
        graph,
        start,
        deadline=task.deadline if steps is None else None,
        iterations=steps,
        seed=task.seed,
        workers=task.workers,
        target=task.floor,
        should_stop=out_of_time,
        on_improvement=lambda plan: task.on_improvement(schedule_of(plan)),
    )
    better = schedule_of(found.plan)
    return better if better.objective.rank < incumbent.objective.rank else incumbent


def search(task: Task, incumbent: Schedule) -> Schedule:
    """The local search that suits the problem.

    A problem whose cells nothing couples is a disjunctive graph, which a kernel that works on
    critical paths searches far faster than one that decodes.
    """
    from planners.scheduling.tabu import UnsupportedByGraph

    try:
        return search_graph(task, incumbent)
    except UnsupportedByGraph:
        return search_orders(task, incumbent)


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
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Schedule:
    """Plan every operation: the best that dispatch rules, the hint, search and CP-SAT find.

    Args:
        problem: What to plan.
        time_limit_s: Wall time for everything, the first import of OR-Tools included.
        workers: Threads.
        seed: Seed of the search and of CP-SAT.
        hint: An earlier plan; it need not fit the problem any more.
        weights: How the objective's terms are traded.
        patience_s: Wall time without improvement after which CP-SAT ends; by default two fifths
            of the limit.
        effort: Limits the search by counted work instead of patience, in seconds of an idle
            machine, roughly. The plan is then a function of problem, seed and workers, as long as
            the time limit is not reached: allow several times the effort.
        on_progress: Told of each better plan, from another thread.
        should_stop: Asked every few milliseconds, from another thread; True ends the search with
            the best plan so far.

    Raises:
        InfeasibleProblem: No plan exists; says which constraints exclude each other.
        NoPlanFoundError: The calendars are so tight that no plan was found in time.
    """
    begin = time.monotonic()
    deadline = begin + time_limit_s - min(MARGIN_S, MARGIN_S * time_limit_s)
    weights = weights or ObjectiveWeights()
    stop = should_stop or (lambda: False)
    if contradicts_itself(problem):
        bounds(problem)  # raises, and names all conflicts
    floor = 0.0

    told: list[Progress] = []
    telling = threading.Lock()

    def tell(schedule: Schedule, bound: float = 0.0) -> None:
        """Say what is better than all that was said: threads begin from worse plans, too."""
        if on_progress is None:
            return
        with telling:
            elapsed = time.monotonic() - begin
            news = Progress(elapsed, schedule.engine, schedule.objective, max(bound, floor))
            last = told[-1] if told else None
            if last is not None and last.objective.rank <= news.objective.rank:
                if news.lower_bound <= last.lower_bound:
                    return
                news = replace(last, elapsed_s=elapsed, lower_bound=news.lower_bound)
            told.append(news)
            on_progress(news)

    def out_of_time() -> bool:
        return stop() or time.monotonic() > deadline

    first: list[float] = []

    def tell_first(schedule: Schedule) -> None:
        first.append(time.monotonic() - begin)
        tell(schedule)

    def rules_done() -> bool:
        return out_of_time() or time.monotonic() - begin > RULES_SHARE * time_limit_s

    best, failure = _first_plan(problem, weights, hint, rules_done, tell_first)
    known = bounds(problem)
    floor, tried = known.value(problem, weights), 0.0
    first_feasible_s = first[0] if first else time.monotonic() - begin
    patience = max(MIN_PATIENCE_S, PATIENCE_SHARE * time_limit_s)
    if patience_s is not None:
        patience = patience_s
    exact = Exact(problem, weights, workers, seed, effort, stop, tell)
    proven = False
    if best is not None:
        known = strengthened(problem, known)
        floor = known.value(problem, weights)
        tell(best)

        def searched(plan: Schedule, until: float, brief: bool = True) -> Schedule:
            return _searched(
                problem, weights, plan, floor, begin, until, workers, seed, effort, patience_s,
                stop, tell, brief and _is_small(problem),
            )  # fmt: skip

        if exact.worth_an_early_try(best, known):
            best = searched(best, begin + EARLY_SEARCH_SHARE * time_limit_s)
            share = NEAR_PROOF_SHARE if exact.is_near(best, known) else EARLY_PROOF_SHARE
            early = min(deadline, time.monotonic() + share * time_limit_s)
            if _is_small(problem):
                early = min(deadline, time.monotonic() + patience)
            best, known, proven = exact.tried(best, known, early)
            floor = known.value(problem, weights)
        if not proven:
            best = searched(best, deadline)
        if not proven and effort is None and _is_small(problem) and best.objective.value > floor:
            # Most of these are proved in a moment. The others are searched like larger ones.
            early = begin + SMALL_PROOF_SHARE * time_limit_s
            result = exact.last(best, known, early, patience)
            best, tried, proven = (
                result.schedule or best,
                result.lower_bound,
                result.proof == "optimal",
            )
            if not proven:
                best = searched(best, deadline, brief=False)
    bound = max(floor, tried)
    proven = proven or (best is not None and best.objective.value <= floor * (1 + 1e-12))
    if not proven and not stop() and deadline - time.monotonic() > MIN_SEARCH_S:
        from planners.scheduling import cpsat

        result = exact.last(best, known, deadline, patience)
        if result.proof == "infeasible":
            raise _too_tight(problem, known, failure, cpsat.conflicts_of(problem, known))
        if best is None:
            first_feasible_s = time.monotonic() - begin
        best, proven = result.schedule, result.proof == "optimal"
        bound = max(bound, result.lower_bound)
    if best is None:
        raise NoPlanFoundError(
            f"no plan found within {time_limit_s} s, and none proven impossible ({failure}); "
            f"allow more time or open the calendars"
        )
    return replace(
        best,
        status="optimal" if proven else "feasible",
        lower_bound=best.objective.value if proven else bound,
        first_feasible_s=first_feasible_s,
        wall_s=time.monotonic() - begin,
    )


def _size(problem: SchedulingProblem) -> int:
    return sum(len(job.operations) for job in problem.jobs)


def _is_small(problem: SchedulingProblem) -> bool:
    """Whether CP-SAT is likely to prove what a short search finds."""
    return _size(problem) <= SMALL


def _searched(
    problem: SchedulingProblem,
    weights: ObjectiveWeights,
    plan: Schedule,
    floor: float,
    begin: float,
    deadline: float,
    workers: int,
    seed: int,
    effort: float | None,
    patience_s: float | None,
    stop: Callable[[], bool],
    tell: Callable[[Schedule], None],
    brief: bool,
) -> Schedule:
    """The plan after local search; with an effort given, the clock only guards the limit."""
    if stop() or time.monotonic() >= deadline or plan.objective.value <= floor * (1 + 1e-12):
        return plan
    until = begin + SEARCH_SHARE * (deadline - begin)
    if patience_s is not None:
        until = min(until, time.monotonic() + SEARCH_PATIENCE * patience_s)
    if brief:
        until = min(until, time.monotonic() + SMALL_SEARCH_S * (_size(problem) / SMALL) ** 2)
    if effort is not None:
        until = deadline
    task = Task(problem, weights, until, effort, workers, seed, floor, stop, tell)
    better = search(task, plan)
    if better is plan:
        return plan
    tidy = tidied(problem, better.assignments, weights, better.engine)
    if tidy.objective.rank < better.objective.rank:
        tell(tidy)
    return tidy


def _first_plan(
    problem: SchedulingProblem,
    weights: ObjectiveWeights,
    hint: Schedule | None,
    out_of_time: Callable[[], bool],
    on_first: Callable[[Schedule], None],
) -> tuple[Schedule | None, InfeasibleProblem | None]:
    """The best plan that takes no search, or why dispatching failed."""
    best: Schedule | None = None
    failure: InfeasibleProblem | None = None
    try:
        best = best_of(problem, weights, out_of_time=out_of_time, on_first=on_first)
    except InfeasibleProblem as error:
        failure = error
    if hint is not None:
        hinted = _from_hint(problem, weights, hint)
        if hinted is not None and (best is None or hinted.objective.value <= best.objective.value):
            best = hinted
    if best is not None:
        best = tidied(problem, best.assignments, weights, best.engine)
    return best, failure


def _from_hint(
    problem: SchedulingProblem, weights: ObjectiveWeights, hint: Schedule
) -> Schedule | None:
    """The hint itself, left-shifted, where it still holds; else a plan that follows its order."""
    if all(v.kind == "objective" for v in verify(problem, hint)):
        return tidied(problem, hint.assignments, weights, "hint")
    try:
        return tidied(problem, follow(problem, hint), weights, "hint")
    except InfeasibleProblem:
        return None


def _too_tight(
    problem: SchedulingProblem,
    known: Bounds,
    failure: InfeasibleProblem | None,
    core: tuple[str, ...] | None,
) -> InfeasibleProblem:
    """CP-SAT's proof in words: every operation fits alone, but not all of them together."""
    stuck = failure.conflicts[0] if failure is not None else None
    closing = [
        f"{cell.name!r} closes for good at {cell.unavailable[-1][0]} ms"
        for cell in problem.cells
        if cell.unavailable
    ]
    message = (
        "each operation fits into the open windows alone, but not all of them together"
        + (f" ({'; '.join(closing)})" if closing else "")
        + (f"; these limits exclude each other: {', '.join(core)}" if core else "")
        + (f"; first to find no room: {stuck.message}" if stuck is not None else "")
        + f"; with room, the plan would take at least until {known.makespan_ms} ms"
    )
    return InfeasibleProblem(
        (
            Conflict(
                "capacity",
                stuck.job if stuck is not None else None,
                stuck.operation if stuck is not None else None,
                None,
                message,
            ),
        )
    )
