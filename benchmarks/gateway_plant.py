"""The gateway of `benchmarks/gateway.py`, and what the plant's processes write meanwhile.

python benchmarks/gateway_plant.py serve FOLDER     # prints its port and a token
python benchmarks/gateway_plant.py change FOLDER
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CELLS = 20
FINISHED = 10_000
ORDERS, UNITS = 125, 10


class Link:
    """A plant whose every tick moves all joints; `start` is the instant of plant time 0."""

    connected = True

    def __init__(self, names: Sequence[str], start: datetime) -> None:
        self.names, self.began = names, start

    def start(self) -> None:
        """Told by the journal."""
        return

    def take(self) -> None:
        """Look at the clock."""
        self.at_ns = time.time_ns() - int(self.began.timestamp()) * 10**9

    def now_ns(self) -> int:
        """Plant time."""
        return self.at_ns

    def states(self) -> Mapping[str, Any]:
        """Every cell works."""
        from robot_cell.client import CellStateView

        return {
            name: CellStateView(
                name,
                "Execute",
                f"B-1/1/{name}",
                "B-1",
                1,
                "deburr_s",
                3,
                30,
                0.1,
                "",
                self.at_ns,
            )
            for name in self.names
        }

    def joints(self) -> Mapping[str, Any]:
        """Every joint moves."""
        from robot_cell.client import JointsView

        q = (self.at_ns % 10**9) * 1e-9
        joints = tuple(f"joint_{i}" for i in range(1, 7))
        at = (q, -q, q, 1.0, 2.0, q)
        return {name: JointsView(joints, at, self.at_ns) for name in self.names}

    def bodies(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def arms(self) -> Mapping[str, str]:
        """Every arm runs."""
        return dict.fromkeys(self.names, "running")

    def devices(self) -> Mapping[str, Any]:
        """Every gripper opens and closes."""
        state = {"state": "closed" if self.at_ns % (2 * 10**9) < 10**9 else "open"}
        return {name: {"gripper": state} for name in self.names}

    def commands(self) -> Mapping[str, Any]:
        """Nobody has said what devices can be told."""
        return {}


def made_up(folder: Path) -> tuple[Any, Any, str]:
    """A gateway on a made-up plant, the plant, and a viewer's token."""
    from benchmarks.retention import fill, plant_of_22, tell_energies
    from robot_cell.gateway.access import add_token
    from robot_cell.gateway.serve import build
    from robot_cell.model import JobOrder, PlannedOperation
    from robot_cell.store import open_journal
    from robot_cell.store.looks import plant_start_us
    from robot_cell.store.records import from_us

    fill(folder, FINISHED, open_orders=0)
    plant = plant_of_22()
    names = [f"cell_{i}" for i in range(CELLS)]
    journal = open_journal(folder / "journal.db")
    start = from_us(journal.look(plant_start_us) or 0)
    link = Link(names, start)
    link.take()
    now_ns, now = link.now_ns(), datetime.now(timezone.utc).replace(microsecond=0)
    orders = [
        JobOrder(
            order_id=f"B-{i}", product="housing_m", quantity=UNITS, release=now,
            due=now + timedelta(hours=9),
        )
        for i in range(ORDERS)
    ]  # fmt: skip
    journal.accept_batch(orders, "benchmark", "benchmark", plant)
    operations = journal.operations(status="planned")
    journal.publish_schedule(
        [
            PlannedOperation(
                o.operation_id, o.order_id, o.unit, o.name, names[i % CELLS], "program",
                now_ns + i * 10**9, now_ns + (i + CELLS) * 10**9,
            )
            for i, o in enumerate(operations)
        ],
        at_ns=now_ns,
        engine="benchmark",
    )  # fmt: skip
    token = add_token(journal, "benchmark", "viewer", "benchmark", valid_s=None).text
    gateway = build(plant, folder / "journal.db", journal, link, simulated=False)  # type: ignore[arg-type]
    tell_energies(gateway)
    return gateway, link, token


def serve(folder: Path) -> None:
    """Serve a made-up plant; prints its port and a token."""
    import uvicorn

    from robot_cell.gateway.app import make_app
    from robot_cell.gateway.main import listen, read_options
    from robot_cell.gateway.serve import SWITCH_INTERVAL_S, settle

    gateway, _, token = made_up(folder)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    settle()
    options = read_options(["--plant", "", "--run-dir", str(folder)])
    listening = listen(options)
    print(json.dumps({"port": listening.getsockname()[1], "token": token}), flush=True)
    config = uvicorn.Config(make_app(gateway), log_config=None, ws_per_message_deflate=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


def change(folder: Path) -> None:
    """What the plant's processes write: an operation is leased or begun ten times a second."""
    from robot_cell.store import open_journal
    from robot_cell.store.looks import plant_start_us

    with open_journal(folder / "journal.db") as journal:
        start_us = journal.look(plant_start_us) or 0
        for record in journal.operations(status="planned"):
            at_ns = (time.time_ns() // 1000 - start_us) * 1000
            fence = journal.lease_operation(record.operation_id, "cell_1", "program", at_ns)
            time.sleep(0.1)
            journal.begin_operation(record.operation_id, "cell_1", fence, at_ns + 10**8)
            time.sleep(0.1)


def main() -> None:
    verbs = {"serve": serve, "change": change}
    verbs[sys.argv[1]](Path(sys.argv[2]))


if __name__ == "__main__":
    main()
