"""What a run comes to when a device fails: each fault verb, for a moment and for good.

    python -m benchmarks.fault_verbs                # every verb, 14 runs of about half a minute
    python -m benchmarks.fault_verbs --verbs wrong stuck

A run is two orders on the example plant, as fast as possible, with the fault on one device from an
instant of plant time on. It ends well if every order is complete, or if the work that is not says
why, and the cell stands; and if the journal agrees with what the devices wrote down themselves.
Writes benchmarks/results/fault_verbs.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from robot_cell.model.plant_file import load_plant
from robot_cell.store import open_journal
from tests.faults.witness import Witness

ROOT = Path(__file__).resolve().parents[1]
PLANT_FILE = ROOT / "examples" / "housing_plant.yaml"
RESULT = ROOT / "benchmarks" / "results" / "fault_verbs.json"
VERBS = ("off", "stuck", "garbage", "wrong", "slow", "delayed", "intermittent")
DEVICE = "cell_a/gripper"
FROM_S = 5
FOR_S = 0.5
ORDERS = """\
order_id,product,quantity,release,due,priority,customer
T-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:10:00+01:00,5,Test
T-2,valve_block,1,2026-11-23T06:00:05+01:00,2026-11-23T06:10:00+01:00,5,Test
"""
TIME_LIMIT_S = 150


def run(fault: str, folder: Path) -> dict[str, Any]:
    """One run with a fault: what became of the orders, and why."""
    orders = folder / "orders.csv"
    orders.write_text(ORDERS)
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "run",
         str(PLANT_FILE), str(orders), "--headless", "--json", "--keep",
         "--speed", "max", "--report", str(folder), "--time-limit", str(TIME_LIMIT_S),
         "--device-log", str(folder / "devices.jsonl"), "--fault", fault],
        env={key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall_s = round(time.monotonic() - began_s, 1)
    kept = re.search(r"are kept in\s+(\S+)", done.stderr)
    try:
        result = json.loads(done.stdout)
    except ValueError:
        result = None
    if kept is None or result is None:
        return {"fault": fault, "ends_well": False, "said": [done.stderr[-2000:]], "wall_s": wall_s}
    run_dir = Path(kept[1])
    wrong = contradictions(run_dir, folder / "devices.jsonl")
    shutil.rmtree(run_dir)
    open_work = [
        one for one in result["operations"] if one["status"] not in ("complete", "planned")
    ]
    jobs = {job["id"]: job["status"] for job in result["jobs"]}
    complete = set(jobs.values()) == {"complete"}
    messages = {one["message"] for one in open_work} - {""} | _stands(done.stderr)
    said = sorted(one.replace(str(run_dir), "RUN_DIR") for one in messages)
    return {
        "fault": fault,
        "ends_well": (complete or bool(said)) and not wrong,
        "complete": complete,
        "wrong": wrong,
        "jobs": jobs,
        "open": {f"{one['job']} {one['operation']}": one["status"] for one in open_work},
        "said": said,
        "makespan_s": result["actual_makespan_s"],
        "wall_s": wall_s,
    }


def contradictions(run_dir: Path, log: Path) -> list[str]:
    """Where journal and devices disagree, and orders that are lost."""
    with open_journal(run_dir / "journal.db") as journal:
        wrong = Witness(load_plant(PLANT_FILE), log).look(journal)
        kept = {record.order.order_id for record in journal.orders()}
    asked = {line.partition(",")[0] for line in ORDERS.splitlines()[1:]}
    return wrong + [f"order {order} is lost" for order in sorted(asked - kept)]


def _stands(stderr: str) -> set[str]:
    """What was said of cells that do not go on."""
    states = ("is Held", "is Aborted", "is Stopped")
    flat = " ".join(stderr.partition("logs and journal")[0].split())
    return {flat[flat.index(state) - 7 :][:300] for state in states if state in flat}


def main() -> int:
    """Run them all; exit code 1 if one did not end well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=VERBS)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for verb in options.verbs:
        for ends in (f",ok@{FROM_S + FOR_S:g}s", ""):
            with tempfile.TemporaryDirectory(prefix="robot_cell_") as folder:
                row = run(f"{DEVICE}:{verb}@{FROM_S}s{ends}", Path(folder))
            rows.append(row)
            what = "complete" if row.get("complete") else "; ".join(row["said"])[:160]
            what += "".join(f"; WRONG: {one}" for one in row.get("wrong", []))
            well = "ends well" if row["ends_well"] else "ENDS BADLY"
            print(f"{row['fault']:40} {row['wall_s']:6.1f} s  {well}: {what}", flush=True)
            keep(rows)
    return 0 if all(row["ends_well"] for row in rows) else 1


def keep(rows: list[dict[str, Any]]) -> None:
    """Write down what has been found so far; a run that somebody ends is not for nothing."""
    RESULT.parent.mkdir(exist_ok=True)
    note = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "runs_planned": 2 * len(VERBS),
        "runs": rows,
    }
    RESULT.write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
