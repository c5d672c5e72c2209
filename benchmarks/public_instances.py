"""Gap to the best known makespans of public files, engine beside engine in the same run.

    python benchmarks/public_instances.py DIR [--seconds 20] [--kinds fjsp,jsp,fjsp_sdst]
        [--engines solve,cp-sat,pyjobshop] [--workers 2] [--skip dp] [--names mk01,ft10]

``DIR`` has an ``index.csv`` with columns ``instance,kind,file,ub`` (and what else it likes). Each
plan is checked by `verify`. ``cp-sat`` is CP-SAT alone from the best dispatched plan; ``pyjobshop``
needs ``pip install pyjobshop``. Writes ``benchmarks/results/public_instances.json``.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from planners.scheduling import ObjectiveWeights, SchedulingProblem, best_of, solve, verify
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat import SearchSettings, improve
from planners.scheduling.formats import Format, read_instance

RESULTS = Path(__file__).parent / "results" / "public_instances.json"
KINDS = {"fjsp": Format.fjsp, "jsp": Format.jsp, "fjsp_sdst": Format.sdst}
WEIGHTS = ObjectiveWeights(
    tardiness=0.0, energy=0.0, labour=0.0, left_out=0.0, moved=0.0, resequenced=0.0,
    left_shift=False,
)  # fmt: skip

Row = dict[str, Any]


def by_solve(problem: SchedulingProblem, seconds: float, workers: int) -> Row:
    plan = solve(
        problem, time_limit_s=seconds, workers=workers, weights=WEIGHTS, patience_s=seconds
    )
    faults = verify(problem, plan)
    if faults:
        sys.exit(f"the verifier rejects a plan of {plan.engine}: {faults[0].message}")
    return {
        "makespan": plan.objective.makespan_ms,
        "lower_bound": plan.lower_bound,
        "status": plan.status,
        "engine": plan.engine,
        "first_feasible_s": round(plan.first_feasible_s, 3),
    }


def by_cp_sat(problem: SchedulingProblem, seconds: float, workers: int) -> Row:
    deadline = time.monotonic() + seconds
    start = best_of(problem, WEIGHTS)
    settings = SearchSettings(deadline=deadline, patience_s=seconds, workers=workers)
    found = improve(problem, bounds(problem), start, WEIGHTS, settings).schedule or start
    faults = verify(problem, found)
    if faults:
        sys.exit(f"the verifier rejects a plan of CP-SAT: {faults[0].message}")
    return {"makespan": found.objective.makespan_ms}


def by_pyjobshop(problem: SchedulingProblem, seconds: float, workers: int) -> Row:
    from pyjobshop import Model

    model = Model()
    machines = [model.add_machine() for _ in problem.cells]
    tasks: dict[tuple[int, int], Any] = {}
    for j, job in enumerate(problem.jobs):
        owner = model.add_job()
        for o, operation in enumerate(job.operations):
            task = tasks[j, o] = model.add_task(job=owner)
            for way in operation.alternatives:
                model.add_mode(task, machines[way.cell], way.duration_ms)
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
    result = model.solve(time_limit=seconds, num_workers=workers, display=False)
    return {"makespan": int(result.objective) if result.best.tasks else None}


ENGINES: dict[str, Callable[[SchedulingProblem, float, int], Row]] = {
    "solve": by_solve,
    "cp-sat": by_cp_sat,
    "pyjobshop": by_pyjobshop,
}


def gap(row: Row, engine: str) -> float | None:
    made, known = row[engine].get("makespan"), row["known"]
    return None if made is None or known is None else made / known - 1


def written(rows: list[Row], options: argparse.Namespace) -> None:
    engines = options.engines.split(",")
    means = {
        kind: {
            engine: round(100 * mean(gaps), 3)
            for engine in engines
            if (
                gaps := [g for r in rows if r["kind"] == kind and (g := gap(r, engine)) is not None]
            )
        }
        for kind in dict.fromkeys(row["kind"] for row in rows)
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_at_end": round(os.getloadavg()[0], 1),
        "seconds": options.seconds,
        "workers": options.workers,
        "mean_gap_percent": means,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with index.csv")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--kinds", default="fjsp,jsp,fjsp_sdst")
    parser.add_argument("--engines", default="solve,cp-sat")
    parser.add_argument("--skip", default="", help="leave out names that begin with this")
    parser.add_argument("--names", default="", help="only these")
    options = parser.parse_args()
    import ortools  # noqa: F401 - so that its import is charged to nobody

    engines = options.engines.split(",")
    kinds, names = options.kinds.split(","), [n for n in options.names.split(",") if n]
    console, rows = Console(), []
    with (options.data / "index.csv").open(newline="") as file:
        index = [row for row in csv.DictReader(file) if row["kind"] in kinds]
    for entry in index:
        name = entry["instance"]
        if (names and name not in names) or (options.skip and name.startswith(options.skip)):
            continue
        problem = read_instance(options.data / entry["file"], KINDS[entry["kind"]]).problem
        known = int(entry["ub"]) if entry["ub"] else None
        row: Row = {"instance": name, "kind": entry["kind"], "known": known}
        for engine in engines:
            began_s = time.monotonic()
            row[engine] = ENGINES[engine](problem, options.seconds, options.workers)
            row[engine]["wall_s"] = round(time.monotonic() - began_s, 2)
        rows.append(row)
        told = "  ".join(
            f"{engine} {row[engine]['makespan']}"
            + (f" ({100 * g:+.2f} %)" if (g := gap(row, engine)) is not None else "")
            for engine in engines
        )
        console.print(f"{name} ({known}): {told}", highlight=False)
        written(rows, options)
    table = Table(
        title=f"mean gap to the best known, {options.seconds:g} s, {options.workers} threads"
    )
    for column in ("kind", "files", *engines):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind]
        cells = []
        for engine in engines:
            gaps = [g for row in own if (g := gap(row, engine)) is not None]
            cells.append(f"{100 * mean(gaps):.2f} %" if gaps else "-")
        table.add_row(kind, str(len(own)), *cells)
    console.print(table)


if __name__ == "__main__":
    main()
