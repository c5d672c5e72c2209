"""One simulated cell without ROS: physics, arm sockets and serial ports in one loop.

The loop goes through three phases per tick. *Stepped*: the physics has reached the tick, and the
cell waits until every other simulator has also left the tick before, so that nobody's signals are
seen a tick early. *Asked*: the arms' drivers have the state and owe setpoints. *Ready*: the tick is
published, and the cell waits until every controller lets time pass.
"""

from __future__ import annotations

import enum
import select
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.time_page import TICK_NS
from robot_cell.model import Cell, JointPose, Plant
from robot_cell.model.arm_names import socket_name
from robot_cell.model.register_map import load_register_map
from sim.arm_faults import ArmFaults
from sim.arm_server import ArmServer
from sim.device_log import ArmWitness, DeviceLog
from sim.devices import CellDevices
from sim.engine import EngineFactory, MujocoEngine
from sim.errors import SimulationError
from sim.fixtures import EmulatedBus, EmulatedDevice, FaultBoard
from sim.fixtures.bus import Line
from sim.layout import prefix_of
from sim.physics import STEPS_PER_TICK, CellPhysics
from sim.scene import Scene, build_scene
from sim.time import TickGate

_LOOK_AGAIN_S: Final = 0.005
"""Whoever lets time pass says so; this often it is looked anyhow, for the dead and the hung."""


class Phase(enum.Enum):
    """Where in a tick the cell is."""

    STEPPED = "stepped"
    ASKED = "asked"
    READY = "ready"


@dataclass
class Spent:
    """Wall seconds since the start, and ticks done."""

    ticks: int = 0
    physics_s: float = 0.0
    idle_s: float = 0.0


class ArmServos:
    """One arm's servos in the physics (`arm_server.Servos`).

    Attributes:
        rows: which of the physics' joints are this arm's.
    """

    def __init__(self, physics: CellPhysics, name: str) -> None:
        self.name = name
        self.rows = physics.scene.arms[name]
        self._physics = physics

    @property
    def setpoint(self) -> NDArray[np.float64]:
        """(n,) rad, where they were told to be last."""
        return self._physics.setpoint[self.rows]

    def arm_state(self) -> NDArray[np.float64]:
        """(3, n): positions, velocities and torques."""
        return self._physics.arm_state()[:, self.rows]


@dataclass
class _Arm:
    """One arm of the cell; `stops` counts those of its server that were seen."""

    servos: ArmServos
    server: ArmServer
    faults: ArmFaults
    witness: ArmWitness | None
    stops: int = 0


