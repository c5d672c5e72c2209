"""The witness: what the simulated devices did, a line each, in one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from drivers.fixtures.framer import Direction, Frame
from sim.device_log import ArmWitness, DeviceLog
from sim.fixtures import EmulatedDevice
from sim.fixtures.physics import SimplePhysics


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_cells_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "devices.jsonl"
    a, b = DeviceLog(path, "cell_a"), DeviceLog(path, "cell_b")
    a.write(10, "gripper", 7, ("close",), "begun")
    b.write(20, "infeed", 8, ("present", "housing_s"), "done")
    a.close()
    b.close()
    b.close()
    first, second = lines(path)
    assert (first["cell"], first["device"], first["step_id"]) == ("cell_a", "gripper", 7)
    assert (second["command"], second["args"], second["result"]) == (
        "present", ["housing_s"], "done",
    )  # fmt: skip
    assert first["monotonic_ns"] <= second["monotonic_ns"]


def test_a_fixture_tells_of_a_step_once_however_often_it_is_sent() -> None:
    told: list[tuple] = []
    physics = SimplePhysics({"gripper": "clamp"})
    device = EmulatedDevice("gripper", "clamp", 1, physics, lambda *what: told.append(what))
    for sequence in (1, 2, 3):
        device.answer(Frame(Direction.REQUEST, 1, sequence, "DO", ("7", "close")))
    device.answer(Frame(Direction.REQUEST, 1, 4, "ASK", ("7",)))
    assert told == [("gripper", 7, ("close",), "begun")]
    device.answer(Frame(Direction.REQUEST, 1, 5, "STOP"))
    assert told[1:] == [("gripper", 7, ("close",), "failed STOPPED")]


def test_a_motion_is_one_line_from_rest_to_rest(tmp_path: Path) -> None:
    path = tmp_path / "devices.jsonl"
    log = DeviceLog(path, "cell_a")
    witness = ArmWitness(log, np.zeros(2))
    for tick, q in enumerate((0.0, 0.1, 0.2, 0.2, 0.2, 0.1, 0.1)):
        witness.ticked(tick, np.array([q, 0.0]))
    log.close()
    told = [(line["began_ns"], line["from"][0], line["to"][0]) for line in lines(path)]
    assert told == [(1, 0.0, 0.2), (5, 0.2, 0.1)]
