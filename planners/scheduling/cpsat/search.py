"""CP-SAT search: improves a plan until proof, deadline, loss of patience or a request to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.dispatch import follow
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule
from planners.scheduling.tidy import tidied, units_in_order
from planners.scheduling.verify import verify

MAX_OPERATIONS = 1500
"""Above this the model takes longer to build than it could ever pay back."""
PROOF_TOLERANCE = 1e-9
WATCH_S = 0.02
"""How often the deadline, the patience and the request to stop are looked at."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How long, how wide and how repeatably to search.

    ``effort`` limits the search by CP-SAT's deterministic time instead of by patience: with it, the
    same seed gives the same plan on any machine as long as the deadline is not reached.
    """

    deadline: float
    patience_s: float
    workers: int = 2
    seed: int = 0
    effort: float | None = None
    should_stop: Callable[[], bool] = lambda: False
    on_improvement: Callable[[Schedule, float], None] = lambda _schedule, _bound: None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Best plan known after the search (None: there is still none), its bound, what is proven."""

    schedule: Schedule | None
    lower_bound: float
    proof: Literal["optimal", "infeasible", "none"]


class _Improvements(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # untyped base
    """Keeps the best plan seen and when it was seen; tells of each one that is better."""

    def __init__(
        self,
        shop: PlantModel,
        weights: ObjectiveWeights,
        incumbent: Schedule | None,
        tell: Callable[[Schedule, float], None],
    ) -> None:
        super().__init__()
        self.shop = shop
        self.weights = weights
        self.best = incumbent
        self.tell = tell
        self.last_improvement = time.monotonic()
        self.error: BaseException | None = None

    def _plan(self) -> Schedule | None:
        """The plan of the present solution; repaired if the model is wider than the problem."""
        problem, weights = self.shop.problem, self.weights
        plan = tidied(problem, self.shop.read(self), weights, "cp-sat")
        if self.shop.variables.exact or not verify(problem, plan):
            return plan
        try:
            return tidied(problem, follow(problem, plan), weights, "cp-sat")
        except InfeasibleProblem:
            return None

    def on_solution_callback(self) -> None:
        try:
            plan = self._plan()
            if plan is None:
                return
            if self.best is None or plan.objective.rank < self.best.objective.rank:
                if self.best is None or plan.objective.value < self.best.objective.value:
                    self.last_improvement = time.monotonic()
                self.best = plan
                self.tell(plan, self.best_objective_bound / self.shop.scale)
        except BaseException as error:  # CP-SAT would swallow it in its own thread
            self.error = error
            self.stop_search()


def improve(
    problem: SchedulingProblem,
    known: Bounds,
    incumbent: Schedule | None,
    weights: ObjectiveWeights,
    settings: SearchSettings,
) -> SearchResult:
    """Search for a plan that is better than the incumbent."""
    floor = known.value(problem, weights)
    if sum(len(job.operations) for job in problem.jobs) > MAX_OPERATIONS:
        return SearchResult(incumbent, floor, "none")
    shop = PlantModel(problem, known, weights)
    if incumbent is not None:
        shop.hint(units_in_order(problem, incumbent.assignments))
    best, bound, status = run_model(shop, weights, incumbent, settings)
    if status == cp_model.INFEASIBLE and incumbent is None:
        return SearchResult(None, floor, "infeasible")
    if best is None:
        return SearchResult(None, floor, "none")
    bound = min(max(floor, bound), best.objective.value)
    closed = bound >= best.objective.value * (1 - PROOF_TOLERANCE)
    proof: Literal["optimal", "none"] = (
        "optimal" if closed or (status == cp_model.OPTIMAL and shop.exact) else "none"
    )
    return SearchResult(best, bound, proof)


def run_model(
    shop: PlantModel,
    weights: ObjectiveWeights,
    incumbent: Schedule | None,
    settings: SearchSettings,
    tune: Callable[[cp_model.CpSolver], None] = lambda _solver: None,
) -> tuple[Schedule | None, float, int]:
    """Solve a model: the best plan, incumbent included; CP-SAT's bound (or 0); its status."""
    improvements = _Improvements(shop, weights, incumbent, settings.on_improvement)
    solver = _solver(settings)
    tune(solver)
    status = _run(solver, shop, improvements, settings)
    if improvements.error is not None:
        raise improvements.error
    bound = 0.0
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN):
        bound = solver.best_objective_bound / shop.scale
    return improvements.best, bound, status


def _solver(settings: SearchSettings) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.num_workers = settings.workers
    parameters.random_seed = settings.seed
    if settings.effort is not None:
        parameters.max_deterministic_time = settings.effort
        parameters.interleave_search = settings.workers > 1
    return solver


def _run(
    solver: cp_model.CpSolver,
    shop: PlantModel,
    improvements: _Improvements,
    settings: SearchSettings,
) -> int:
    """Solve under watch of a thread, because CP-SAT itself only looks at its own clock."""
    solver.parameters.max_time_in_seconds = max(0.0, settings.deadline - time.monotonic())
    improvements.last_improvement = time.monotonic()

    def should_end() -> bool:
        now = time.monotonic()
        bored = (
            settings.effort is None
            and improvements.best is not None
            and now - improvements.last_improvement > settings.patience_s
        )
        return bored or now > settings.deadline or settings.should_stop()

    return run_watched(solver, shop.model, improvements, should_end)


def run_watched(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    improvements: cp_model.CpSolverSolutionCallback | None,
    should_end: Callable[[], bool],
) -> int:
    """Solve while a thread asks whether to end; CP-SAT's status."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_S):
            if should_end():
                solver.stop_search()
                # Not the end of the watch: a request that comes before the search has begun is
                # forgotten by it, so it is repeated until the search has ended.

    watcher = threading.Thread(target=watch, name="cp-sat watch", daemon=True)
    watcher.start()
    try:
        return int(solver.solve(model, improvements))
    finally:
        done.set()
        watcher.join()
