"""Windows: a few operations are planned anew by CP-SAT, all others stay where and when they are.

Where people, fixtures, buffers or prices couple the cells, changing one operation seldom helps and
changing several at once may. A window frees operations that have to do with each other: in time,
on the same cells, or of the jobs around a late one (large neighbourhood search; Shaw, CP 1998;
Carchrae and Beck, Journal of Mathematical Modelling and Algorithms 8, 2009). To its model
everything else is fact, so that the model is as small as the window.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.cpsat.search import run_watched
from planners.scheduling.cpsat.variables import Key, Window
from planners.scheduling.dispatch import follow
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule
from planners.scheduling.tidy import tidied
from planners.scheduling.verify import verify

FIRST_SIZE, LEAST_SIZE, LARGEST_SIZE = 15, 6, 150
"""Operations of a window."""
WORK = 0.1
"""CP-SAT's deterministic time for one window."""
GROWTH = 1.2
"""Factor of the size after a window that was exhausted, and its inverse after another."""
MARGIN = 0.3
"""How far free operations may move out of their time, as a share of the window's length."""
KINDS = ("time", "cells", "jobs")
FADING = 0.8
"""How much of what a kind gave before still counts at its next window."""


def around(plan: Schedule, free: frozenset[Key]) -> Window:
    """The window that frees these operations of a plan, which may move a little out of its time."""
    moving = [a for a in plan.assignments if (a.job, a.operation) in free]
    begin = min((a.start_ms for a in moving), default=0)
    end = max((a.end_ms for a in moving), default=0)
    margin = round(MARGIN * (end - begin))
    fixed = {(a.job, a.operation): a for a in plan.assignments if (a.job, a.operation) not in free}
    return Window(free, fixed, max(0, begin - margin), end + margin)


class WindowSearch:
    """Windows on one problem, one after the other; a result of plan, seed and number of windows."""

    def __init__(
        self, problem: SchedulingProblem, known: Bounds, weights: ObjectiveWeights, seed: int = 0
    ) -> None:
        self.problem, self.weights = problem, weights
        self.tried = self.gained = self.unfit = 0
        """Windows so far, those that gave a better plan, those whose model had no plan at all."""
        self._known = known
        self._dice = random.Random(seed)
        self._size = dict.fromkeys(KINDS, float(FIRST_SIZE))
        self._gain = dict.fromkeys(KINDS, 1.0)
        frozen = problem.frozen_by_key()
        self._open = frozenset(key for key in problem.operation_keys() if key not in frozen)

    def once(
        self, plan: Schedule, most_s: float, should_stop: Callable[[], bool] = lambda: False
    ) -> Schedule:
        """The plan after one more window: a better one, or the same."""
        kind = self._dice.choices(KINDS, [self._gain[k] + 0.05 for k in KINDS])[0]
        free = self.free(kind, plan)
        if not free:
            return plan
        self.tried += 1
        found, exhausted = self.solve(plan, around(plan, free), most_s, should_stop)
        factor = GROWTH if exhausted else 1 / GROWTH
        self._size[kind] = min(LARGEST_SIZE, max(LEAST_SIZE, self._size[kind] * factor))
        better = found is not None and found.objective.rank < plan.objective.rank
        self._gain[kind] = FADING * self._gain[kind] + (1 - FADING) * better
        if found is None or not better:
            return plan
        self.gained += 1
        return found

    def free(self, kind: str, plan: Schedule) -> frozenset[Key]:
        """The operations nearest to a random one, as the kind sees it; of its job all, or none."""
        movable = [a for a in plan.assignments if (a.job, a.operation) in self._open]
        if not movable:
            return frozenset()
        centre = self._dice.choice(movable)
        late = [a for a in movable if self._is_late(a)]
        if late and self._dice.random() < 0.5:
            centre = self._dice.choice(late)
        cells = {centre.cell, self._dice.randrange(len(self.problem.cells))}
        of_job = [a for a in movable if a.job == centre.job]

        def distance(a: Assignment) -> float:
            apart = abs(a.start_ms - centre.start_ms)
            if kind == "cells":
                return float(apart) if a.cell in cells else 4.0 * apart + 1.0
            if kind == "jobs":
                if a.job == centre.job:
                    return -1.0
                return float(
                    min(
                        abs(a.start_ms - b.start_ms) * (1 if a.cell == b.cell else 3)
                        for b in of_job
                    )
                )
            return float(apart)

        size = min(round(self._size[kind]), len(movable))
        near = {(a.job, a.operation) for a in sorted(movable, key=distance)[:size]}
        jobs = {j for j, _ in near}
        planned = {(a.job, a.operation) for a in movable}
        left_out = {key for key in self._open if key[0] in jobs and key not in planned}
        return frozenset(near | left_out)

    def _is_late(self, a: Assignment) -> bool:
        due = self.problem.jobs[a.job].due_ms
        return due is not None and a.end_ms > due

    def solve(
        self,
        plan: Schedule,
        window: Window,
        most_s: float,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> tuple[Schedule | None, bool]:
        """The best plan found that differs only in the window; whether the model has no better."""
        end_by = max(window.end_ms, *(a.end_ms for a in plan.assignments))
        shop = PlantModel(self.problem, self._known, self.weights, end_by=end_by, window=window)
        planned = {(a.job, a.operation): a for a in plan.assignments}
        for key, op in shop.variables.operations.items():
            if op.fact is not None or key not in planned:
                continue
            shop.model.add_hint(op.start, planned[key].start_ms)
            shop.model.add_hint(op.end, planned[key].end_ms)
            for choice in op.choices if len(op.choices) > 1 else ():
                shop.model.add_hint(choice.chosen, int(planned[key].cell == choice.way.cell))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        # On models of this size all three cost more than the search itself.
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        solver.parameters.linearization_level = 0
        solver.parameters.random_seed = self._dice.randrange(1 << 30)
        solver.parameters.max_deterministic_time = WORK
        solver.parameters.max_time_in_seconds = max(0.05, most_s)
        status = run_watched(solver, shop.model, None, should_stop)
        self.unfit += status == cp_model.INFEASIBLE
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None, False
        return self._checked(shop.read(solver)), bool(status == cp_model.OPTIMAL)

    def _checked(self, assignments: tuple[Assignment, ...]) -> Schedule | None:
        """As a plan; decoded again where the model was wider than the problem."""
        problem, weights = self.problem, self.weights
        plan = tidied(problem, assignments, weights, "cp-sat windows")
        if not verify(problem, plan):
            return plan
        try:
            again = tidied(problem, follow(problem, plan), weights, "cp-sat windows")
        except InfeasibleProblem:
            return None
        return None if verify(problem, again) else again
