"""Local search: the engine that suits the problem, from a plan to a better one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate

STEPS_PER_EFFORT = 20_000
"""Steps of each thread of the tabu search per unit of effort."""


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
    start_ms = np.array([a.start_ms for a in in_place], dtype=np.int64)
    end_ms = np.array([a.end_ms for a in in_place], dtype=np.int64)
    turn = np.argsort(tabu.in_turn(graph, start_ms, end_ms))
    start = tabu.plan_from(graph, np.array([a.cell for a in in_place]), turn)
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
