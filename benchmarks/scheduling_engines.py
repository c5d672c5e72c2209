"""The engines that are compared: `solve`, CP-SAT on the textbook model, and PyJobShop.

Each gets the same problem, seconds and threads. The clock of `solve` and of CP-SAT begins with the
problem in memory and includes everything; PyJobShop's time limit does not include building its
model, which is in its favour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planners.scheduling import (
    Alternative,
    Cell,
    Job,
    ObjectiveWeights,
    Operation,
    SchedulingProblem,
    best_of,
    solve,
)

if TYPE_CHECKING:
    from scheduling_certificate import Row as PlanRow

MAKESPAN = ObjectiveWeights(
    tardiness=0.0, energy=0.0, labour=0.0, left_out=0.0, moved=0.0, resequenced=0.0,
    left_shift=False,
)  # fmt: skip
"""What public files are compared by."""
LEAST_GAIN_OF_TRACE = 0.0005
"""Improvements that are smaller than this share are left out of the trace."""


class EngineMissing(Exception):
    """A peer is not installed."""


@dataclass
class Outcome:
    """What an engine found; plan rows are (job, operation, machine, start, end) from zero."""

    plan: list[PlanRow]
    bound: float
    status: str
    engine: str
    first_feasible_s: float | None
    wall_s: float
    trace: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, makespan) of improvements."""

    @property
    def makespan(self) -> int | None:
        """None if there is no plan."""
        return max((row[4] for row in self.plan), default=None)

    def as_row(self) -> dict[str, Any]:
        """What goes to the file."""
        return {
            "makespan": self.makespan,
            "lower_bound": self.bound,
            "status": self.status,
            "engine": self.engine,
            "first_feasible_s": None
            if self.first_feasible_s is None
            else round(self.first_feasible_s, 4),
            "wall_s": round(self.wall_s, 2),
            "trace": [[round(at, 3), value] for at, value in self.trace],
        }


class _Trace:
    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.points: list[tuple[float, float]] = []

    def add(self, value: float) -> None:
        last = self.points[-1][1] if self.points else None
        if last is None or value < last * (1 - LEAST_GAIN_OF_TRACE):
            self.points.append((time.monotonic() - self.begin, value))


def by_solve(problem: SchedulingProblem, seconds: float, workers: int, seed: int) -> Outcome:
    """The portfolio of this repository."""
    trace = _Trace()
    plan = solve(
        problem,
        time_limit_s=seconds,
        workers=workers,
        seed=seed,
        weights=MAKESPAN,
        patience_s=seconds,
        on_progress=lambda progress: trace.add(progress.objective.makespan_ms),
    )
    return Outcome(
        [(a.job, a.operation, a.cell, a.start_ms, a.end_ms) for a in plan.assignments],
        plan.lower_bound,
        plan.status,
        plan.engine,
        trace.points[0][0] if trace.points else plan.first_feasible_s,
        plan.wall_s,
        trace.points,
    )


