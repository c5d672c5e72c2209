"""The example plant, simulated, and a driver that streams setpoints to it from a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import mujoco
import numpy as np
import pytest

from drivers.arms import ArmTimeout
from planners.kinematics.arm_description import expand_xacro
from robot_cell.model import JointPose, Plant
from robot_cell.model.plant_file import load_plant
from sim.arm_driver import MujocoArm
from sim.cell import SimulatedCell
from sim.physics import STEPS_PER_TICK, CellPhysics
from sim.scene import TCP, build_scene
from sim.time import TickGate

ROOT = Path(__file__).resolve().parents[2]
PLANT = ROOT / "examples" / "housing_plant.yaml"
START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
DEADLINE_S = 20.0


@pytest.fixture(scope="session")
def plant() -> Plant:
    return load_plant(PLANT)


@pytest.fixture(scope="session")
def urdfs(plant) -> dict[str, str]:
    return {name: expand_xacro(cell.arm.urdf) for name, cell in plant.cells.items()}


@pytest.fixture
def world(plant, urdfs) -> Callable[[str], CellPhysics]:
    """Physics alone, of a named cell."""

    def make(cell: str) -> CellPhysics:
        scene = build_scene(plant.cells[cell], plant.products, {"arm": urdfs[cell]})
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
        made.append(SimulatedCell(plant, cell, {"arm": urdfs[cell]}, tmp_path, gate, **options))
        return made[-1]

    yield make
    for cell in made:
        cell.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool], Callable[[], object]], None]:
    """Go on until something is so; fails after a deadline."""

    def wait(condition: Callable[[], bool], step: Callable[[], object]) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end_s, "it did not happen"
            step()

    return wait


@pytest.fixture
def stream(tmp_path) -> Iterator[Callable[..., Streamer]]:
    """Servo children in threads, each streaming given rows to a cell's socket."""
    made: list[Streamer] = []

    def start(cell: str = "cell_a", rows: np.ndarray | None = None) -> Streamer:
        made.append(Streamer(tmp_path / "sockets" / f"{cell}.arm", rows))
        return made[-1]

    yield start
    for streamer in made:
        streamer.stop()


@pytest.fixture
def pose_ik(plant, urdfs) -> Callable[[str, np.ndarray, np.ndarray], np.ndarray]:
    """Joint positions that put a cell's TCP at a point, pointing down; found by MuJoCo itself."""

    def solve(cell: str, target: np.ndarray, guess: np.ndarray) -> np.ndarray:
        scene = build_scene(plant.cells[cell], plant.products, {"arm": urdfs[cell]})
        model, data = scene.model, mujoco.MjData(scene.model)
        site = model.site(TCP).id
        down = np.diag([-1.0, 1.0, -1.0])
        q = guess.copy()
        jacobian = np.zeros((6, model.nv))
        for _ in range(200):
            data.qpos[:6] = q
            mujoco.mj_forward(model, data)
            mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
            turned = data.site_xmat[site].reshape(3, 3)
            error = np.concatenate(
                [
                    target - data.site_xpos[site],
                    sum(np.cross(turned[:, i], down[:, i]) for i in range(3)) / 2,
                ]
            )
            if np.linalg.norm(error) < 1e-8:
                return q
            q = q + np.linalg.lstsq(jacobian[:, :6], error, rcond=1e-4)[0]
        raise AssertionError(f"no joint positions for {target}")

    return solve


def ramp(start: np.ndarray, end: np.ndarray, duration_s: float) -> np.ndarray:
    """(1000 * duration, n) setpoints from rest to rest (quintic), one each ms."""
    s = (np.arange(round(duration_s * 1000)) + 1.0)[:, None] / round(duration_s * 1000)
    return start + (end - start) * s**3 * (10 - 15 * s + 6 * s**2)


@pytest.fixture(name="ramp")
def _ramp() -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
    return ramp


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
                block = self.rows[at : at + STEPS_PER_TICK]
                at += len(block)
                if len(block) < STEPS_PER_TICK:
                    last = block[-1] if len(block) else hold
                    block = np.vstack([block, np.tile(last, (STEPS_PER_TICK - len(block), 1))])
                hold = block[-1]
                self.arm.write(block)
        except Exception as error:
            self.error = error
