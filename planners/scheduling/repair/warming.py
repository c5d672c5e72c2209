"""Compiles the repair ahead of time, so that the first repair is as quick as all others."""

from __future__ import annotations

from planners.scheduling.repair.engine import repair_at_once, search_on
from planners.scheduling.repair.held import HeldPlan
from planners.scheduling.tabu import from_problem, search
from planners.scheduling.work import Alternative, Job, Operation


def warm_up() -> None:
    """Compile, or load from disk, all that a repair runs."""
    from planners.scheduling.plant import Cell
    from planners.scheduling.problem import SchedulingProblem

    ways = (Alternative(0, 5), Alternative(1, 6))
    job = Job("warm", (Operation("first", ways), Operation("second", ways, (0,))))
    graph = from_problem(SchedulingProblem((Cell("a"), Cell("b")), (job, job, job)))
    plan = search(graph, iterations=50).plan
    rest = HeldPlan.of(graph, plan).cell_down(0, 2, 9)
    search_on(repair_at_once(rest), steps=20, most_moved=2, workers=1)
