"""The example plant at full speed while devices fail and processes die for half an hour.

    python benchmarks/soak.py [--minutes 30]

Runs tests/faults/test_soak.py: the journal has to agree with what the devices wrote down, file
handles stay as many as they were, and nothing is left in shared memory. Then processes live on,
and devices go on failing: for a quarter of an hour, in which what they keep fills up, and for 20
minutes more. Prints how memory went in these, in MB an hour, for each process, and writes
``benchmarks/results/soak.json``: 65 minutes in all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
_TABLES = ("filling_up", "processes")
RESULTS = ROOT / "benchmarks" / "results" / "soak.json"


def main() -> int:
    """Run it, print, write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="for how long processes die")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "numbers.json"
        environment = dict(os.environ) | {
            "ROBOT_CELL_FAULT_NUMBERS": str(numbers),
            "ROBOT_CELL_SOAK_S": str(60.0 * given.minutes),
        }
        test = [sys.executable, "-m", "pytest", "-q", "-m", "soak", "tests/faults/test_soak.py"]
        code = subprocess.run(test, cwd=ROOT, env=environment, check=False).returncode
        found: dict[str, Any] = json.loads(numbers.read_text()) if numbers.exists() else {}
    result = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "test_passed": code == 0,
    } | found.get("soak", {})
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    table = Table("process", "MB", "MB an hour", "handles, then", "and at the end")
    for name, row in result.get("processes", {}).items():
        cells = (row["mb"], row["mb_per_hour"], row["handles_first"], row["handles_last"])
        table.add_row(name, *(str(cell) for cell in cells))
    console = Console()
    console.print(table)
    console.print({name: value for name, value in result.items() if name not in _TABLES})
    return code


if __name__ == "__main__":
    raise SystemExit(main())
