"""What comes after order search: windows of CP-SAT, order search once more, or the full model.

``python -m benchmarks.scheduling_windows --cpu-s 6 --seeds 3``: small plants with everything that
couples cells, the same with tariff and peak, and plants where only time and energy count. Order
search has 85 % of the time; each of the three goes on from its plan for the rest. All is counted in
processor time of one worker, so that other work on the machine does not matter; CP-SAT's full model
is limited by its deterministic time, which comes near.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

from planners.scheduling import (
    ObjectiveWeights,
    Schedule,
    SchedulingProblem,
    best_of,
    order_search,
    verify,
)
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import SearchSettings, WindowSearch, improve
from planners.scheduling.generate import BENCHMARK, Features, generate
from planners.scheduling.local_search import Task, search_orders
from planners.scheduling.tidy import tidied

WEIGHTS = ObjectiveWeights()
FEATURES = {
    "coupled": BENCHMARK,
    "energy": replace(BENCHMARK, energy=True, peak=True),
    "price": Features(
        calendars=False, fixtures=False, pallets=False, buffers=False, transport=False,
        optional=False, interruptible=False,
    ),
}  # fmt: skip
PLANTS = (1, 2, 3)
SEARCHED = 0.85
WORK_PER_S = 0.25
"""CP-SAT's deterministic time per second of processor time, roughly."""
FOREVER_S = 1e6


class ProcessorTime:
    """Stands for the module `time` in what is measured."""

    monotonic = staticmethod(time.process_time)


def plant(kind: str, seed: int) -> SchedulingProblem:
    """A plant of 15 jobs and 5 cells; without due dates where only time and energy count."""
    problem = generate(seed, jobs=15, cells=5, features=FEATURES[kind])
    if kind != "price":
        return problem
    return replace(problem, jobs=tuple(replace(job, due_ms=None) for job in problem.jobs))


def measure(problem: SchedulingProblem, cpu_s: float, seed: int) -> dict[str, object]:
    """Gain of each continuation over the plan of order search, percent; processor time of each."""
    known = bounds(problem)
    floor = known.value(problem, WEIGHTS)
    rest = (1 - SEARCHED) * cpu_s

    def task(seconds: float) -> Task:
        until = time.process_time() + seconds
        return Task(
            problem, WEIGHTS, until, None, 1, seed, floor, lambda: False, lambda _plan: None
        )

    searched = search_orders(task(SEARCHED * cpu_s), best_of(problem, WEIGHTS))
    before = tidied(problem, searched.assignments, WEIGHTS, searched.engine)
    windows = WindowSearch(problem, known, WEIGHTS, seed)

    def by_windows() -> Schedule:
        limits = task(rest)
        plan = before
        while time.process_time() < limits.deadline:
            plan = windows.once(plan, FOREVER_S)
        return plan

    def by_orders() -> Schedule:
        return search_orders(replace(task(rest), seed=seed + 1000), before)

    def by_full_model() -> Schedule:
        settings = SearchSettings(
            time.monotonic() + FOREVER_S, FOREVER_S, 1, seed, effort=WORK_PER_S * rest
        )
        return improve(problem, known, before, WEIGHTS, settings).schedule or before

    row: dict[str, object] = {"value": before.objective.value}
    for name, go_on in (
        ("windows", by_windows), ("orders", by_orders), ("full model", by_full_model),
    ):  # fmt: skip
        begin = time.process_time()
        plan = go_on()
        assert not verify(problem, plan)
        gain = 1 - plan.objective.value / before.objective.value
        row[name] = {
            "gain_percent": round(100 * gain, 3),
            "cpu_s": round(time.process_time() - begin, 2),
        }
    return row | {"windows tried": windows.tried, "windows that gained": windows.gained}


def main() -> None:
    """Print a line of JSON for each plant and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpu-s", type=float, default=6.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    given = parser.parse_args()
    vars(order_search)["time"] = ProcessorTime
    for seed in given.seeds:
        for kind in FEATURES:
            for number in PLANTS:
                row = measure(plant(kind, number), given.cpu_s, seed)
                print(json.dumps({"plant": f"{kind} {number}", "seed": seed} | row), flush=True)


if __name__ == "__main__":
    main()
