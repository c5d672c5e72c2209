"""The one way from a problem to a plan: dispatch rules, then moves, then CP-SAT while it pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from planners.scheduling.bounds import Bounds, bounds
from planners.scheduling.dispatch import best_of, follow
from planners.scheduling.errors import Conflict, InfeasibleProblem, NoPlanFoundError
from planners.scheduling.local_search import improve_by_moves, usual_moves
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import Objective, ObjectiveWeights, Schedule, evaluate
from planners.scheduling.tidy import shift_left, units_in_order
from planners.scheduling.verify import verify

PATIENCE_SHARE = 0.4
"""Share of the time limit without improvement after which the search ends."""
MIN_PATIENCE_S = 0.4
MOVES_SHARE = 0.3
"""Share of the time limit that the local search may take before CP-SAT goes on from its plan."""
LAST_MOVES_SHARE = 0.25
"""Share of the usual moves that are spent on the tie-break after CP-SAT."""
DETERMINISTIC_SHARE = 0.1
"""CP-SAT's deterministic seconds per unit of effort: about ten times as many pass on the clock."""
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
    """Plan every operation: the best that dispatch rules, the hint, moves and CP-SAT find.

    Args:
        problem: What to plan.
        time_limit_s: Wall time for everything, the first import of OR-Tools included.
        workers: Threads of CP-SAT.
        seed: Seed of CP-SAT.
        hint: An earlier plan; it need not fit the problem any more.
        weights: How the objective's terms are traded.
        patience_s: Wall time without improvement after which the search ends; by default two
            fifths of the limit.
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
    known = bounds(problem)
    floor = known.value(problem, weights)

    def tell(schedule: Schedule, bound: float) -> None:
        if on_progress is not None:
            elapsed = time.monotonic() - begin
            on_progress(Progress(elapsed, schedule.engine, schedule.objective, max(bound, floor)))

    def out_of_time() -> bool:
        return stop() or time.monotonic() > deadline

    usual = usual_moves(sum(len(job.operations) for job in problem.jobs))

    def moved(plan: Schedule, moves: int, floor: float) -> Schedule:
        """The plan after local search; with an effort given, the clock only guards the limit."""
        since = time.monotonic()
        until = (
            deadline if effort is not None else min(deadline, since + MOVES_SHARE * time_limit_s)
        )

        def spent() -> float:
            now = time.monotonic()
            if stop() or now >= until:
                return 1.0
            return 0.0 if effort is not None else (now - since) / (until - since)

        better = improve_by_moves(
            problem, plan, weights, moves=moves, seed=seed, floor=floor, spent=spent
        )
        if better is plan:
            return plan
        assignments = units_in_order(problem, shift_left(problem, better.assignments))
        better = replace(
            better, assignments=assignments, objective=evaluate(problem, assignments, weights)
        )
        tell(better, floor)
        return better

    best, failure = _first_plan(problem, weights, hint, out_of_time)
    first_feasible_s = time.monotonic() - begin
    if best is not None:
        tell(best, floor)
        best = moved(best, usual if effort is None else round(min(1.0, effort) * usual), floor)
    bound = floor
    proven = best is not None and best.objective.value <= floor * (1 + 1e-12)
    if not proven and not stop() and deadline - time.monotonic() > MIN_SEARCH_S:
        from planners.scheduling import cpsat

        result = cpsat.improve(
            problem,
            known,
            best,
            weights,
            cpsat.SearchSettings(
                deadline=deadline,
                patience_s=max(MIN_PATIENCE_S, PATIENCE_SHARE * time_limit_s)
                if patience_s is None
                else patience_s,
                workers=workers,
                seed=seed,
                effort=None if effort is None else DETERMINISTIC_SHARE * effort,
                should_stop=stop,
                on_improvement=tell,
            ),
        )
        if result.proof == "infeasible":
            raise _too_tight(problem, known, failure)
        if best is None:
            first_feasible_s = time.monotonic() - begin
        best, bound, proven = result.schedule, result.lower_bound, result.proof == "optimal"
        if best is not None and best.engine == "cp-sat" and weights.left_shift:
            # CP-SAT does not know of the tie-break: lower the starts of what it found.
            last = moved(best, round(LAST_MOVES_SHARE * usual), -1.0)
            best = replace(last, engine=best.engine)
            proven = proven or best.objective.value <= bound * (1 + 1e-12)
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


def _first_plan(
    problem: SchedulingProblem,
    weights: ObjectiveWeights,
    hint: Schedule | None,
    out_of_time: Callable[[], bool],
) -> tuple[Schedule | None, InfeasibleProblem | None]:
    """The best plan that takes no search, or why dispatching failed."""
    best: Schedule | None = None
    failure: InfeasibleProblem | None = None
    try:
        best = best_of(problem, weights, out_of_time=out_of_time)
    except InfeasibleProblem as error:
        failure = error
    if hint is not None:
        hinted = _from_hint(problem, weights, hint)
        if hinted is not None and (best is None or hinted.objective.value <= best.objective.value):
            best = hinted
    if best is not None:
        assignments = units_in_order(problem, best.assignments)
        best = replace(
            best, assignments=assignments, objective=evaluate(problem, assignments, weights)
        )
    return best, failure


def _from_hint(
    problem: SchedulingProblem, weights: ObjectiveWeights, hint: Schedule
) -> Schedule | None:
    """The hint itself, left-shifted, where it still holds; else a plan that follows its order."""
    if all(v.kind == "objective" for v in verify(problem, hint)):
        assignments = shift_left(problem, hint.assignments)
    else:
        try:
            assignments = follow(problem, hint)
        except InfeasibleProblem:
            return None
    return Schedule(assignments, "feasible", "hint", evaluate(problem, assignments, weights))


def _too_tight(
    problem: SchedulingProblem, known: Bounds, failure: InfeasibleProblem | None
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
