"""One simulated cell in every simulator that is here: what a contract test works with.

* `mujoco`: always.
* `dart`: always; Gazebo's physics engine and our reading of its systems, not Gazebo (`dart_link`).
* `bridge`: the same behind the topics and services of ros_gz_bridge, as a process
  (`gazebo_stand_in`); run by `test_bridge_contract`, which builds the messages.
* `gazebo`: where `gz` and ros_gz_bridge are installed; else skipped, and the reason says so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from drivers.time_page import TICK_NS
from planners.kinematics import Robot, expand_xacro
from robot_cell.bringup.executables import executable_command
from robot_cell.bringup.session import free_domain
from robot_cell.model import Plant
from robot_cell.model.plant_file import load_plant
from sim.arm_driver import MujocoArm
from sim.cell import SimulatedCell
from sim.devices import CellDevices
from sim.engine import STEPS_PER_TICK, EngineFactory, MujocoEngine
from sim.gazebo.choice import chosen_engine
from sim.gazebo.engine import gazebo
from sim.gazebo.names import services
from sim.physics import CellPhysics
from sim.scene import build_scene
from sim.time import TickGate
from tests.sim_contract.dart_link import DartLink

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "sim" / "worlds" / "housing_cell.sdf"
WORLD_NAME = "housing_cell"
CELL = "cell_a"
SIMULATORS = ("mujoco", "dart", "bridge", "gazebo")
NEEDS_GAZEBO = "ROBOT_CELL_NEEDS_GAZEBO"
STAND_IN = "ROBOT_CELL_GAZEBO_STAND_IN"


def why_no_gazebo() -> str:
    """What of Gazebo is missing here; empty if nothing is."""
    if shutil.which("gz") is None:
        return "Gazebo is not installed: there is no `gz` on the path"
    if importlib.util.find_spec("ros_gz_interfaces") is None:
        return "ros_gz_interfaces cannot be imported: install ros-$ROS_DISTRO-ros-gz"
    return ""


def gazebo_commands() -> list[list[str]]:
    """Gazebo's server with the committed world, and the bridge."""
    control, set_pose = services(WORLD_NAME)
    return [
        [*executable_command("robot_cell", "gazebo_server"), str(WORLD)],
        [
            *executable_command("ros_gz_bridge", "parameter_bridge"),
            f"{control.name}@{control.ros_type}",
            f"{set_pose.name}@{set_pose.ros_type}",
            "--ros-args",
            "-p",
            f"config_file:={ROOT / 'sim' / 'gazebo' / 'bridge.yaml'}",
        ],
    ]


def stand_in_commands(folder: Path) -> list[list[str]]:
    """The stand-in for both."""
    return [[sys.executable, "-m", "tests.sim_contract.gazebo_stand_in", str(WORLD), str(folder)]]


@contextmanager
def running_in_a_domain(folder: Path, commands: list[list[str]]) -> Iterator[None]:
    """Processes in a ROS domain and a partition of Gazebo's of their own, and rclpy beside them."""
    import rclpy

    os.environ["ROS_DOMAIN_ID"] = str(free_domain())
    env = {**os.environ, "GZ_PARTITION": f"contract_{os.getpid()}"}
    running: list[subprocess.Popen[bytes]] = []
    rclpy.init()
    with (folder / "gazebo.log").open("wb") as log:
        try:
            running.extend(
                subprocess.Popen(
                    command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
                )
                for command in commands
            )
            yield
        finally:
            for process in running:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            rclpy.shutdown()


@pytest.fixture(scope="session")
def plant() -> Plant:
    return load_plant(ROOT / "examples" / "housing_plant.yaml")


@pytest.fixture(scope="session")
def urdf(plant) -> str:
    return expand_xacro(plant.cells[CELL].arm.urdf)


