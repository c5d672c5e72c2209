"""How far each scheduling engine stays from known optima, and how long a batch takes to plan.

    python benchmarks/scheduling.py [--time-limit 5] [--files DIR]

Prints a table and writes ``benchmarks/results/scheduling.json``. ``--files`` adds the FJS files of
another folder, whose best known makespan is then taken from our own bound.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from planners.scheduling import (
    ObjectiveWeights,
    SchedulingProblem,
    best_of,
    read_fjsp,
    read_jsp,
    solve,
    verify,
)
from planners.scheduling.local_search import improve_by_moves, usual_moves

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "scheduling"
RESULTS = ROOT / "benchmarks" / "results" / "scheduling.json"
WEIGHTS = ObjectiveWeights(left_shift=False)
KNOWN = {"mfjs05": 514, "mk01": 40, "mk02": 26, "mk07": 139, "ft10": 930, "la16": 945}
"""Best known makespans (all proven optimal); sources in tests/data/scheduling/LICENSES.md."""
JOB_SHOPS = {"ft10", "la16"}


def run(
    name: str, problem: SchedulingProblem, known: int | None, limit: float
) -> dict[str, object]:
    operations = sum(len(job.operations) for job in problem.jobs)
    begin = time.perf_counter()
    rules = best_of(problem, WEIGHTS)
    rules_s = time.perf_counter() - begin
    begin = time.perf_counter()
    moves = improve_by_moves(problem, rules, WEIGHTS, moves=usual_moves(operations), seed=0)
    moves_s = time.perf_counter() - begin
    plan = solve(problem, time_limit_s=limit, patience_s=limit, weights=WEIGHTS)
    faults = [v.message for s in (rules, moves, plan) for v in verify(problem, s)]
    if faults:
        sys.exit(f"{name}: the verifier rejects a plan: {faults[0]}")
    best = known if known is not None else plan.lower_bound
    return {
        "instance": name,
        "operations": operations,
        "best_known": best,
        "rules": rules.objective.makespan_ms,
        "rules_s": round(rules_s, 4),
        "moves": moves.objective.makespan_ms,
        "moves_s": round(moves_s, 4),
        "solve": plan.objective.makespan_ms,
        "solve_s": round(plan.wall_s, 2),
        "status": plan.status,
        "bound": plan.lower_bound,
    }


def gap(row: dict[str, object], engine: str) -> str:
    value, best = float(str(row[engine])), float(str(row["best_known"]))
    return f"{value:.0f}  {100 * (value / best - 1):5.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-limit", type=float, default=5.0, help="seconds for solve, per file")
    parser.add_argument("--files", type=Path, help="a folder with more FJS files (*.txt, *.fjs)")
    options = parser.parse_args()
    cases: list[tuple[str, SchedulingProblem, int | None]] = []
    for name, known in KNOWN.items():
        read = read_jsp if name in JOB_SHOPS else read_fjsp
        cases.append((name, read(DATA / f"{name}.txt"), known))
    if options.files:
        more = [path for path in options.files.iterdir() if path.suffix in {".txt", ".fjs"}]
        cases += [(path.stem, read_fjsp(path), None) for path in sorted(more)]
    rows = [run(name, problem, known, options.time_limit) for name, problem, known in cases]
    table = Table("instance", "operations", "best known", title="makespan and gap to best known")
    for column in ("rules", "s", "moves", "s", "solve", "s", "status"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            *(str(row[key]) for key in ("instance", "operations", "best_known")),
            *(gap(row, "rules"), str(row["rules_s"]), gap(row, "moves"), str(row["moves_s"])),
            *(gap(row, "solve"), str(row["solve_s"]), str(row["status"])),
        )
    Console().print(table)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    result = {"time_limit_s": options.time_limit, **machine, "rows": rows}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
