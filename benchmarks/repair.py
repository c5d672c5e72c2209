"""Live repair of a large plan: the busiest cell stands still, and the plan goes round it.

    python benchmarks/repair.py [--seeds 20] [--operations 1000] [--search 0.055] [--workers 2]

Random flexible job shops, 20 operations a job, 2 to 5 alternatives, one cell per 50 operations. The
original plan is searched for 30,000 steps. At 30 % of its makespan the busiest cell stands still
for 15 % of it; what it was doing has to be done again. Measured: the plan at once (right-shift and
reinsertion) and the one after so many seconds more of search; in wall time, decoding and checking
included, and in processor time. At most 5 % of the operations may change their cell.

The same search is also made by one thread for 3,000 steps, which two threads of an idle machine
make in less than those seconds: what it reaches, and its processor time, depend on no other work.

Every plan is also checked by `verify`, after the clock. Prints a table and writes
``benchmarks/results/scheduling_repair.json``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from planners.scheduling import ObjectiveWeights, Schedule, SchedulingProblem, tabu, verify
from planners.scheduling.generate import flexible_job_shop
from planners.scheduling.problem import Assignment
from planners.scheduling.repair import HeldPlan, Repaired, repair_at_once, search_on, warm_up
from planners.scheduling.schedule import evaluate

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scheduling_repair.json"
PLAN_STEPS = 30_000
STEPS = 3_000
DOWN_AT, DOWN_FOR = 0.30, 0.15
MOST_MOVED = 0.05
TARGETS = {
    "at_once_ms_p99": 10.0,
    "repaired_ms_p99": 100.0,
    "over_plan_worst": 0.012,
    "moved_worst": 0.05,
    "at_once_cpu_ms_p99": 10.0,
    "counted_cpu_ms_p99": 100.0,
    "counted_over_plan_worst": 0.012,
}
WEIGHTS = ObjectiveWeights(left_shift=False)


@dataclass(frozen=True)
class Settings:
    """How to measure."""

    seeds: int = 20
    operations: int = 1000
    search_s: float = 0.055
    workers: int = 2
    repeats: int = 5


def measure(seed: int, settings: Settings) -> dict[str, Any]:
    """One plan, disturbed and repaired some times."""
    problem = flexible_job_shop(seed, operations=settings.operations)
    graph = tabu.from_problem(problem, WEIGHTS)
    plan = tabu.search(graph, iterations=PLAN_STEPS, workers=1, seed=seed).plan
    held = HeldPlan.of(graph, plan)
    now, until = int(DOWN_AT * plan.makespan), int((DOWN_AT + DOWN_FOR) * plan.makespan)
    load = np.bincount(plan.cell, weights=plan.end - plan.start)
    down = int(load.argmax())
    most_moved = int(MOST_MOVED * settings.operations)
    samples: list[dict[str, float]] = []
    for repeat in range(settings.repeats + 1):
        began, used = time.perf_counter(), time.process_time()
        rest = held.cell_down(down, now, until)
        first = repair_at_once(rest, most_moved=most_moved)
        at_once, at_once_used = time.perf_counter() - began, time.process_time() - used
        second = search_on(
            first,
            search_s=settings.search_s,
            most_moved=most_moved,
            workers=settings.workers,
            seed=repeat,
        )
        repaired, repaired_used = time.perf_counter() - began, time.process_time() - used
        if repeat == 0:
            continue  # this one brings code and data into the caches
        used = time.process_time()
        counted = search_on(first, steps=STEPS, most_moved=most_moved, workers=1, seed=repeat)
        counted_used = time.process_time() - used
        for result in (first, second, counted):
            check(problem, held, result, down, now, until)
        samples.append(
            {
                "at_once_ms": 1e3 * at_once,
                "at_once_cpu_ms": 1e3 * at_once_used,
                "at_once_over_plan": first.plan.makespan / plan.makespan - 1,
                "at_once_moved": first.moved / settings.operations,
                "repaired_ms": 1e3 * repaired,
                "repaired_cpu_ms": 1e3 * repaired_used,
                "over_plan": second.plan.makespan / plan.makespan - 1,
                "moved": second.moved / settings.operations,
                "steps": second.steps,
                "counted_cpu_ms": 1e3 * (at_once_used + counted_used),
                "counted_over_plan": counted.plan.makespan / plan.makespan - 1,
                "counted_moved": counted.moved / settings.operations,
            }
        )
    return {"seed": seed, "makespan": plan.makespan, "samples": samples}


def check(
    problem: SchedulingProblem, held: HeldPlan, result: Repaired, down: int, now: int, until: int
) -> None:
    """Have the verifier look at a repair, with what had begun as facts."""
    keys = list(problem.operation_keys())

    def assignments(plan: tabu.GraphPlan) -> tuple[Assignment, ...]:
        return tuple(
            Assignment(j, o, int(c), int(s), int(e))
            for (j, o), c, s, e in zip(keys, plan.cell, plan.start, plan.end, strict=True)
        )

    frozen = tuple(
        a
        for a in assignments(held.plan)
        if a.start_ms < now and not (a.cell == down and a.end_ms > now)
    )
    cells = list(problem.cells)
    cells[down] = replace(cells[down], unavailable=((now, until),))
    rest = replace(problem, cells=tuple(cells), frozen=frozen, earliest_start_ms=now)
    plan = tabu.to_assignments(problem, result.plan)
    faults = verify(rest, Schedule(plan, "feasible", "repair", evaluate(rest, plan, WEIGHTS)))
    if faults:
        sys.exit(f"the verifier rejects a repair: {faults[0].message}")


def run(settings: Settings, console: Console) -> dict[str, Any]:
    """Measure all seeds, print them, and return what is written."""
    warm_up()
    gc.freeze()
    rows = []
    table = Table(title=f"{settings.operations} operations, busiest cell down: repair")
    for column in (
        "seed", "makespan", "at once, ms", "over plan", "moved", "repaired, ms", "over plan",
        "moved", "steps",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for seed in range(1, settings.seeds + 1):
        row = measure(seed, settings)
        rows.append(row)
        median = {key: float(np.median([s[key] for s in row["samples"]]))
                  for key in row["samples"][0]}  # fmt: skip
        table.add_row(
            str(seed),
            str(row["makespan"]),
            f"{median['at_once_ms']:.1f}",
            f"{median['at_once_over_plan']:.2%}",
            f"{median['at_once_moved']:.1%}",
            f"{median['repaired_ms']:.0f}",
            f"{median['over_plan']:.2%}",
            f"{median['moved']:.1%}",
            f"{median['steps']:.0f}",
        )
    every = [sample for row in rows for sample in row["samples"]]

    def quantile(key: str, share: float) -> float:
        return round(float(np.quantile([s[key] for s in every], share)), 4)

    summary = {
        f"{key}_{name}": quantile(key, share)
        for key in every[0]
        for name, share in (("p50", 0.5), ("p99", 0.99), ("worst", 1.0))
    }
    console.print(table)
    for name, target in TARGETS.items():
        kept = "kept" if summary[name] <= target else "MISSED"
        console.print(f"{name}: {summary[name]:g} (target {target:g}): {kept}", highlight=False)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load": [round(x, 2) for x in os.getloadavg()],
            "python": platform.python_version(),
        },
        "settings": {name: getattr(settings, name) for name in Settings.__dataclass_fields__},
        "targets": TARGETS,
        "summary": summary,
        "rows": rows,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=usual.seeds, help="plants 1 to N")
    parser.add_argument("--operations", type=int, default=usual.operations)
    parser.add_argument("--search", type=float, default=usual.search_s, help="seconds of search")
    parser.add_argument("--workers", type=int, default=usual.workers, help="threads")
    parser.add_argument("--repeats", type=int, default=usual.repeats, help="repairs of each plan")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    settings = Settings(
        options.seeds, options.operations, options.search, options.workers, options.repeats
    )
    result = run(settings, Console())
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
