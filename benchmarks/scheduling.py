"""How far each scheduling engine stays from known optima, and how well a batch is planned in time.

    python benchmarks/scheduling.py [--time-limit 2] [--files DIR]

Each engine gets the same problem: the best dispatch rule; search over orders from there; CP-SAT
from there without search; and `solve`, which is all of them. Prints a table and writes
``benchmarks/results/scheduling.json``. ``--files`` adds the FJS files of another folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from planners.scheduling import (
    Alternative,
    Cell,
    Job,
    ObjectiveWeights,
    Operation,
    Schedule,
    SchedulingProblem,
    best_of,
    read_fjsp,
    read_jsp,
    solve,
    verify,
)
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import SearchSettings, improve
from planners.scheduling.order_search import OrderSearch, SearchLimits

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "scheduling"
RESULTS = ROOT / "benchmarks" / "results" / "scheduling.json"
KNOWN = {"mfjs05": 514, "mk01": 40, "mk02": 26, "mk07": 139, "ft10": 930, "la16": 945}
"""Makespans that are proven optimal; sources in tests/data/scheduling/LICENSES.md."""
JOB_SHOPS = {"ft10", "la16"}
MINUTE_MS = 60_000
RECIPES = (
    (((0, 52_000),), ((0, 74_000), (1, 95_000)), ((1, 63_000),)),
    (((0, 40_000),), ((0, 55_000),), ((1, 52_000), (0, 90_000)), ((1, 66_000),)),
    (((0, 35_000), (1, 41_000)), ((1, 80_000),), ((1, 30_000), (0, 44_000))),
)
"""Per product and operation the (cell, duration in ms) alternatives of the batches."""


def batch(seed: int, orders: int = 12, units: int = 27) -> SchedulingProblem:
    """Orders for three products on two cells with calendars, due dates and priorities."""
    rng = random.Random(seed)
    quantities = [2] * orders
    for _ in range(units - 2 * orders):
        quantities[rng.randrange(orders)] += 1
    jobs = []
    for i, quantity in enumerate(quantities):
        operations = tuple(
            Operation(f"{k}", tuple(Alternative(*way) for way in ways), (k - 1,) if k else ())
            for k, ways in enumerate(RECIPES[i % len(RECIPES)])
        )
        release = rng.choice((0, 0, 10)) * MINUTE_MS
        due = release + rng.choice((20, 30, 45, 60)) * MINUTE_MS
        weight = rng.choice((1.0, 2.0, 4.0))
        jobs += [Job(f"{i}/{u}", operations, release, due, weight) for u in range(quantity)]
    loading = ((12 * MINUTE_MS, 14 * MINUTE_MS), (40 * MINUTE_MS, 50 * MINUTE_MS))
    assembly = ((25 * MINUTE_MS, 30 * MINUTE_MS),)
    return SchedulingProblem((Cell("loading", loading), Cell("assembly", assembly)), tuple(jobs))


def measure(
    name: str, problem: SchedulingProblem, weights: ObjectiveWeights, limit: float
) -> dict[str, object]:
    operations = sum(len(job.operations) for job in problem.jobs)
    times: dict[str, float] = {}
    plans: dict[str, Schedule] = {}

    def note(engine: str, begin: float, plan: Schedule) -> Schedule:
        times[engine] = round(time.perf_counter() - begin, 3)
        plans[engine] = plan
        faults = verify(problem, plan)
        if faults:
            sys.exit(f"{name}: the verifier rejects the plan of {engine}: {faults[0].message}")
        return plan

    rules = note("rules", time.perf_counter(), best_of(problem, weights))
    begin = time.perf_counter()
    search = OrderSearch(problem, rules, weights)
    note("search", begin, search.run(SearchLimits(time.monotonic() + limit)))
    begin = time.perf_counter()
    settings = SearchSettings(deadline=time.monotonic() + limit, patience_s=limit)
    found = improve(problem, bounds(problem), rules, weights, settings).schedule
    note("cp_sat", begin, found or rules)
    begin = time.perf_counter()
    plan = solve(problem, time_limit_s=limit, weights=weights)
    note("solve", begin, plan)
    row: dict[str, object] = {"instance": name, "operations": operations, "status": plan.status}
    row |= {"known": KNOWN.get(name), "bound": plan.lower_bound}
    for engine, result in plans.items():
        row[engine] = {
            "makespan": result.objective.makespan_ms,
            "weighted_tardiness": result.objective.weighted_tardiness,
            "gap": result.objective.value / float(KNOWN.get(name) or plan.lower_bound) - 1,
            "wall_s": times[engine],
        }
    return row


def cell(result: object) -> str:
    """Makespan, gap and wall time of one engine; lateness where there is some."""
    assert isinstance(result, dict)
    late = result["weighted_tardiness"]
    gap = f"late {late:.0f}" if late else f"{100 * result['gap']:.1f} %"
    return f"{result['makespan']}  {gap}  {result['wall_s']:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-limit", type=float, default=2.0, help="seconds for solve, per file")
    parser.add_argument("--files", type=Path, help="a folder with more FJS files (*.txt, *.fjs)")
    options = parser.parse_args()
    import ortools  # so that its import is not charged to the first problem

    cases = [(f"batch {seed}", batch(seed), ObjectiveWeights()) for seed in (1, 2, 3, 4)]
    by_makespan = ObjectiveWeights(left_shift=False)
    for name in KNOWN:
        read = read_jsp if name in JOB_SHOPS else read_fjsp
        cases.append((name, read(DATA / f"{name}.txt"), by_makespan))
    if options.files:
        more = [path for path in options.files.iterdir() if path.suffix in {".txt", ".fjs"}]
        cases += [(path.stem, read_fjsp(path), by_makespan) for path in sorted(more)]
    console = Console()
    rows = []
    for name, problem, weights in cases:
        console.print(f"{name} ...", highlight=False)
        rows.append(measure(name, problem, weights, options.time_limit))
    table = Table(title="makespan, gap to the optimum (batches: to the bound), wall time")
    for column in ("instance", "best rule", "search", "CP-SAT", "solve", "status"):
        table.add_column(column)
    for row in rows:
        engines = (cell(row[engine]) for engine in ("rules", "search", "cp_sat", "solve"))
        table.add_row(str(row["instance"]), *engines, str(row["status"]))
    Console(width=max(110, console.width)).print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "time_limit_s": options.time_limit,
        "python": platform.python_version(),
        "ortools": ortools.__version__,
        "cores": os.cpu_count(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