class SimulatedCell:
    """A cell that is not there.

    Args:
        urdfs: text of each arm's URDF.
        gate: this simulator's part in the common ticks; closed by `close`.
        seed: of the feeder's inaccuracy, and of what is random in faults.
        await_arm: before the first tick, wait until the driver of every arm has come.
        device_log: file to which the devices write what they carried out; none by default.
        engine: the simulator that moves the bodies.

    Raises:
        SceneError: the cell cannot be modelled.
    """

    def __init__(
        self,
        plant: Plant,
        cell: str,
        urdfs: Mapping[str, str],
        run_dir: Path,
        gate: TickGate,
        *,
        seed: int = 0,
        await_arm: bool = True,
        device_log: Path | None = None,
        engine: EngineFactory = MujocoEngine,
    ) -> None:
        self.name = cell
        self.cell = plant.cells[cell]
        scene = build_scene(self.cell, plant.products, urdfs)
        self.physics = CellPhysics(scene, _homes(cell, self.cell, scene), engine)
        self.physics.time_ns = gate.reached_ns
        self.devices = CellDevices(self.cell, self.physics, seed)
        self.gate = gate
        self.spent = Spent()
        self.running = True
        self._await_arm = await_arm
        self._phase = Phase.STEPPED
        self._log = DeviceLog(device_log, cell) if device_log is not None else None
        self._arms = [self._arm_of(name, run_dir) for name in scene.arms]
        self.arms = {arm.servos.name: arm.server for arm in self._arms}
        self.buses = {
            name: EmulatedBus(run_dir / bus.port, self._line(name, bus.protocol))
            for name, bus in self.cell.buses.items()
        }
        of_arms = [arm.faults for arm in self._arms]
        self.faults = FaultBoard([*of_arms, *self.buses.values()], seed)
        self.physics.while_waiting(self._serve_buses)

    def _arm_of(self, name: str, run_dir: Path) -> _Arm:
        servos = ArmServos(self.physics, name)
        rows, limits = self.physics.scene.arms[name], _limits(self.physics)
        prefix = prefix_of(name)
        server = ArmServer(
            run_dir / "sockets" / socket_name(self.name, name),
            [joint.removeprefix(prefix) for joint in self.physics.scene.arm_joints[rows]],
            limits[rows],
            period_ns=TICK_NS,
            rows=STEPS_PER_TICK,
        )
        faults = ArmFaults(server.refuse, lambda: servos.setpoint, limits[rows, :2], name)
        witness = ArmWitness(self._log, servos.setpoint, name) if self._log else None
        return _Arm(servos, server, faults, witness)

    def _line(self, bus: str, protocol: str) -> Iterable[EmulatedDevice] | Line:
        """The devices of a bus, which speak what the plant file says."""
        fixtures = {n: fixture for n, fixture in self.cell.fixtures.items() if fixture.bus == bus}
        witness = self._note if self._log is not None else None
        devices = {
            name: EmulatedDevice(
                name, fixture.simulated_kind, fixture.address, self.devices, witness
            )
            for name, fixture in fixtures.items()
        }
        if protocol != "modbus_rtu":
            return devices.values()
        # Only a cell that has such a bus pays for pymodbus (0.2 s).
        from drivers.fixtures.modbus import register_map
        from sim.fixtures.modbus import EmulatedModbusDevice, EmulatedModbusLine

        behind = []
        for name, fixture in fixtures.items():
            assert fixture.registers is not None  # the plant file was checked
            registers = register_map(load_register_map(fixture.registers).model_dump())
            behind.append(EmulatedModbusDevice(devices[name], registers))
        return EmulatedModbusLine(behind)

    @property
    def time_ns(self) -> int:
        """The instant that the physics has reached."""
        return self.physics.time_ns

    @property
    def phase(self) -> Phase:
        """Where in the tick the cell is."""
        return self._phase

    def run_once(self, timeout_s: float = 0.05) -> bool:
        """Go on as far as possible, then wait for input, at most that long; True after a tick."""
        ticked = self._proceed()
        if ticked:
            self._proceed()  # tell the arm's driver at once
        self._serve(self._wait(min(timeout_s, self._patience_s())))
        return ticked

    def close(self) -> None:
        """Take part no longer: socket and serial ports are gone afterwards."""
        for server in self.arms.values():
            server.close()
        self.physics.close()
        for bus in self.buses.values():
            bus.close()
        self.gate.close()
        if self._log is not None:
            self._log.close()

    def _proceed(self) -> bool:
        if self._phase is Phase.STEPPED and self.gate.all_departed():
            if self._await_arm and not all(server.connected for server in self.arms.values()):
                return False
            self._await_arm = False
            state = self.physics.arm_state()
            for arm in self._arms:
                arm.server.tell(self.time_ns, state[:, arm.servos.rows])
            self._phase = Phase.ASKED
        if self._phase is Phase.ASKED:
            owing = False
            for server in self.arms.values():
                owed_s = server.waiting_s()
                if owed_s is not None:
                    owing = True
                    if owed_s > self.gate.patience_s:
                        server.drop()
            if owing:
                return False
            self.gate.publish(self.time_ns)
            self._phase = Phase.READY
        if not self.running or self._phase is not Phase.READY:
            return False
        if self.gate.may_tick() and self.gate.due() == 0.0:
            self._tick()
            return True
        return False

    def _tick(self) -> None:
        began_s = time.perf_counter()
        self.gate.depart()
        self.physics.step_tick(self._setpoints(), self.devices.tables())
        for arm in self._arms:
            if arm.witness is not None:
                arm.witness.ticked(self.time_ns, arm.servos.setpoint)
        self.devices.advance()
        self.faults.advance(self.time_ns)
        for bus in self.buses.values():
            bus.settle()
        self._phase = Phase.STEPPED
        self.spent.ticks += 1
        self.spent.physics_s += time.perf_counter() - began_s

    def _setpoints(self) -> NDArray[np.float64] | None:
        """What all arms are to do in the coming tick (20, n); None if all of them hold."""
        given: list[tuple[slice, NDArray[np.float64]]] = []
        for arm in self._arms:
            if arm.server.stops != arm.stops:
                arm.stops = arm.server.stops
                self.physics.hold(arm.servos.name)
            setpoints = arm.server.take()
            if setpoints is None:
                setpoints = arm.faults.hand(STEPS_PER_TICK, TICK_NS * 1e-9)
            if setpoints is not None:
                given.append((arm.servos.rows, setpoints))
        if len(given) == len(self._arms) == 1:
            return given[0][1]
        if not given:
            return None
        every = np.repeat(self.physics.setpoint[None], STEPS_PER_TICK, axis=0)
        for rows, setpoints in given:
            every[:, rows] = setpoints
        return every

    def _note(self, device: str, step_id: int, order: tuple[str, ...], result: str) -> None:
        assert self._log is not None
        self._log.write(self.time_ns, device, step_id, order, result)

    def _patience_s(self) -> float:
        """How long to wait for input before looking at the time page again."""
        if self._phase is Phase.ASKED:
            return 0.1
        if self._phase is Phase.READY:
            due_s = self.gate.due()
            if due_s > 0.0:
                return due_s
        return _LOOK_AGAIN_S

    def _wait(self, timeout_s: float) -> list[int]:
        files = [self.gate.fileno()]
        for server in self.arms.values():
            files += server.filenos()
        for bus in self.buses.values():
            if bus.fileno() >= 0:
                files.append(bus.fileno())
            delayed_s = bus.due_s()
            if delayed_s is not None:
                timeout_s = min(timeout_s, delayed_s)
        began_s = time.perf_counter()
        ready, _, _ = select.select(files, (), (), timeout_s)
        self.spent.idle_s += time.perf_counter() - began_s
        return ready

    def _serve(self, ready: list[int]) -> None:
        if self.gate.fileno() in ready:
            self.gate.clear()
        self._serve_buses(ready)
        for arm in self._arms:
            arm.server.serve(ready, self.time_ns, arm.servos)

    def _serve_buses(self, ready: list[int] | None = None) -> None:
        """Fixtures answer; while a tick is under way elsewhere, those that were asked meanwhile."""
        if ready is None:
            files = [bus.fileno() for bus in self.buses.values() if bus.fileno() >= 0]
            ready = select.select(files, (), (), 0.0)[0]
        for bus in self.buses.values():
            if bus.fileno() in ready or bus.due_s() == 0.0:
                bus.serve()


def _homes(name: str, cell: Cell, scene: Scene) -> NDArray[np.float64]:
    """Where the arms stand at first (n,), rad."""
    homes = []
    for arm, rows in scene.arms.items():
        joints = rows.stop - rows.start
        home = cell.poses[cell.arms[arm].home]
        if not isinstance(home, JointPose) or len(home.joints_deg) != joints:
            whose = "the home pose" if len(scene.arms) == 1 else f"the home pose of {arm}"
            raise SimulationError(f"{name}: {whose} must give {joints} joint positions")
        homes.append(np.deg2rad(home.joints_deg))
    return np.concatenate(homes)


def _limits(physics: CellPhysics) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    model, scene = physics.model, physics.scene
    rows = []
    for name in scene.arm_joints:
        joint = model.joint(name)
        low, high = joint.range if joint.limited[0] else (-np.inf, np.inf)
        rows.append([low, high, scene.speeds.get(name, 0.0)])
    return np.array(rows, dtype=np.float64)
