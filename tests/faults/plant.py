"""A plant of real processes to break: failpoints are set, processes are killed while it works."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from robot_cell.bringup.session import PlantSession
from robot_cell.client import PlantClient, PlantNotReachable
from robot_cell.failpoints import VARIABLE, WATCH, read_failpoint, set_failpoint
from robot_cell.model import Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.nodes.cell_node import RECOVERY_VARIABLE
from robot_cell.orders import read_batch
from robot_cell.store import Journal, open_journal
from tests.faults.witness import Witness
from tests.plant.conftest import PLANT_FILE

HEADER = "order_id,product,quantity,release,due,priority,customer\n"
AGAIN_S = 60.0
UP_S = 240.0
BUSY_WITH = 4
LATE_S = 10.0


def batch_text(number: int = 1, **units: int) -> str:
    """One order per product, that many units each."""
    rows = [
        f"F{number}-{product},{product},{count},2026-11-23T06:00:00+01:00,2026-11-23T09:00:00+01:00,5,Test\n"
        for product, count in units.items()
        if count
    ]
    return HEADER + "".join(rows)


class FaultPlant:
    """A running plant, its batch, and what can be done to it."""

    def __init__(
        self, session: PlantSession, client: PlantClient, plant: Plant, log: Path, journal: Journal
    ) -> None:
        self.session, self.client, self.plant = session, client, plant
        self.log, self.journal = log, journal
        self.orders: set[str] = set()
        self._batches = 0
        self._witness = Witness(plant, log)

    def submit(self, folder: Path, text: str) -> None:
        """Hand a batch in, and again if the scheduler died before it could answer."""
        file = folder / "orders.csv"
        file.write_text(text)
        batch = read_batch(file, self.plant)
        self.orders |= {order.order_id for order in batch.orders}
        until_s = time.monotonic() + AGAIN_S
        while True:
            try:
                answer = self.client.submit(batch.orders, "orders.csv", "csv", "test")
            except PlantNotReachable:
                assert time.monotonic() < until_s, self.session.story()
                continue
            assert answer.accepted, answer.message
            return

    def keep_busy(self, folder: Path) -> None:
        """See that there is work for a while."""
        left = sum(o.status == "planned" for o in self.journal.operations())
        if left < BUSY_WITH:
            self._batches += 1
            self.submit(folder, batch_text(self._batches, housing_s=3, housing_m=1, valve_block=2))

    def work_for(self, folder: Path, names: Iterable[str], action: str, within_s: float) -> None:
        """Work until every one of these failpoints has fired, one after the other."""
        for name in sorted(names):
            path = self.set(f"{name}:{action}")
            until_s = time.monotonic() + within_s
            if name == "scheduler.batch-accepted":
                self._batches += 1
                self.submit(folder, batch_text(self._batches, housing_s=1))
            while path.exists():
                assert time.monotonic() < until_s, f"{name} was not reached\n{self.story()}"
                self.session.check()
                self.keep_busy(folder)
                time.sleep(0.05)

    def set(self, text: str) -> Path:
        """Set a failpoint."""
        return set_failpoint(self.session.run_dir, read_failpoint(text))

    def wait_fired(self, path: Path, within_s: float) -> float:
        """Wait for a failpoint that was set; how long it took."""
        began_s = time.monotonic()
        self.until(lambda: not path.exists(), within_s, f"{path.name} was not reached")
        return time.monotonic() - began_s

    def done(self) -> bool:
        """Whether every operation is complete."""
        operations = self.journal.operations()
        return bool(operations) and {o.status for o in operations} == {"complete"}

    def over(self) -> bool:
        """Whether no operation waits or runs any more."""
        left = {"planned", "leased", "running"}
        return not any(o.status in left for o in self.journal.operations())

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait for something, and tell how things stand if it does not come."""
        until_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until_s, f"{what}\n{self.story()}"
            self.session.check()
            time.sleep(0.05)

    def pid(self, process: str) -> int | None:
        """Number of a process (`cell_a.cell`), None while it is not there."""
        with contextlib.suppress(OSError, ValueError):
            state = json.loads((self.session.run_dir / "processes.json").read_text())
            for row in state["processes"]:
                if row["name"] == process:
                    return None if row["pid"] is None else int(row["pid"])
        return None

    def processes(self) -> list[str]:
        """Names of the plant's processes."""
        with contextlib.suppress(OSError, ValueError):
            state = json.loads((self.session.run_dir / "processes.json").read_text())
            return [str(row["name"]) for row in state["processes"]]
        return []

    def kill(self, process: str) -> bool:
        """SIGKILL one of the plant's processes; False if it was not there."""
        pid = self.pid(process)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def problems(self) -> list[str]:
        """What journal and devices disagree about, and orders that are lost; all of it."""
        return self._lasting(self.problems_now)

    def problems_now(self) -> list[str]:
        """The same, with what will be in the device log one tick later."""
        return self._look(Witness(self.plant, self.log))

    def new_problems(self) -> list[str]:
        """The same of what was not settled when this was asked last."""
        return self._lasting(lambda: self._look(self._witness))

    def _lasting(self, look: Callable[[], list[str]]) -> list[str]:
        """What is found, and found again until it is late.

        A motion that is over is in the device log one tick later, and may be in the journal before.
        """
        found = look()
        until_s = time.monotonic() + LATE_S
        while found and time.monotonic() < until_s:
            time.sleep(0.1)
            found = [problem for problem in look() if problem in found]
        return found

    def _look(self, witness: Witness) -> list[str]:
        kept = {record.order.order_id for record in self.journal.orders()}
        lost = [f"order {order} is lost" for order in sorted(self.orders - kept)]
        return lost + witness.look(self.journal)

    def story(self) -> str:
        """How cells, jobs and operations stand; asked for when a test has failed."""
        self.session.keep = True
        lines = [self.session.story()]
        lines += [
            f"{state.cell} {state.state} {state.operation_id} {state.message}"
            for state in self.client.cell_states().values()
        ]
        for o in self.journal.operations():
            if o.status != "complete":
                last = self.journal.steps(o.operation_id)[-1:]
                lines.append(f"{o.operation_id} {o.status} {o.cell} {o.message} {last}")
        return "\n".join(lines)


@contextlib.contextmanager
def fault_plant(
    folder: Path,
    *,
    speed: float = 0.0,
    environment: Mapping[str, str] | None = None,
    faults: str = "",
    plant_file: Path = PLANT_FILE,
) -> Iterator[FaultPlant]:
    """A plant that is ready for its batch; `faults` are of its devices, as `--fault` has them."""
    plant = load_plant(plant_file)
    given = {VARIABLE: WATCH, RECOVERY_VARIABLE: "ask"} | dict(environment or {})
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    arguments = {
        "plant": str(plant_file),
        "speed": repr(speed),
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
        "device_log": str(folder / "devices.jsonl"),
        "faults": faults,
    }
    try:
        session = PlantSession(plant.cells, arguments, restart_limit=None)
        with session, PlantClient.connect(UP_S) as client:
            client.wait_ready(UP_S, cells=plant.cells)
            with open_journal(session.run_dir / "journal.db") as journal:
                yield FaultPlant(session, client, plant, folder / "devices.jsonl", journal)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
