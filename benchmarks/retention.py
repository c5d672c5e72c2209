"""What a long history costs the gateway: memory, start-up, and answers to new and old questions.

    python benchmarks/retention.py                     # writes benchmarks/results/retention.json
    python benchmarks/retention.py --finished 10000    # one size only

A plant of 22 cells has 2,000 operations open, and has finished 10,000, 50,000 and 100,000 before,
2,500 a day, in orders of eight work units, with four steps each. The gateway with its OPC UA server
is a process of its own: how soon it has read the journal, how soon all of it is ready, and its
memory then. Then it is asked over a real socket, one question after the other, about what is new
and about what is old; last for the key figures of all time. A second process goes on finishing
operations meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PER_DAY: Final = 2_500
UNITS: Final = 8
OPEN_ORDERS: Final = 84
SIZES: Final = (10_000, 50_000, 100_000)
ASKED: Final = 10
"""How often each question is asked; the 99th percentile of so many is the slowest."""

_STEPS: Final = 4
_ORDERS_AT_ONCE: Final = 20
DAY_NS: Final = 86_400 * 10**9


def plant_of_22() -> Any:
    """The example plant with twenty cells besides."""
    from robot_cell.model.plant_file import load_plant

    example = load_plant(ROOT / "examples" / "housing_plant.yaml")
    names = [f"cell_{i}" for i in range(20)]
    cells = {**example.cells, **dict.fromkeys(names, example.cells["cell_a"])}
    return example.model_copy(update={"cells": cells})


def fill(folder: Path, finished: int, open_orders: int = OPEN_ORDERS) -> None:
    """A journal in which so many operations are finished, the last one now, and others wait.

    What was done stands in the tables alone, without its events, which the gateway would not read.
    """
    from sqlalchemy import bindparam, insert, update

    from robot_cell.model import JobOrder, PlannedOperation
    from robot_cell.store import open_journal
    from robot_cell.store.tables import operations, steps

    plant = plant_of_22()
    cells = list(plant.cells)
    per_order = UNITS * len(plant.products["housing_m"].operations)
    orders = -(-finished // per_order)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    start = now - timedelta(days=finished / PER_DAY + 1)
    each_ns = int((now - start) / timedelta(microseconds=1)) * 1000 // max(1, finished)
    number = 0
    with open_journal(folder / "journal.db") as journal:
        journal.plant_start(start)
        for first in range(0, orders + open_orders, _ORDERS_AT_ONCE):
            last = min(first + _ORDERS_AT_ONCE, orders + open_orders)
            batch = [
                JobOrder(
                    order_id=f"H-{i}", product="housing_m", quantity=UNITS,
                    release=start,
                    due=start + timedelta(seconds=int((i + 2) * per_order * each_ns * 1e-9)),
                    customer=f"customer {i % 50}",
                )
                for i in range(first, last)
            ]  # fmt: skip
            at_ns = number * each_ns
            journal.accept_batch(batch, "history", "benchmark", plant, at_ns=at_ns)
            waiting = [o for one in batch for o in journal.operations(one.order_id)]
            rows = [
                PlannedOperation(
                    o.operation_id, o.order_id, o.unit, o.name, cells[i % len(cells)], "program",
                    at_ns + i * each_ns, at_ns + (i + 1) * each_ns,
                )
                for i, o in enumerate(waiting)
            ]  # fmt: skip
            journal.publish_schedule(rows, at_ns=at_ns, engine="benchmark")
            done = [row for row in rows if int(row.order_id[2:]) < orders]

            def finish(tx: Any, done: list[Any] = done, first: int = number) -> None:
                ended, begun = [], []
                for i, row in enumerate(done, start=first):
                    begin_ns, part_ns = i * each_ns, each_ns // (_STEPS + 1)
                    ended.append(
                        {
                            "of": row.operation_id, "token": i + 1, "status": "complete",
                            "actual_start_ns": begin_ns, "actual_end_ns": begin_ns + each_ns,
                            "joint_error_rad": [1e-5] * 6, "end_positions": [[0.1] * 6] * 4,
                        }
                    )  # fmt: skip
                    begun += [
                        {
                            "step_id": i * _STEPS + step + 1, "operation_id": row.operation_id,
                            "attempt": 1, "step_index": step, "label": f"step {step}",
                            "intent_ns": begin_ns + step * part_ns, "outcome": "done",
                            "outcome_ns": begin_ns + (step + 1) * part_ns, "message": "",
                        }
                        for step in range(_STEPS)
                    ]  # fmt: skip
                if done:
                    names = [name for name in ended[0] if name != "of"]
                    change = update(operations).where(operations.c.operation_id == bindparam("of"))
                    change = change.values({name: bindparam(name) for name in names})
                    tx.connection.execute(change, ended)
                    tx.connection.execute(insert(steps), begun)

            journal.change(finish)
            number += len(done)


def tell_energies(gateway: Any) -> None:
    """Have the energy of what ran be known: no process is started that would look for plans."""
    from robot_cell.programs import ProgramKey
    from robot_cell.programs.energy import ProgramEnergy

    gateway.energies.known = {
        ProgramKey(cell, "program", "housing_m"): ProgramEnergy(1000.0, 10.0, True)
        for cell in gateway.plant.cells
    }


def serve(folder: Path, cache: Path, began_s: float) -> None:
    """Serve the journal of a folder over HTTP and OPC UA; prints how soon, and a token."""
    import uvicorn

    from benchmarks.gateway_plant import Link
    from robot_cell.gateway.access import add_token
    from robot_cell.gateway.app import make_app
    from robot_cell.gateway.logs import log_to
    from robot_cell.gateway.main import listen, read_options
    from robot_cell.gateway.opcua.server import OpcUaServer, Settings
    from robot_cell.gateway.serve import SWITCH_INTERVAL_S, build, settle
    from robot_cell.store import open_journal
    from robot_cell.store.looks import plant_start_us
    from robot_cell.store.records import from_us

    log_to(folder / "gateway.jsonl")
    plant = plant_of_22()
    journal = open_journal(folder / "journal.db")
    start = from_us(journal.look(plant_start_us) or 0)
    link = Link(list(plant.cells), start)
    link.take()
    token = add_token(journal, "benchmark", "viewer", "benchmark", valid_s=None).text
    before_s = time.monotonic()
    gateway = build(plant, folder / "journal.db", journal, link, simulated=False)  # type: ignore[arg-type]
    read_s = time.monotonic() - before_s
    tell_energies(gateway)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    opcua = OpcUaServer(gateway, Settings("127.0.0.1", 0, folder, cache_dir=cache))
    settle()
    options = read_options(["--plant", "", "--run-dir", str(folder)])
    listening = listen(options)
    opcua.ready.wait()
    if opcua.error is not None:
        raise opcua.error
    told = {
        "port": listening.getsockname()[1],
        "token": token,
        "start_ms": int(start.timestamp() * 1000),
        "read_s": round(read_s, 3),
        "ready_s": round(time.time() - began_s, 2),
        "at_hand": len(gateway.mirror.operations),
    }
    print(json.dumps(told), flush=True)
    config = uvicorn.Config(make_app(gateway), log_config=None, ws_per_message_deflate=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


def change(folder: Path) -> None:
    """What the plant's processes write: operations of open orders are done, five a second."""
    from robot_cell.store import open_journal
    from robot_cell.store.looks import plant_start_us

    with open_journal(folder / "journal.db") as journal:
        start_us = journal.look(plant_start_us) or 0
        for o in journal.operations(status="planned"):
            at_ns = (time.time_ns() // 1000 - start_us) * 1000
            token = journal.lease_operation(o.operation_id, o.cell or "", "program", at_ns)
            journal.begin_operation(o.operation_id, o.cell or "", token, at_ns)
            journal.end_operation(o.operation_id, "complete", at_ns + 10**8)
            time.sleep(0.2)


def questions(finished: int, start_ms: int) -> dict[str, list[str]]:
    """What is asked of what is new, and of what is old."""
    per_order = UNITS * 4
    new, now_ms = finished // per_order - 1, int(time.time() * 1000)
    hour, day = 3_600_000, 86_400_000
    old_ms = start_ms + day // 2
    old = f"from_ms={old_ms}&to_ms={old_ms + day}"
    return {
        "new": [
            "/cells", f"/orders/H-{new}", f"/trace/H-{new}/3", "/orders?scope=live&limit=50",
            "/orders?status=running,planned&limit=50", "/schedule?operations=false", "/alarms",
            f"/kpis?from_ms={now_ms - hour}&to_ms={now_ms}",
            f"/steps?operation_id=H-{new}/1/deburr",
        ],
        "old": [
            "/orders/H-7", "/trace/H-7/3", "/steps?operation_id=H-7/1/deburr", "/orders?limit=50",
            f"/schedule/past?{old}&limit=100", "/schedule/revisions/1", f"/kpis?{old}",
            f"/kpis/series?{old}&bucket_s=21600", "/events?limit=100", "/alarms?state=all",
        ],
        "searched": ["/orders?status=complete&limit=50", "/orders?q=h-77&limit=50"],
    }  # fmt: skip


def memory_mb(pid: int, name: str) -> float:
    """Memory of a process, MB: `VmRSS` now, `VmHWM` the most it had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(one.split()[1]) for one in lines if one.startswith(name)) / 1024, 1)


async def ask(told: dict[str, Any], finished: int, pid: int) -> dict[str, Any]:
    """Every question many times over one connection."""
    from benchmarks.gateway import V1, get, quantile

    reader, writer = await asyncio.open_connection("127.0.0.1", told["port"])

    async def asked_ms(path: str) -> float:
        head = (
            f"GET {V1}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {told['token']}\r\n\r\n"
        )
        began_s = time.monotonic()
        status, body = await get(reader, writer, head.encode())
        if status != 200:
            raise SystemExit(f"{path}: {status} {body[:300]!r}")
        return (time.monotonic() - began_s) * 1000.0

    found: dict[str, Any] = {}
    for age, paths in questions(finished, told["start_ms"]).items():
        took_ms: dict[str, list[float]] = {}
        for path in paths:
            await asked_ms(path)
            took_ms[path] = [await asked_ms(path) for _ in range(ASKED)]
        every = [one for values in took_ms.values() for one in values]
        found[age] = {
            "ms": {f"p{q}": round(quantile(every, q / 100), 1) for q in (50, 99)},
            "p99_ms_by_route": {
                path.partition("?")[0]: round(quantile(v, 0.99), 1) for path, v in took_ms.items()
            },
        }
    found["rss_asked_mb"] = memory_mb(pid, "VmRSS")
    found["kpis_of_all_time_ms"] = round(await asked_ms("/kpis"), 1)
    writer.close()
    return found


def measure(finished: int, cache: Path) -> dict[str, Any]:
    """One size of history."""
    with tempfile.TemporaryDirectory(prefix="robot_cell_") as name:
        folder = Path(name)
        began_s = time.monotonic()
        fill(folder, finished)
        filled_s = time.monotonic() - began_s
        command = [
            sys.executable, __file__, "--serve", name, "--cache", str(cache),
            "--began", str(time.time()),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
            try:
                assert gateway.stdout is not None
                told = json.loads(gateway.stdout.readline())
                found: dict[str, Any] = {
                    "finished": finished,
                    "filled_s": round(filled_s, 1),
                    "journal_mb": round((folder / "journal.db").stat().st_size / 2**20, 1),
                    "read_s": told["read_s"],
                    "ready_s": told["ready_s"],
                    "at_hand": told["at_hand"],
                    "rss_mb": memory_mb(gateway.pid, "VmRSS"),
                }
                with subprocess.Popen([sys.executable, __file__, "--change", name]) as plant:
                    try:
                        found |= asyncio.run(ask(told, finished, gateway.pid))
                    finally:
                        plant.terminate()
                found["peak_mb"] = memory_mb(gateway.pid, "VmHWM")
            finally:
                gateway.kill()  # its OPC UA server would say goodbye to nobody
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--finished", type=int, action="append", help="operations, instead of all")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--change", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/retention.json")
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.cache, options.began)
        return
    if options.change is not None:
        change(options.change)
        return
    found: dict[str, Any] = {"machine": platform.machine(), "cores": os.cpu_count(), "sizes": []}
    with tempfile.TemporaryDirectory(prefix="robot_cell_") as cache:
        # The first start makes the address space of OPC UA from its files, and keeps it.
        measure(100, Path(cache))
        for finished in options.finished or SIZES:
            found["sizes"].append(measure(finished, Path(cache)))
            found["sizes"][-1]["load"] = os.getloadavg()
            print(json.dumps(found["sizes"][-1]), file=sys.stderr, flush=True)
    print(json.dumps(found, indent=2))
    if not options.finished:
        options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
