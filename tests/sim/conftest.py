"""The example plant, simulated, and a driver that streams setpoints to it from a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from planners.kinematics.arm_description import expand_xacro
from robot_cell.model import JointPose, Plant
from sim.arm_driver import MujocoArm
from sim.cell import SimulatedCell
from sim.physics import CellPhysics
from sim.scene import build_scene
from sim.time import TickGate

ROOT = Path(__file__).resolve().parents[2]
PLANT = ROOT / "examples" / "housing_plant.yaml"
DEADLINE_S = 20.0


@pytest.fixture(scope="session")
def plant() -> Plant:
    return Plant.model_validate(yaml.safe_load(PLANT.read_text()))


@pytest.fixture(scope="session")
def urdfs(plant) -> dict[str, str]:
    return {
        name: expand_xacro((PLANT.parent / cell.arm.urdf).resolve())
        for name, cell in plant.cells.items()
    }


@pytest.fixture
def world(plant, urdfs) -> Callable[[str], CellPhysics]:
    """Physics alone, of a named cell."""

    def make(cell: str) -> CellPhysics:
        scene = build_scene(plant.cells[cell], plant.products, urdfs[cell])
        return CellPhysics(scene, home_of(plant, cell))

    return make


def home_of(plant: Plant, cell: str) -> np.ndarray:
    home = plant.cells[cell].poses[plant.cells[cell].arm.home]
    assert isinstance(home, JointPose)
    return np.deg2rad(home.joints_deg)


@pytest.fixture
def simulate(plant, urdfs, tmp_path) -> Iterator[Callable[..., SimulatedCell]]:
    """Simulated cells in a run directory of their own; closed at the end."""
    made: list[SimulatedCell] = []

    def make(cell: str = "cell_a", *, speed: float = 0.0, expected: int = 0, **options):
        gate = TickGate.open(tmp_path / "time.page", f"{cell}/sim", patience_s=10.0)
        gate.set_start(START, speed=speed, expected=expected)
        made.append(SimulatedCell(plant, cell, urdfs[cell], tmp_path, gate, **options))
        return made[-1]

    yield make
    for cell in made:
        cell.close()


def until(condition: Callable[[], bool], step: Callable[[], object]) -> None:
    """Go on until something is so; fails after a deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not happen"
        step()


class Streamer:
    """A servo child: answers every state with the next rows of a motion, then holds."""

    def __init__(self, address: Path, rows: np.ndarray | None = None) -> None:
        self.arm = MujocoArm(str(address))
        self.rows = np.zeros((0, 6)) if rows is None else rows
        self.states: list[np.ndarray] = []
        self.times: list[int] = []
        self.error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(DEADLINE_S)
        self.arm.close()

    def _run(self) -> None:
        from drivers.arms import ArmTimeout

        try:
            hold = self.arm.connect(DEADLINE_S).positions
            at = 0
            while not self._stop.is_set():
                try:
                    state = self.arm.read(0.05)
                except ArmTimeout:
                    continue
                self.times.append(state.time_ns)
                self.states.append(state.positions)
                block = self.rows[at : at + 10]
                at += len(block)
                if len(block) < 10:
                    last = block[-1] if len(block) else hold
                    block = np.vstack([block, np.tile(last, (10 - len(block), 1))])
                hold = block[-1]
                self.arm.write(block)
        except Exception as error:
            self.error = error


from datetime import datetime, timezone  # noqa: E402

START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
