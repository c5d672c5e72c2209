"""How good the scheduler's plans are, and how soon they come, beside its open peers.

    robot-cell bench scheduling --set public --data DIR

Sets: ``public``: the gap to the best known makespan of every public instance. ``peers``: the same
beside CP-SAT on the textbook model and PyJobShop, at equal time and threads. ``proofs``: small
instances until they are proved optimal. ``scale``: 1,000 to 10,000 operations: first plan, gap to
the load bound, memory. ``coupled``: weighted tardiness with people, calendars, buffers and
fixtures. ``repair``: a cell dies in mid-plan.

Writes ``benchmarks/results/scheduling_<set>.json`` (with other than the usual seconds their number
follows: ``scheduling_public_60s.json``) after each instance; ``--resume`` goes on where a run was
interrupted. Every plan is checked, on public instances against the raw file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from rich.console import Console
from scheduling_coupled import cases
from scheduling_coupled import measure as measure_coupled
from scheduling_engines import EngineMissing, prepare
from scheduling_files import CLASSES, VARIABLE, DataMissing, data_folder, entries
from scheduling_public import measure as measure_public
from scheduling_record import ROOT, Record, Row, SettingsDiffer
from scheduling_scale import SIZES
from scheduling_tables import summary, table

PROOFS = (
    *("mk01", "mk03", "mk05", "mk07", "mk08", "mk09", "mfjs05", "ft10", "la16"),
    *("Fattahi_setup_10", "Fattahi_setup_15"),
)
SECONDS = {"proofs": 60.0, "scale": 30.0}
USUAL_SECONDS = 20.0
EXIT_FAULT, EXIT_USAGE = 1, 2


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="robot-cell bench scheduling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--set",
        default="public",
        choices=("public", "peers", "proofs", "scale", "coupled", "repair"),
    )
    parser.add_argument(
        "--seconds", type=float, help="per instance and engine (20; proofs 60; scale 30)"
    )
    parser.add_argument("--workers", type=int, default=2, help="threads of each engine (2)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="only these instances")
    parser.add_argument(
        "--classes", nargs="+", choices=CLASSES, help="only these classes of public instances"
    )
    parser.add_argument(
        "--engines", nargs="+", choices=("solve", "cp-sat", "pyjobshop"), help="only these"
    )
    parser.add_argument(
        "--data",
        type=Path,
        help=f"folder with index.csv and its files (or {VARIABLE}); else the copies of the tests",
    )
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    parser.add_argument("--resume", action="store_true", help="keep the rows that are there")
    return parser.parse_args()


Work = dict[str, Callable[[], Row]]
"""Name of a row, and how it is measured."""


def work_of(options: argparse.Namespace) -> Work:
    limits = (options.seconds, options.workers, options.seed)
    if options.set == "repair":
        try:
            import repair
        except ImportError as error:
            raise DataMissing(f"benchmarks/repair.py cannot be loaded: {error}") from error
        return {"repair": lambda: _repaired(repair, options.workers)}
    if options.set == "coupled":
        chosen = {n: p for n, p in cases().items() if not options.names or n in options.names}
        return {n: lambda p=p: measure_coupled(p, *limits) for n, p in chosen.items()}
    if options.set == "scale":
        names = options.names or list(SIZES)
        return {n: lambda n=n: _in_own_process(n, *limits) for n in names}
    names = options.names or (list(PROOFS) if options.set == "proofs" else None)
    engines = options.engines or (
        ["solve", "cp-sat", "pyjobshop"] if options.set == "peers" else ["solve"]
    )
    chosen = entries(data_folder(options.data), names)
    if options.classes:
        chosen = [entry for entry in chosen if entry.group in options.classes]
    elif options.set in ("public", "peers") and not names:
        # Thousands of operations with hour-long durations: their peers need minutes to begin.
        chosen = [entry for entry in chosen if entry.group != "jsp industry"]
    return {e.name: lambda e=e: measure_public(e, engines, *limits) for e in chosen}


def _repaired(repair: ModuleType, workers: int) -> Row:
    """The whole benchmark of repair as one row; its seconds are its own."""
    found: Row = repair.run(repair.Settings(workers=workers), Console(stderr=True))
    return {key: value for key, value in found.items() if key not in ("date", "machine")}


def _in_own_process(name: str, seconds: float, workers: int, seed: int) -> Row:
    script = ROOT / "benchmarks" / "scheduling_scale.py"
    done = subprocess.run(
        [sys.executable, str(script), name, str(seconds), str(workers), str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script.name} {name} failed:\n{done.stderr}")
    row: Row = json.loads(done.stdout)
    return row


def main() -> int:
    options = parsed()
    usual = SECONDS.get(options.set, USUAL_SECONDS)
    if options.seconds is None:
        options.seconds = usual
    said = Console(stderr=True, highlight=False)
    other = "" if options.seconds == usual else f"_{options.seconds:g}s"
    name = f"scheduling_{options.set}{other}.json"
    path = options.output or ROOT / "benchmarks" / "results" / name
    settings = {"set": options.set, "seconds": options.seconds, "workers": options.workers,
                "seed": options.seed}  # fmt: skip
    try:
        work = work_of(options)
        record = Record(
            path, settings, lambda rows: summary(options.set, rows), resume=options.resume
        )
        prepare()
        for name, measure in work.items():
            if record.has(name):
                said.print(f"[dim]{name}: measured before[/dim]")
                continue
            said.print(f"[dim]{name} ...[/dim]")
            record.add({"name": name} | measure())
    except (DataMissing, EngineMissing, SettingsDiffer) as error:
        said.print(f"[red]error:[/red] {error}")
        return EXIT_USAGE
    except KeyboardInterrupt:
        said.print(f"interrupted; {path} holds what was measured, --resume goes on")
        return 130
    if options.json:
        json.dump(record.content(), sys.stdout, indent=1)
        print()
    else:
        wide = Console(highlight=False, width=max(132, Console().width))
        wide.print(table(options.set, record.rows, settings))
        wide.print(f"{path}")
    faults = [row["name"] for row in record.rows if row.get("faults")]
    if faults:
        said.print(f"[red]plans that break their problem: {', '.join(faults)}[/red]")
    return EXIT_FAULT if faults else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
