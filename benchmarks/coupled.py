"""Weighted tardiness on generated plants whose cells are coupled: search, CP-SAT, and every rule.

    python benchmarks/coupled.py [--seconds 15] [--seeds 1 2 3 4 5]

Setups that need an operator, calendars, operators with skills, fixtures, pallets, limited buffers
and transport, all on (`planners.scheduling.generate`, features ``BENCHMARK``). Search and CP-SAT
get the same seconds, two threads, and the same start: the best rule. Prints a table and writes
``benchmarks/results/coupled.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from planners.scheduling import ObjectiveWeights, Schedule, best_of, verify, warm_up
from planners.scheduling.bounds import bounds
from planners.scheduling.generate import BENCHMARK, generate
from planners.scheduling.order_search import OrderSearch, SearchLimits

RESULTS = Path(__file__).resolve().parent / "results" / "coupled.json"
SIZES = (25, 60)
"""Jobs; about 4.5 operations each."""


def measure(seed: int, jobs: int, seconds: float) -> dict[str, object]:
    from planners.scheduling import cpsat

    problem = generate(seed, jobs=jobs, cells=6 if jobs <= 25 else 10, features=BENCHMARK)
    weights = ObjectiveWeights()
    begin = time.perf_counter()
    rule = best_of(problem, weights)
    rules_s = time.perf_counter() - begin
    begin = time.perf_counter()
    search = OrderSearch(problem, rule, weights, seed=0, workers=2)
    found = search.run(SearchLimits(time.monotonic() + seconds))
    search_s = time.perf_counter() - begin
    begin = time.perf_counter()
    settings = cpsat.SearchSettings(time.monotonic() + seconds, seconds, workers=2)
    result = cpsat.improve(problem, bounds(problem), rule, weights, settings)
    cp_sat_s = time.perf_counter() - begin
    proved = result.schedule or rule
    for name, plan in (("rule", rule), ("search", found), ("CP-SAT", proved)):
        faults = verify(problem, plan)
        if faults:
            sys.exit(f"seed {seed}: the verifier rejects the plan of {name}: {faults[0].message}")
    return {
        "seed": seed,
        "operations": sum(len(job.operations) for job in problem.jobs),
        "best_rule": terms(rule, rules_s) | {"rule": rule.engine},
        "search": terms(found, search_s),
        "cp_sat": terms(proved, cp_sat_s),
        "bound": max(result.lower_bound, bounds(problem).value(problem, weights)),
    }


def terms(plan: Schedule, wall_s: float) -> dict[str, object]:
    return {
        "value": plan.objective.value,
        "weighted_tardiness_s": plan.objective.weighted_tardiness / 1000,
        "tardy_jobs": plan.objective.tardy_jobs,
        "makespan_ms": plan.objective.makespan_ms,
        "wall_s": round(wall_s, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--jobs", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    warm_up()
    import ortools  # so that its import is not charged to the first problem

    console = Console()
    rows = []
    for jobs in options.jobs:
        for seed in options.seeds:
            console.print(f"{jobs} jobs, seed {seed} ...", highlight=False)
            rows.append(measure(seed, jobs, options.seconds))
    table = Table(title="weighted tardiness, s")
    for column in ("operations", "seed", "best rule", "search", "CP-SAT"):
        table.add_column(column)
    for row in rows:
        values = []
        for engine in ("best_rule", "search", "cp_sat"):
            result = row[engine]
            assert isinstance(result, dict)
            values.append(f"{result['weighted_tardiness_s']:.0f}")
        table.add_row(str(row["operations"]), str(row["seed"]), *values)
    Console(width=max(100, console.width)).print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "seconds": options.seconds,
        "python": platform.python_version(),
        "ortools": ortools.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d"),
        "load_at_end": round(os.getloadavg()[0], 1),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