@pytest.fixture(scope="module", params=SIMULATORS)
def engine(request, plant, tmp_path_factory) -> Iterator[EngineFactory]:
    """What moves the bodies of the cell, in each simulator."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "mujoco":
        yield MujocoEngine
    elif request.param == "dart":
        yield gazebo(lambda scene: DartLink(WORLD, folder))
    elif request.param == "bridge":
        if STAND_IN not in os.environ:
            pytest.skip("run by test_bridge_contract, in an environment with the bridge's messages")
        with running_in_a_domain(folder, stand_in_commands(folder)):
            yield chosen_engine(plant, CELL, WORLD_NAME)
    else:
        missing = why_no_gazebo()
        if missing and NEEDS_GAZEBO in os.environ:
            pytest.fail(f"{NEEDS_GAZEBO} is set, and Gazebo is not here: {missing}")
        if missing:
            pytest.skip(missing)
        with running_in_a_domain(folder, gazebo_commands()):
            yield chosen_engine(plant, CELL, WORLD_NAME)


class Bench:
    """Physics and fixtures of the cell, driven tick by tick."""

    def __init__(self, plant: Plant, urdf: str, engine: EngineFactory) -> None:
        self.cell = plant.cells[CELL]
        scene = build_scene(self.cell, plant.products, {"arm": urdf})
        home = np.deg2rad(self.cell.poses[self.cell.arm.home].joints_deg)
        self.world = CellPhysics(scene, home, engine)
        self.devices = CellDevices(self.cell, self.world)
        tool = self.cell.arm.tool
        flange_tool = np.eye(4)
        flange_tool[:3, 3] = tool.tcp_xyz_m
        self._robot = Robot.from_urdf(self.cell.arm.urdf, transform_flange_tool=flange_tool)

    def tick(self, rows: np.ndarray | None = None) -> None:
        self.world.step_tick(rows, self.devices.tables())
        self.devices.advance()

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 1e9 / TICK_NS)):
            self.tick()

    def do(self, device: str, command: str, *args: str) -> None:
        self.devices.actuate(device, command, args)
        while self.devices.state(device).moving:
            self.tick()
        assert self.devices.state(device).fault == ""

    def values(self, device: str) -> dict[str, str]:
        return dict(self.devices.state(device).values)

    def frame(self, name: str) -> np.ndarray:
        return np.array(self.cell.frames[name].xyz_m)

    def go(self, point: np.ndarray, duration_s: float = 1.2) -> None:
        """Move the TCP to a point (3,), pointing down, and come to rest."""
        start = self.world.setpoint.copy()
        target = np.diag([1.0, -1.0, -1.0, 1.0])
        target[:3, 3] = point
        end = self._robot.inverse_nearest(target, start)
        rows = ramp(start, end, duration_s)
        for at in range(0, len(rows), STEPS_PER_TICK):
            self.tick(rows[at : at + STEPS_PER_TICK])
        self.wait(0.2)


def ramp(start: np.ndarray, end: np.ndarray, duration_s: float) -> np.ndarray:
    """(1000 * duration, n) setpoints from rest to rest (quintic), one each ms."""
    s = (np.arange(round(duration_s * 1000)) + 1.0)[:, None] / round(duration_s * 1000)
    return start + (end - start) * s**3 * (10 - 15 * s + 6 * s**2)


@pytest.fixture
def bench(plant, urdf, engine) -> Iterator[Bench]:
    made = Bench(plant, urdf, engine)
    yield made
    made.world.close()


@dataclass
class Running:
    """A whole simulated cell whose loop runs in a thread, and its arm's driver."""

    cell: SimulatedCell
    arm: MujocoArm


@pytest.fixture
def running(plant, urdf, engine, tmp_path) -> Iterator[Running]:
    gate = TickGate.open(tmp_path / "time.page", f"{CELL}/sim", patience_s=10.0)
    gate.set_start(datetime(2026, 11, 23, tzinfo=timezone.utc), speed=0.0, expected=0)
    cell = SimulatedCell(plant, CELL, {"arm": urdf}, tmp_path, gate, engine=engine)
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            cell.run_once(0.01)

    thread = threading.Thread(target=loop)
    thread.start()
    arm = MujocoArm(str(tmp_path / "sockets" / f"{CELL}.arm"))
    yield Running(cell, arm)
    stop.set()
    thread.join(30.0)
    arm.close()
    cell.close()
