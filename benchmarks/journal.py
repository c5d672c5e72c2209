"""How much the journal takes: durable step outcomes from several processes, and a large intake.

    python benchmarks/journal.py [--seconds 5] [--url postgresql://...] [--folder DIR] [--first]

As in a plant, each cell is a process of its own that works on one operation after the other; a
step is one transaction (how the step before it ended, and that the next one is about to be done),
durable when it returns. Several threads of one process share commits. CPU ms is processor time per
outcome, everything else that an operation needs included. Beside it stands what the
disk itself does: 4 KiB appended and synchronised, one after the other, in the same folder. Intake
reads, checks and stores a CSV file of 10,000 orders with three operations each. What was stored is
verified afterwards. With `--first` the processes come before all normal ones (SCHED_FIFO): what a
machine does that has nothing else to do, where that cannot be had; its disk is shared all the same.
Prints a table and writes ``benchmarks/results/journal.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from robot_cell.model import JobOrder, load_plant
from robot_cell.orders import read_batch
from robot_cell.store import Journal, StepEnd, open_journal

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results" / "journal.json"
PLANT: Final = ROOT / "examples" / "housing_plant.yaml"
START: Final = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
TARGETS: Final = {"outcomes_per_s": 500.0, "intake_s": 10.0}
SHAPES: Final = ((1, 1), (2, 1), (4, 1), (8, 1), (1, 4), (1, 16))
"""Processes, and threads in each."""

STEPS: Final = 10
ORDERS: Final = 10_000
UNITS: Final = 400
"""Of each cell's order: more than it can make in the time."""


def disk_syncs_per_s(folder: Path, seconds: float = 1.0) -> float:
    """How often a second 4 KiB are appended and on the disk."""
    path = folder / "sync.probe"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    count, end_s = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end_s:
            os.write(handle, bytes(4096))
            os.fdatasync(handle)
            count += 1
    finally:
        os.close(handle)
        path.unlink()
    return count / seconds


def work(journal: Journal, order_id: str, barrier: Any, seconds: float) -> list[float]:
    """One cell: operations of its own order until the time is over; how long each outcome took."""
    names = [o.operation_id for o in journal.operations(order_id)]
    took_s: list[float] = []
    barrier.wait()
    end_s = time.monotonic() + seconds
    for name in names:
        token = journal.lease_operation(name, "cell_a", "p")
        journal.begin_operation(name, "cell_a", token, 0)
        ended: StepEnd | None = None
        for step in range(STEPS):
            began_s = time.monotonic()
            step_id = journal.step_intent(name, step, "ptp to nest", step, ended)
            if ended is not None:
                took_s.append(time.monotonic() - began_s)
            ended = StepEnd(step_id, "done")
        assert ended is not None
        began_s = time.monotonic()
        journal.step_outcome(ended.step_id, ended.outcome, STEPS)
        took_s.append(time.monotonic() - began_s)
        journal.end_operation(name, "complete", STEPS, "", [1e-4] * 4, [[0.1] * 6] * 4)
        if time.monotonic() > end_s:
            return took_s
    raise AssertionError("the order was too small for the time")


def cells(where: str, orders: Sequence[str], barrier: Any, seconds: float, told: Any) -> None:
    """A process: a thread for each of its orders, all with one journal."""
    took_s: list[list[float]] = []
    with open_journal(where) as journal:
        threads = [
            threading.Thread(
                target=lambda order: took_s.append(work(journal, order, barrier, seconds)),
                args=(order,),
            )
            for order in orders
        ]
        began_s = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told.put(([s for some in took_s for s in some], time.process_time() - began_s))


