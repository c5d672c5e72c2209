"""A plant that works for a long time while devices fail and processes die: it stays as it was.

`pytest -m soak tests/faults/test_soak.py`, or `python benchmarks/soak.py`, which keeps the figures.
Processes are killed as well at first. After that each of them lives on: what they keep, two hours
of plant time, fills up, and then memory is judged, while devices go on failing. A person is played
who looks at the device (its own log) and says what became of a step that nobody can tell.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from robot_cell.bringup.shared_memory import SHM, entries
from robot_cell.client import PlantNotReachable
from robot_cell.model.device_fault import DEVICE_FAULT_VERBS
from tests.faults.plant import FaultPlant, fault_plant
from tests.faults.test_stopped import obeys
from tests.faults.witness import read_log
from tests.promises import NUMBERS_VARIABLE

SOAK_S = float(os.environ.get("ROBOT_CELL_SOAK_S", "1800"))
"""For how long devices fail and processes die; benchmarks/soak.py sets it."""

FILL_S = SOAK_S / 2
"""For how long what is kept fills up; two hours of plant time are about a quarter of an hour."""

JUDGED_S = SOAK_S * 2 / 3
"""For how long memory is judged then."""

ALL_S = SOAK_S + FILL_S + JUDGED_S

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.soak, pytest.mark.timeout(int(ALL_S) + 900),
]  # fmt: skip

SEED = 48
TRANSIENT = ("off", "garbage", "slow", "delayed", "intermittent")
"""What an actuator may have: one that is stuck or wrong leaves parts where no arm can pass, and
that ends with a person in the cell (benchmarks/fault_verbs.py). Sensors may have everything."""

VICTIMS = ("cell", "fixtures", "arm", "supervisor")
SAMPLE_S = 5.0
FAULT_S = (2.0, 8.0)
KILL_S = (5.0, 25.0)
DONE_S = 300.0


class Resources:
    """Memory and file handles of every process of the plant, sampled."""

    def __init__(self) -> None:
        self.segments: set[str] = set()
        """Names in shared memory that the plant has had."""
        self._samples: dict[tuple[str, int], list[tuple[float, float, int]]] = defaultdict(list)

    def sample(self, plant: FaultPlant, now_s: float) -> None:
        for name in plant.processes():
            pid = plant.pid(name)
            for what, number in [(name, pid), *((f"{name}/child", n) for n in _children(pid))]:
                with contextlib.suppress(OSError, TypeError):
                    folder = Path(f"/proc/{number}")
                    pages = int((folder / "statm").read_text().split()[1])
                    handles = len(list((folder / "fd").iterdir()))
                    mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
                    assert number is not None
                    self.segments |= _segments(folder)
                    self._samples[what, number].append((now_s, mb, handles))

    def within(self, since_s: float, until_s: float) -> dict[str, dict[str, float]]:
        """Of what lived through it: memory in MB, its slope in MB an hour, handles then and now."""
        found = {}
        for (name, _), every in sorted(self._samples.items()):
            rows = np.array([row for row in every if since_s <= row[0] < until_s])
            if len(rows) < 10:
                continue
            slope = float(np.polyfit(rows[:, 0] / 3600.0, rows[:, 1], 1)[0])
            found[name] = {
                "mb": round(float(rows[-1, 1]), 1),
                "mb_per_hour": round(slope, 2),
                "handles_first": int(rows[0, 2]),
                "handles_last": int(rows[-1, 2]),
            }
        return found


def _segments(process: Path) -> set[str]:
    lines = (process / "maps").read_text(errors="replace").splitlines()
    mapped = (line.partition(f"{SHM}/")[2] for line in lines)
    return {name.removesuffix(" (deleted)") for name in mapped if name}


def _children(pid: int | None) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def attend(plant: FaultPlant, said: Counter[str]) -> None:
    """What a person does.

    Looks at the device where a step is uncertain, clears what aborted, and cancels what is left of
    an order of which something has failed.
    """
    with contextlib.suppress(PlantNotReachable):
        operations = plant.journal.operations()
        failed = {o.order_id for o in operations if o.status == "failed"}
        for order in {o.order_id for o in operations if o.status == "planned"} & failed:
            said["cancel"] += plant.client.cancel(order, "a part failed", "test").success
        for cell, view in plant.client.cell_states().items():
            if view.state == "Aborted":
                said["clear"] += obeys(plant, "clear", cell)
            elif view.state == "Stopped":
                if "holds a part" in view.message or view.mode == "manual":
                    said["took out"] += took_out(plant, cell)
                said["reset"] += obeys(plant, "reset", cell)
            elif view.state == "Held":
                if "interlock" in view.message:  # it is refused while the interlock is broken
                    said["unhold"] += obeys(plant, "unhold", cell)
                for operation in plant.journal.operations(status="running", cell=cell):
                    last = plant.journal.steps(operation.operation_id)[-1:]
                    if last and last[0].outcome == "uncertain":
                        did = any(
                            line["step_id"] == last[0].step_id and line["result"] == "done"
                            for line in read_log(plant.log)
                            if line["device"] != "arm"
                        )
                        word = "done" if did else "redo"
                        done = plant.client.resolve(cell, last[0].step_id, word, "test")
                        said[word] += done.success


def took_out(plant: FaultPlant, cell: str) -> bool:
    """What a person does with a part that is left in a gripper: takes it out by hand."""
    client = plant.client
    client.change_mode(cell, "manual", "test")
    opened = [
        client.command_device(cell, gripper, "open", (), "test", drop=True).success
        for gripper in plant.plant.cells[cell].grippers
    ]
    return client.change_mode(cell, "production", "test").success and all(opened)


def test_it_stays_as_it_was(domain: int, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    shared_before = entries()
    faults, kills, said = Counter[str](), Counter[str](), Counter[str]()
    resources = Resources()
    with fault_plant(tmp_path) as plant:
        devices = {cell: sorted(plant.plant.cells[cell].fixtures) for cell in plant.plant.cells}
        began_s = time.monotonic()
        lives_s, end_s = began_s + SOAK_S, began_s + ALL_S
        next_sample_s = next_fault_s = next_kill_s = began_s
        victims = [f"{cell}.{victim}" for cell in devices for victim in VICTIMS] + ["scheduler"]
        while (now_s := time.monotonic()) < end_s:
            plant.session.check()
            plant.keep_busy(tmp_path)
            attend(plant, said)
            if now_s >= next_sample_s:
                next_sample_s = now_s + SAMPLE_S
                resources.sample(plant, now_s - began_s)
            if now_s >= next_fault_s:
                next_fault_s = now_s + chance.uniform(*FAULT_S)
                cell = chance.choice(sorted(devices))
                device = chance.choice(devices[cell])
                sensor = plant.plant.cells[cell].fixtures[device].kind == "sensor"
                verb = chance.choice(DEVICE_FAULT_VERBS if sensor else TRANSIENT)
                for_s = chance.uniform(0.1, 1.0)
                with contextlib.suppress(PlantNotReachable):
                    plant.client.fault(cell, device, verb, for_s=for_s, asked_by="test")
                    faults[verb] += 1
            if next_kill_s <= now_s < lives_s:
                next_kill_s = now_s + chance.uniform(*KILL_S)
                name = chance.choice(victims)
                kills[name] += plant.kill(name)
            time.sleep(0.5)
        until_s = time.monotonic() + DONE_S
        while not plant.over():
            assert time.monotonic() < until_s, plant.story()
            attend(plant, said)
            time.sleep(0.5)
        assert plant.problems() == []
        operations = plant.journal.operations()
        steps = sum(len(plant.journal.steps(o.operation_id)) for o in operations)
        silent = [o.operation_id for o in operations if o.status != "complete" and not o.message]
        assert silent == [], "what is not complete says why"
        wall_s = time.monotonic() - began_s
        found = {
            "wall_s": round(wall_s, 1),
            "plant_s": round(max(o.actual_end_ns or 0 for o in operations) * 1e-9, 1),
            "orders": len(plant.orders),
            "operations": dict(Counter(o.status for o in operations)),
            "steps": steps,
            "faults": dict(faults),
            "kills": sum(kills.values()),
            "a_person_said": dict(said),
            "load_average": os.getloadavg(),
            "filling_up": resources.within(SOAK_S, SOAK_S + FILL_S),
            "processes": resources.within(SOAK_S + FILL_S, ALL_S),
        }
    left = sorted(resources.segments & entries() - shared_before)
    found["shared_memory"] = {"had": len(resources.segments), "left": left}
    if NUMBERS_VARIABLE in os.environ:
        Path(os.environ[NUMBERS_VARIABLE]).write_text(json.dumps({"soak": found}))
    assert left == []
    for name, row in found["processes"].items():
        assert row["handles_last"] <= row["handles_first"] + 8, f"{name}: {row}"