def by_cp_sat(problem: SchedulingProblem, seconds: float, workers: int, seed: int) -> Outcome:
    """CP-SAT on the textbook model: optional intervals, circuits for setups, a full greedy hint.

    The model is that of OR-Tools' own job-shop examples; the hint is the best dispatched plan.
    """
    from ortools.sat.python import cp_model

    trace = _Trace()
    greedy = {(a.job, a.operation): a for a in best_of(problem, MAKESPAN).assignments}
    horizon = max(a.end_ms for a in greedy.values())
    model = cp_model.CpModel()
    makespan = model.new_int_var(0, horizon, "makespan")
    model.add_hint(makespan, horizon)
    on_machine: dict[int, list[tuple[Any, Any, Any, int, Any]]] = {}
    ends: dict[tuple[int, int], Any] = {}
    chosen: dict[tuple[int, int, int], Any] = {}
    starts: dict[tuple[int, int], Any] = {}
    for j, job in enumerate(problem.jobs):
        for o, operation in enumerate(job.operations):
            hint = greedy[j, o]
            start = starts[j, o] = model.new_int_var(0, horizon, "")
            end = ends[j, o] = model.new_int_var(0, horizon, "")
            model.add_hint(start, hint.start_ms)
            model.add_hint(end, hint.end_ms)
            ways = []
            for way in operation.alternatives:
                present = model.new_bool_var("")
                model.add_hint(present, int(hint.cell == way.cell))
                interval = model.new_optional_interval_var(start, way.duration_ms, end, present, "")
                on_machine.setdefault(way.cell, []).append(
                    (start, end, present, way.family, interval)
                )
                chosen[j, o, way.cell] = present
                ways.append(present)
            model.add_exactly_one(ways)
            for before in operation.predecessors:
                model.add(start >= ends[j, before])
            model.add(makespan >= end)
    for cell, members in on_machine.items():
        model.add_no_overlap([interval for *_, interval in members])
        setups = problem.cells[cell].setups
        if not setups:
            continue
        arcs = [(0, 0, model.new_bool_var(""))]
        for i, (start, _, present, family, _) in enumerate(members, start=1):
            arcs += [(0, i, model.new_bool_var("")), (i, 0, model.new_bool_var(""))]
            arcs.append((i, i, present.Not()))
            for k, (_, end, _, earlier, _) in enumerate(members, start=1):
                if i != k:
                    follows = model.new_bool_var("")
                    arcs.append((k, i, follows))
                    model.add(start >= end + setups[earlier][family]).only_enforce_if(follows)
        model.add_circuit(arcs)
    model.minimize(makespan)

    class Watch(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]  # untyped base
        """Notes when each better plan came."""

        def on_solution_callback(self) -> None:
            trace.add(self.objective_value)

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = max(0.01, seconds - (time.monotonic() - trace.begin))
    status = solver.solve(model, Watch())
    solved = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    if solved:
        plan = [
            (j, o, cell, solver.value(starts[j, o]), solver.value(ends[j, o]))
            for (j, o, cell), present in chosen.items()
            if solver.value(present)
        ]
    else:  # the hint was a plan before CP-SAT began, so it counts
        plan = [(a.job, a.operation, a.cell, a.start_ms, a.end_ms) for a in greedy.values()]
    return Outcome(
        plan,
        solver.best_objective_bound,
        "optimal" if status == cp_model.OPTIMAL else "feasible",
        "cp-sat" if solved else "its greedy hint",
        trace.points[0][0] if trace.points else None,
        time.monotonic() - trace.begin,
        trace.points,
    )


def by_pyjobshop(problem: SchedulingProblem, seconds: float, workers: int, seed: int) -> Outcome:
    """PyJobShop as its documentation uses it: a model, its OR-Tools solver, a time limit.

    Raises:
        EngineMissing: It is not installed.
    """
    try:
        from pyjobshop import Model
    except ImportError as error:
        raise EngineMissing("PyJobShop is not installed: pip install .[bench]") from error

    begin = time.monotonic()
    model = Model()
    machines = [model.add_machine() for _ in problem.cells]
    keys, cells = [], []
    tasks: dict[tuple[int, int], Any] = {}
    for j, job in enumerate(problem.jobs):
        owner = model.add_job()
        for o, operation in enumerate(job.operations):
            task = tasks[j, o] = model.add_task(job=owner)
            keys.append((j, o))
            for way in operation.alternatives:
                model.add_mode(task, machines[way.cell], way.duration_ms)
                cells.append(way.cell)
            for before in operation.predecessors:
                model.add_end_before_start(tasks[j, before], task)
    for c, cell in enumerate(problem.cells):
        if not cell.setups:
            continue
        family = {
            (j, o): way.family
            for j, job in enumerate(problem.jobs)
            for o, operation in enumerate(job.operations)
            for way in operation.alternatives
            if way.cell == c
        }
        for first, one in family.items():
            for second, other in family.items():
                if first != second:
                    model.add_setup_time(
                        machines[c], tasks[first], tasks[second], cell.setups[one][other]
                    )
    result = model.solve(
        "ortools", time_limit=seconds, num_workers=workers, display=False, random_seed=seed
    )
    plan = [
        (j, o, cells[task.mode], int(task.start), int(task.end))
        for (j, o), task in zip(keys, result.best.tasks, strict=False)
    ]
    return Outcome(
        plan,
        float(result.lower_bound),
        result.status.value.lower() if plan else "no plan",
        "pyjobshop",
        None,
        time.monotonic() - begin,
    )


def prepare() -> None:
    """Compile what is stale, load it and OR-Tools, so that no instance is charged for it."""
    import ortools.sat.python.cp_model  # noqa: F401

    from planners.scheduling import tabu, warm_up

    warm_up()
    tabu.warm_up()
    shop = SchedulingProblem(
        (Cell("0"), Cell("1")),
        tuple(
            Job(f"{j}", (Operation("0", (Alternative(0, 3), Alternative(1, 2))),)) for j in range(5)
        ),
    )
    solve(shop, time_limit_s=0.5, weights=MAKESPAN)


ENGINES: dict[str, Callable[[SchedulingProblem, float, int, int], Outcome]] = {
    "solve": by_solve,
    "cp-sat": by_cp_sat,
    "pyjobshop": by_pyjobshop,
}
