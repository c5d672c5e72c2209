"""Every fault test, with 500 random kills and 300 stalls: what holds when something breaks.

    python benchmarks/faults.py [--kills 500] [--stalls 300] [--seed 48]

Runs `pytest -m faults` in two lanes (tests/lanes.py), which prints each promise
(docs/reliability.md) with its tests and figures, and writes ``benchmarks/results/faults.json``. The
plants are real processes as fast as the machine allows; the journal is compared with what the
devices wrote down themselves.
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

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "faults.json"


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
        lanes = ["-m", "faults", "-n", "2", "--timeout", "3000"]
        tests = [sys.executable, "-m", "pytest", "-q", *lanes]
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
    return code


if __name__ == "__main__":
    raise SystemExit(main())
