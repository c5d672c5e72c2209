"""How long a new user waits: set-up, the first motion, and the whole demo.

    python3 benchmarks/first_run.py            # set-up again, first motion, demo, in this folder
    python3 benchmarks/first_run.py --fresh    # also a first set-up, in a clone of this folder

Writes benchmarks/results/first_run.json. Standard library only, so that it can measure set-up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "first_run.json"
NODE = re.compile(r"[/']((?:sim|arm|fixture|cell|scheduler)_node)['\0]|execution\.(servo)")
DEMO = ("examples/housing_plant.yaml", "examples/orders_week48.csv", "--headless")


def seconds_of(command: list[str], cwd: Path) -> tuple[float, float]:
    """Run a command; return its duration and the longest time it printed nothing.

    Raises:
        SystemExit: if it fails; what it printed goes to the screen.
    """
    started = heard = time.monotonic()
    silent = 0.0
    printed = []
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            now = time.monotonic()
            silent, heard = max(silent, now - heard), now
            printed.append(line)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{''.join(printed[-30:])}")
    ended = time.monotonic()
    return ended - started, max(silent, ended - heard)


def fresh_setup(python: str) -> dict[str, float]:
    """Set up a new clone, then again."""
    with tempfile.TemporaryDirectory(prefix="robot_cell_") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        make = ["make", "--no-print-directory", "setup", f"PYTHON={python}"]
        first, silent = seconds_of(make, clone)
        again, _ = seconds_of(make, clone)
    return {"setup_s": first, "setup_longest_silence_s": silent, "setup_again_s": again}


def demo(speed: str) -> dict[str, float]:
    """Run the demo; its own JSON says how long after the command the first arm moved."""
    with tempfile.TemporaryDirectory(prefix="robot_cell_") as folder:
        words = f". ./env.sh && exec robot-cell run {' '.join(DEMO)} --speed {speed} --json"
        script = f"{words} --report {folder}"
        started = time.monotonic()
        peak_mb: dict[str, float] = {}
        ended = threading.Event()
        watcher = threading.Thread(target=watch_memory, args=(peak_mb, ended))
        watcher.start()
        done = subprocess.run(
            ["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        wall_s = time.monotonic() - started
        ended.set()
        watcher.join()
    if done.returncode != 0:
        sys.exit(f"the demo ended with {done.returncode}:\n{done.stderr[-3000:]}")
    answer = json.loads(done.stdout)
    jobs = answer["jobs"]
    measured = {
        "demo_s": wall_s,
        "demo_jobs": len(jobs),
        "demo_jobs_complete": sum(job["status"] == "complete" for job in jobs),
    }
    # Wall seconds of planning, from the command to the first measured motion, and inside the run.
    for name in ("planning_s", "first_motion_s", "wall_s", "real_time_factor"):
        if answer.get(name) is not None:
            measured[name] = answer[name]
    measured |= planned_and_executed(answer["operations"])
    return measured | {f"{name}_mb": value for name, value in sorted(peak_mb.items())}


def planned_and_executed(operations: list[dict[str, Any]]) -> dict[str, float]:
    """How far the durations of the run's operations are from those that were planned, percent.

    The plan's are of the planned motion; the run's are of the physics.
    """
    gaps = sorted(
        100.0
        * abs(
            (o["actual_end_s"] - o["actual_start_s"]) / (o["planned_end_s"] - o["planned_start_s"])
            - 1.0
        )
        for o in operations
        if o["status"] in ("complete", "done")
    )
    if not gaps:
        return {}
    return {
        "operations": len(gaps),
        "duration_gap_median_percent": gaps[len(gaps) // 2],
        "duration_gap_p95_percent": gaps[min(int(0.95 * len(gaps)), len(gaps) - 1)],
        "duration_gap_largest_percent": gaps[-1],
    }


def watch_memory(peak_mb: dict[str, float], ended: threading.Event) -> None:
    """Note the largest resident set (VmHWM, proc(5)) of each kind of node, once a second."""
    while not ended.wait(1.0):
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().decode()
                found = NODE.search(command)
                if not entry.name.isdigit() or found is None:
                    continue
                status = (entry / "status").read_text()
            except (OSError, UnicodeDecodeError):
                continue
            resident = re.search(r"VmHWM:\s+(\d+) kB", status)
            if resident is not None:
                name = next(group for group in found.groups() if group)
                peak_mb[name] = max(peak_mb.get(name, 0.0), int(resident[1]) / 1024)


def main() -> None:
    """Measure, print a table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="also set up in a new clone")
    parser.add_argument("--speed", default="max", help="speed of the demo (default: max)")
    parser.add_argument("--python", default=sys.executable, help="Python to set up with")
    parser.add_argument("--no-demo", action="store_true", help="measure set-up only")
    options = parser.parse_args()
    measured: dict[str, float] = {}
    if options.fresh:
        measured |= fresh_setup(options.python)
    if not options.no_demo:
        make = ["make", "--no-print-directory", "setup", f"PYTHON={options.python}"]
        seconds_of(make, ROOT)
        measured["setup_again_s"], _ = seconds_of(make, ROOT)
        measured |= demo(options.speed)
    for name, value in measured.items():
        print(f"{name:26s} {value:10.2f}")
    result = {
        "measured": {name: round(value, 3) for name, value in measured.items()},
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "load_1min": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
