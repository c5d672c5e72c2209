"""Large random flexible job shops: first plans, memory, and the distance from the load bound.

    python benchmarks/scheduling_scale.py JOBS SECONDS WORKERS SEED

prints the JSON of one size; `scheduling.py --set scale` runs it as a process of its own for each
size, so that the memory is that of one solve.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from planners.scheduling import SchedulingProblem
from planners.scheduling.generate import flexible_job_shop

SIZES = {"1000": (1000, 20), "5000": (5000, 60), "10000": (10_000, 100)}
"""Name: operations, cells."""
PER_JOB = 10


def load_bound(problem: SchedulingProblem) -> float:
    """The least largest load of any machine if operations could be divided among machines.

    The linear program of unrelated machines (Lawler and Labetoulle, Journal of the ACM 25, 1978),
    solved to optimality by OR-Tools' GLOP.
    """
    from ortools.linear_solver import pywraplp

    solver = pywraplp.Solver.CreateSolver("GLOP")
    largest = solver.NumVar(0, solver.infinity(), "")
    loads = [solver.Constraint(-solver.infinity(), 0) for _ in problem.cells]
    for load in loads:
        load.SetCoefficient(largest, -1)
    for job in problem.jobs:
        for operation in job.operations:
            whole = solver.Constraint(1, 1)
            for way in operation.alternatives:
                share = solver.NumVar(0, 1, "")
                whole.SetCoefficient(share, 1)
                loads[way.cell].SetCoefficient(share, way.duration_ms)
    solver.Minimize(largest)
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        raise RuntimeError("GLOP did not solve the load bound")
    return float(solver.Objective().Value())


def measure(name: str, seconds: float, workers: int, seed: int) -> dict[str, Any]:
    """One size: rules one by one, then `solve`; the bound comes last, so it takes no memory."""
    from scheduling_engines import MAKESPAN, by_solve, prepare

    from planners.scheduling import verify
    from planners.scheduling.dispatch import RULES, Dispatcher
    from planners.scheduling.schedule import Schedule, evaluate

    prepare()
    operations, cells = SIZES[name]
    problem = flexible_job_shop(seed, operations=operations, per_job=PER_JOB, cells=cells)
    outcome = by_solve(problem, seconds, workers, seed)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    from planners.scheduling.problem import Assignment

    plan = tuple(Assignment(*row) for row in outcome.plan)
    faults = verify(
        problem, Schedule(plan, "feasible", outcome.engine, evaluate(problem, plan, MAKESPAN))
    )
    dispatcher = Dispatcher(problem)
    rules_ms = {}
    for rule, what in RULES.items():
        begin = time.thread_time()
        dispatcher.run(what, MAKESPAN)
        rules_ms[rule] = round(1000 * (time.thread_time() - begin), 1)
    bound = load_bound(problem)
    return {
        **outcome.as_row(),
        "faults": [fault.message for fault in faults[:5]],
        "load_bound": round(bound, 2),
        "gap_to_load_bound": round(outcome.makespan / bound - 1, 5) if outcome.makespan else None,
        "peak_mib": round(peak_mib),
        "rules_cpu_ms": rules_ms,
    }


if __name__ == "__main__":
    size, limit, threads, dice = sys.argv[1:]
    json.dump(measure(size, float(limit), int(threads), int(dice)), sys.stdout)