def outcomes(where: str, processes: int, threads: int, seconds: float) -> dict[str, Any]:
    """So many processes and threads at once, each with an order of its own."""
    plant = load_plant(PLANT)
    context = multiprocessing.get_context("spawn")
    names = [f"P{processes}-T{threads}-{n}" for n in range(processes * threads)]
    with open_journal(where) as journal:
        orders = [an_order(name, UNITS) for name in names]
        journal.accept_batch(orders, "benchmark", "benchmark", plant)
    barrier, told = context.Barrier(len(names) + 1), context.Queue()
    workers = [
        context.Process(
            target=cells,
            args=(where, names[n * threads : (n + 1) * threads], barrier, seconds, told),
        )
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    barrier.wait(60)
    began_s = time.monotonic()
    answers = [told.get(timeout=60 + seconds) for _ in workers]
    wall_s = time.monotonic() - began_s
    took_ms = [1e3 * s for answer, _ in answers for s in answer]
    for worker in workers:
        worker.join(60)
    return {
        "processes": processes,
        "threads": threads,
        "outcomes": len(took_ms),
        "outcomes_per_s": round(len(took_ms) / wall_s, 1),
        "cpu_ms": round(1e3 * sum(cpu_s for _, cpu_s in answers) / len(took_ms), 3),
        "ms": {
            name: round(float(np.quantile(took_ms, at)), 2)
            for name, at in (("median", 0.5), ("p99", 0.99), ("largest", 1.0))
        },
    }


def an_order(order_id: str, quantity: int = 1) -> JobOrder:
    """An order of the example plant."""
    return JobOrder(
        order_id=order_id,
        product="housing_s",
        quantity=quantity,
        release=START,
        due=START + timedelta(hours=8),
    )


def intake(where: str, folder: Path) -> dict[str, float]:
    """A batch file of ten thousand orders, from the file to durable."""
    plant = load_plant(PLANT)
    file = folder / "orders.csv"
    header = "order_id,product,quantity,release,due,priority,customer\n"
    rows = "".join(
        f"W-{n},{('housing_s', 'valve_block')[n % 2]},1,2026-11-23T06:00:00+01:00,"
        f"2026-11-27T06:00:00+01:00,{1 + n % 9},Customer {n % 97}\n"
        for n in range(ORDERS)
    )
    file.write_text(header + rows)
    began_s, cpu_s = time.monotonic(), time.process_time()
    batch = read_batch(file, plant)
    read_s = time.monotonic()
    with open_journal(where) as journal:
        journal.accept_batch(batch.orders, batch.source, "benchmark", plant)
    stored_s = time.monotonic()
    return {
        "orders": ORDERS,
        "read_s": round(read_s - began_s, 2),
        "store_s": round(stored_s - read_s, 2),
        "intake_s": round(stored_s - began_s, 2),
        "cpu_s": round(time.process_time() - cpu_s, 2),
    }


def measure(where: str, folder: Path, seconds: float) -> dict[str, Any]:
    """Everything, one after the other."""
    rows = []
    for processes, threads in SHAPES:
        syncs = round(disk_syncs_per_s(folder), 1)
        rows.append(outcomes(where, processes, threads, seconds) | {"disk_syncs_per_s": syncs})
    taken = intake(where, folder)
    began_s = time.monotonic()
    with open_journal(where) as journal:
        found = journal.verify()
    assert not found.total, found.findings
    return {
        "outcomes": rows,
        "intake": taken,
        "verify": {
            "events": found.events,
            "rows": found.rows,
            "wall_s": round(time.monotonic() - began_s, 2),
        },
    }


def main() -> int:
    """Measure, print, write down; 1 if a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    parser.add_argument("--url", help="an empty PostgreSQL database, instead of an SQLite file")
    parser.add_argument("--folder", type=Path, default=ROOT, help="on whose disk the journal is")
    parser.add_argument("--first", action="store_true", help="with SCHED_FIFO, as root")
    options = parser.parse_args()
    if options.first:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    with tempfile.TemporaryDirectory(prefix=".journal_", dir=options.folder) as name:
        folder = Path(name)
        result = measure(options.url or str(folder / "journal.db"), folder, options.seconds)
    # The target is for cells at work at once; one that waits for each of its steps is bound by the
    # time that its disk takes for one synchronisation.
    rates = [r["outcomes_per_s"] for r in result["outcomes"] if r["processes"] * r["threads"] >= 4]
    reached = {
        "outcomes_per_s": min(rates) >= TARGETS["outcomes_per_s"],
        "intake_s": result["intake"]["intake_s"] <= TARGETS["intake_s"],
    }
    table = Table(title="durable step outcomes")
    for column in (
        "processes",
        "threads",
        "outcomes/s",
        "median ms",
        "p99 ms",
        "CPU ms",
        "disk syncs/s",
    ):
        table.add_column(column, justify="right")
    for row in result["outcomes"]:
        table.add_row(
            str(row["processes"]),
            str(row["threads"]),
            f"{row['outcomes_per_s']:.0f}",
            f"{row['ms']['median']:.2f}",
            f"{row['ms']['p99']:.2f}",
            f"{row['cpu_ms']:.2f}",
            f"{row['disk_syncs_per_s']:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(f"intake: {result['intake']}")
    console.print(f"verify: {result['verify']}")
    database = "postgresql" if options.url else "sqlite"
    if options.first:
        database += ", first"
    document = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    document[database] = {
        "machine": {"cores": os.cpu_count(), "system": platform.release()},
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "targets": TARGETS,
        "reached": reached,
        **result,
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if all(reached.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
