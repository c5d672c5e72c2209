"""Faults on the real processes: kills at every failpoint and at random, and how soon an arm stands.

    python benchmarks/faults.py [--kills 500] [--seed 48]

Runs the tests that are marked `faults`, with that many random kills, on a simulated plant of real
processes as fast as the machine allows; the tests compare the journal with what the devices wrote
down themselves, and fail where a job is lost or a step was done twice. Prints what they measured
beside what is promised (docs/reliability.md), and writes ``benchmarks/results/faults.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
FAULTS = ROOT / "tests" / "faults"
RESULTS = ROOT / "benchmarks" / "results" / "faults.json"
SAFE_S = 1.0
STALL_S = 0.04


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--stalls", type=int, default=300)
    parser.add_argument("--seed", type=int, default=48)
    given = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "numbers.json"
        environment = dict(os.environ) | {
            "ROBOT_CELL_FAULT_NUMBERS": str(numbers),
            "ROBOT_CELL_KILLS": str(given.kills),
            "ROBOT_CELL_KILL_SEED": str(given.seed),
            "ROBOT_CELL_STALLS": str(given.stalls),
        }
        # The long ones first: what they find is kept even if somebody ends the run.
        first = [FAULTS / "test_stalls.py", FAULTS / "test_kills.py"]
        files = first + sorted(set(FAULTS.glob("test_*.py")) - set(first))
        options = ["-q", "-s", "-m", "faults", "--timeout", "3000"]
        tests = [sys.executable, "-m", "pytest", *options, *map(str, files)]
        code = subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode
        found: dict[str, Any] = json.loads(numbers.read_text()) if numbers.exists() else {}
    result = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "seed": given.seed,
        "tests_passed": code == 0,
        "wall_s": round(time.monotonic() - began_s, 1),
        "load_average": os.getloadavg(),
    } | found
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    show(result)
    return code


def show(result: dict[str, Any]) -> None:
    """Print the figures beside what is promised."""
    table = Table("", "measured", "promised")
    safe = result.get("safe_state_s", {})
    stalls = result.get("stalls", {})
    rows = [
        ("failpoints killed at", result.get("failpoints_killed_at"), "all"),
        ("random kills", result.get("kills_total"), ""),
        ("compared after", result.get("kills_compared_after_each"), "each"),
        ("jobs complete", result.get("jobs_complete"), "all"),
        ("jobs lost", result.get("jobs_lost"), "0"),
        ("steps in the journal", result.get("steps_in_journal"), ""),
        ("steps done twice", result.get("steps_done_twice"), "0"),
        ("arm stands after a kill, s", safe, f"< {SAFE_S:g}"),
        ("stalled loop: motion void, ms", stalls.get("void_ms"), f"<= {1e3 * STALL_S:g}"),
        ("stalled loop: process dead, ms", stalls.get("dead_ms"), f"<= {1e3 * STALL_S:g}"),
        ("stalled servo ended, s", sorted(result.get("stalled_servo_ended_s", [])), ""),
        ("tests", "passed" if result["tests_passed"] else "FAILED", "passed"),
    ]
    for name, measured, promised in rows:
        table.add_row(name, str(measured), promised)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
