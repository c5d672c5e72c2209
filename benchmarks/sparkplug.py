"""What Sparkplug B takes: of a core while twenty cells move, and how fast a full outbox is told.

    python benchmarks/sparkplug.py               # writes benchmarks/results/sparkplug.json
    python benchmarks/sparkplug.py --seconds 10  # quicker

A made-up plant of twenty cells with 5,000 operations whose joints move at every look, in this
process; Debian's mosquitto as the broker. Processor times are this process's own (samples, outbox,
payloads, connection), so that they depend little on what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CELLS = 20
ORDERS, UNITS = 125, 10
WAITING = 20_000
JOINTS = tuple(f"joint_{i}" for i in range(1, 7))


def made_up(folder: Path) -> Any:
    """A gateway on a made-up plant."""
    from robot_cell.client import CellStateView, JointsView
    from robot_cell.gateway.serve import build
    from robot_cell.model import JobOrder, PlannedOperation
    from robot_cell.model.plant_file import load_plant
    from robot_cell.store import open_journal

    start = datetime.now(timezone.utc).replace(microsecond=0)
    example = load_plant(ROOT / "examples" / "housing_plant.yaml")
    names = [f"cell_{i}" for i in range(CELLS)]
    plant = example.model_copy(update={"cells": dict.fromkeys(names, example.cells["cell_a"])})
    journal = open_journal(folder / "journal.db")
    journal.plant_start(start)
    due = start + timedelta(hours=9)
    orders = [
        JobOrder(order_id=f"B-{i}", product="housing_m", quantity=UNITS, release=start, due=due)
        for i in range(ORDERS)
    ]
    journal.accept_batch(orders, "benchmark", "benchmark", example)
    rows = [
        PlannedOperation(
            o.operation_id, o.order_id, o.unit, o.name, names[i % CELLS], "p",
            i * 10**9, (i + CELLS) * 10**9,
        )
        for i, o in enumerate(journal.operations())
    ]  # fmt: skip
    journal.publish_schedule(rows, at_ns=0, engine="benchmark")

    class Link:
        connected = True

        def start(self) -> None:
            return None

        def take(self) -> None:
            self.at_ns = time.time_ns() - int(start.timestamp()) * 10**9

        def now_ns(self) -> int:
            return self.at_ns

        def states(self) -> Mapping[str, CellStateView]:
            step = int(self.at_ns // 10**9 % 30)
            return {
                name: CellStateView(
                    name, "Execute", f"B-1/1/{name}", "B-1", 1, "deburr_s", step, 30, 0.1, "", 0
                )
                for name in names
            }

        def joints(self) -> Mapping[str, JointsView]:
            q = (time.time_ns() % 10**9) * 1e-9
            return {
                name: JointsView(JOINTS, (q, -q, q, 1.0 + q, 2.0, q), self.at_ns) for name in names
            }

        def bodies(self) -> Mapping[str, Any]:
            return {}

        def arms(self) -> Mapping[str, str]:
            return dict.fromkeys(names, "running")

    link = Link()
    link.take()
    return build(plant, folder / "journal.db", journal, link, simulated=False)  # type: ignore[arg-type]


async def measured(folder: Path, seconds: float) -> dict[str, Any]:
    """Tell a full outbox, then go on for a time."""
    from robot_cell.gateway.sparkplug import told_to_broker
    from robot_cell.gateway.sparkplug.outbox import Outbox
    from robot_cell.gateway.sparkplug.session import Sample
    from robot_cell.model.sparkplug import Sparkplug
    from tests.gateway.sparkplug.broker import broker_in

    gateway = made_up(folder)
    outbox = Outbox(folder / "sparkplug.db", 100_000)
    at_ms = time.time_ns() // 1_000_000
    values = {f"Joints/joint_{i}/Position": 0.1 * i for i in range(1, 7)}
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for first in range(0, WAITING, CELLS):
        outbox.add(Sample(f"cell_{i}", at_ms + first, values) for i in range(CELLS))
    kept_s, kept_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    with broker_in(folder) as broker:
        section = Sparkplug(broker=f"mqtt://127.0.0.1:{broker.port}", group="benchmark")
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        async with told_to_broker(gateway, section, folder):
            while sum(outbox.waiting().values()) > CELLS:
                await asyncio.sleep(0.02)
            told_s, told_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            ran_s, ran_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            waiting = sum(outbox.waiting().values())
    outbox.close()
    gateway.worker.close()
    return {
        "kept": {
            "samples": WAITING, "looks": WAITING // CELLS,
            "ms_per_look": round(kept_s * 1e3 * CELLS / WAITING, 3),
            "cpu_ms_per_look": round(kept_cpu_s * 1e3 * CELLS / WAITING, 3),
        },
        "told_again": {
            "samples": WAITING, "s": round(told_s, 2), "samples_per_s": round(WAITING / told_s),
            "cpu_ms_per_sample": round(told_cpu_s * 1e3 / WAITING, 4),
        },
        "live": {
            "cells": CELLS, "operations": ORDERS * UNITS * 4, "every_s": section.every_s,
            "joints_every_s": section.joints_every_s, "seconds": round(ran_s, 1),
            "cpu_share_of_a_core": round(ran_cpu_s / ran_s, 4), "waiting_at_the_end": waiting,
        },
    }  # fmt: skip


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/sparkplug.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder), arguments.seconds))
    result = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": "python benchmarks/sparkplug.py",
        "machine": {"cores": os.cpu_count(), "system": os.uname().release},
        "load_average": [round(one, 1) for one in os.getloadavg()],
        **found,
    }
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
