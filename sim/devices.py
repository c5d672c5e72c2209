"""The fixtures of a cell, coupled to its physics: what their actuators do and their sensors see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Cell, Fixture
from sim.errors import SceneError
from sim.fixtures import DeviceState, Refused
from sim.physics import STEPS_PER_TICK, CellPhysics, Region
from sim.scene import STEP_S, rotation

CLAMP_S: Final = 0.25
QUARTER_TURN_S: Final = 0.8
FEED_S: Final = 0.5
FEED_ERROR_M: Final = 0.0003
FEED_ERROR_DEG: Final = 0.3
POSITIONS: Final = 4

_STOP: Final = "stop"
_STEP_NS: Final = round(STEP_S * 1e9)


class Device(Protocol):
    """One fixture in the world."""

    def actuate(self, command: str, args: tuple[str, ...]) -> None:
        """Begin, or refuse, or stop."""

    def advance(self, now_ns: int) -> None:
        """A tick has passed."""

    def state(self) -> DeviceState:
        """How things stand."""

    @property
    def moving(self) -> bool:
        """Whether an actuation is not over."""


class _Actuator:
    """A motion that takes its time: begun at a tick, over at a later one."""

    def __init__(self, world: CellPhysics) -> None:
        self.world = world
        self.began_ns = 0
        self.over_ns = 0
        self.moving = False
        self.fault = ""

    def begin(self, duration_s: float) -> None:
        if self.moving:
            raise Refused("BUSY", "the last actuation is not over")
        self.fault = ""
        self.moving = True
        self.began_ns = self.world.time_ns
        self.over_ns = self.began_ns + round(duration_s * 1e9)

    def over(self, now_ns: int) -> bool:
        """True once, at the tick at which the motion is over."""
        if not self.moving or now_ns < self.over_ns:
            return False
        self.moving = False
        return True

    def progress(self, now_ns: int) -> float:
        if not self.moving:
            return 1.0
        return min(1.0, (now_ns - self.began_ns) / max(self.over_ns - self.began_ns, 1))


class ClampDevice:
    """A clamp or gripper: closed, it holds what is between its jaws; it lets go at once."""

    def __init__(self, name: str, fixture: Fixture, world: CellPhysics) -> None:
        self.name = name
        self._world = world
        self._durations = fixture.durations_s
        self._actuator = _Actuator(world)
        self._goal = self._place = "open"

    def actuate(self, command: str, args: tuple[str, ...]) -> None:
        """Open, close or stop."""
        del args
        if command == _STOP:
            if self._actuator.moving:
                self._actuator.moving = False
                self._place = "unknown"
            return
        self._actuator.begin(self._durations.get(command, CLAMP_S))
        self._goal = "closed" if command == "close" else "open"
        if command == "open":
            self._world.release(self.name)

    @property
    def moving(self) -> bool:
        """Whether an actuation is not over."""
        return self._actuator.moving

    def advance(self, now_ns: int) -> None:
        """At the end of closing, hold the part."""
        if self._actuator.over(now_ns):
            self._place = self._goal
            if self._goal == "closed" and self._world.held(self.name) is None:
                self._world.grip(self.name)

    def state(self) -> DeviceState:
        """`state` and `part`."""
        part = "present" if self._world.held(self.name) is not None else "absent"
        moving = self._actuator.moving
        return DeviceState(moving, "", {"state": "moving" if moving else self._place, "part": part})

    def closed(self) -> float:
        """How far the jaws are closed, 0 to 1; for pictures."""
        now, goal = self._actuator.progress(self._world.time_ns), float(self._goal == "closed")
        return goal if self._place == self._goal else 1.0 - goal + (2.0 * goal - 1.0) * now


class TableDevice:
    """A rotary table with four positions, a quarter turn apart; it takes the shorter way round."""

    def __init__(self, name: str, fixture: Fixture, world: CellPhysics) -> None:
        self.name = name
        self._world = world
        self._quarter_s = fixture.durations_s.get("index", QUARTER_TURN_S)
        self._actuator = _Actuator(world)
        self._from = self._to = 0.0
        self._still = np.zeros(STEPS_PER_TICK)
        self._position = self._goal = "0"

    def actuate(self, command: str, args: tuple[str, ...]) -> None:
        """Turn to a position, or stop."""
        if command == _STOP:
            if self._actuator.moving:
                self._actuator.moving = False
                self._to = self._world.table_angle(self.name)
                self._position = ""
            return
        goal = args[0] if args else "0"
        if goal not in {str(i) for i in range(POSITIONS)}:
            raise Refused(
                "POSITION", f"there is no position {goal}; there are 0 to {POSITIONS - 1}"
            )
        quarter = np.pi / 2
        angle = self._world.table_angle(self.name)
        turns = (int(goal) - angle / quarter + POSITIONS / 2) % POSITIONS - POSITIONS / 2
        if turns < -POSITIONS / 2 + 0.01:
            turns += POSITIONS
        self._actuator.begin(max(self._quarter_s * abs(turns), 0.02))
        self._from, self._to, self._goal = angle, angle + turns * quarter, goal

    @property
    def moving(self) -> bool:
        """Whether an actuation is not over."""
        return self._actuator.moving

    def advance(self, now_ns: int) -> None:
        """At the end, see whether the table is where it should be."""
        if self._actuator.over(now_ns):
            if abs(self._world.table_angle(self.name) - self._to) < np.deg2rad(1.0):
                self._position = self._goal
            else:
                self._position, self._actuator.fault = "", "STALLED"

    def state(self) -> DeviceState:
        """`state` and `position`."""
        moving = self._actuator.moving
        state = "moving" if moving else "ready" if self._position else "unknown"
        return DeviceState(
            moving, self._actuator.fault, {"state": state, "position": self._position}
        )

    def setpoints(self) -> NDArray[np.float64]:
        """(20,) rad: where the table should be in the coming tick (rest to rest, quintic)."""
        if not self._actuator.moving:
            if self._still[0] != self._to:
                self._still = np.full(STEPS_PER_TICK, self._to)
            return self._still
        times = self._world.time_ns + _STEP_NS * np.arange(STEPS_PER_TICK)
        span = self._actuator.over_ns - self._actuator.began_ns
        s = np.clip((times - self._actuator.began_ns) / span, 0.0, 1.0)
        return self._from + (self._to - self._from) * s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


class SensorDevice:
    """A presence sensor that also tells the product."""

    def __init__(self, name: str, region: Region, world: CellPhysics) -> None:
        self.name = name
        self._region = region
        self._world = world

    def actuate(self, command: str, args: tuple[str, ...]) -> None:
        """A sensor does nothing; a stop is no trouble to it."""
        del args
        if command != _STOP:
            raise Refused("COMMAND", f"a sensor cannot {command}")

    @property
    def moving(self) -> bool:
        """Never."""
        return False

    def advance(self, now_ns: int) -> None:
        """Nothing moves."""

    def state(self) -> DeviceState:
        """`state` and `kind` (the product)."""
        parts = self._world.parts_at(self._region)
        kind = self._world.scene.parts[parts[0]] if parts else ""
        return DeviceState(False, "", {"state": "present" if parts else "absent", "kind": kind})


class FeederDevice:
    """Puts fresh parts at the infeed and takes finished ones away from the outfeed."""

    def __init__(
        self,
        name: str,
        fixture: Fixture,
        infeed: Region,
        outfeed: Region | None,
        world: CellPhysics,
        random: np.random.Generator,
    ) -> None:
        self.name = name
        self._world = world
        self._durations = fixture.durations_s
        self._infeed = infeed
        self._outfeed = outfeed
        self._random = random
        self._actuator = _Actuator(world)
        self._present = ""
        self._product = ""
        self._known = True

    def actuate(self, command: str, args: tuple[str, ...]) -> None:
        """Present a part, clear the outfeed, or stop."""
        if command == _STOP:
            if self._actuator.moving:
                self._actuator.moving = False
                self._known = False
            return
        product = args[0] if command == "present" and args else ""
        if command == "present":
            self._may_present(product)
        elif self._outfeed is None:
            raise Refused("NO_OUTFEED", f"{self.name} clears no frame")
        elif not self._world.parts_at(self._outfeed):
            raise Refused("NOTHING", "there is no part at the outfeed")
        self._actuator.begin(self._durations.get(command, FEED_S))
        self._present = product

    @property
    def moving(self) -> bool:
        """Whether an actuation is not over."""
        return self._actuator.moving

    def advance(self, now_ns: int) -> None:
        """At the end, the part is there, or gone."""
        if not self._actuator.over(now_ns):
            return
        self._known = True
        if self._present:
            part = self._world.stored(self._present)
            if part is None or self._world.parts_at(self._infeed):
                self._actuator.fault = "OCCUPIED" if part is not None else "EMPTY"
                return
            self._world.put(part, self._inaccurate(self._infeed))
            self._product = self._present
        elif self._outfeed is not None:
            for part in self._world.parts_at(self._outfeed):
                self._world.take_away(part)

    def state(self) -> DeviceState:
        """`state`, the last `product`, and whether there is a part at `infeed` and `outfeed`."""
        moving = self._actuator.moving
        values = {
            "state": "moving" if moving else "ready" if self._known else "unknown",
            "product": self._product,
            "infeed": self._seen(self._infeed),
            "outfeed": self._seen(self._outfeed),
        }
        return DeviceState(moving, self._actuator.fault, values)

    def _inaccurate(self, region: Region) -> Region:
        """Where a part really comes to lie: no feeder is perfect."""
        offset = self._random.uniform(-FEED_ERROR_M, FEED_ERROR_M, 2)
        yaw_deg = float(self._random.uniform(-FEED_ERROR_DEG, FEED_ERROR_DEG))
        turned = region.matrix @ rotation((0.0, 0.0, yaw_deg))
        return Region(region.xyz_m + region.matrix @ [*offset, 0.0], turned)

    def _seen(self, region: Region | None) -> str:
        return "present" if region is not None and self._world.parts_at(region) else "absent"

    def _may_present(self, product: str) -> None:
        if product not in self._world.scene.parts.values():
            raise Refused("PRODUCT", f"no parts of {product} here")
        if self._world.parts_at(self._infeed):
            raise Refused("OCCUPIED", "there is a part at the infeed")
        if self._world.stored(product) is None:
            raise Refused("EMPTY", f"no part of {product} is left in the store")


class CellDevices:
    """All fixtures of a cell: what the emulators on its buses act on (`FixturePhysics`).

    Raises:
        SceneError: a fixture of a kind that cannot be simulated, or without a frame.
    """

    def __init__(self, cell: Cell, world: CellPhysics, seed: int = 0) -> None:
        self._world = world
        self._moving: frozenset[str] = frozenset()
        random = np.random.default_rng(seed)
        self._devices: dict[str, Device] = {}
        for name, fixture in cell.fixtures.items():
            self._devices[name] = _make(cell, name, fixture, world, random)
        devices = self._devices.items()
        self._tables = {n: device for n, device in devices if isinstance(device, TableDevice)}
        self.changes = 0
        """Grows whenever a fixture begins or ends to move."""

    def now_ns(self) -> int:
        """Plant time."""
        return self._world.time_ns

    def actuate(self, device: str, command: str, args: tuple[str, ...]) -> None:
        """Begin an actuation; `stop` is never refused."""
        self._devices[device].actuate(command, args)
        self.changes += 1

    def state(self, device: str) -> DeviceState:
        """How things stand with a device now."""
        return self._devices[device].state()

    def advance(self) -> None:
        """A tick has passed."""
        for device in self._devices.values():
            device.advance(self._world.time_ns)
        moving = frozenset(n for n, d in self._devices.items() if d.moving)
        if moving != self._moving:
            self._moving = moving
            self.changes += 1

    def tables(self) -> Mapping[str, NDArray[np.float64]]:
        """(20,) rad for the coming tick, for each rotary table."""
        return {name: table.setpoints() for name, table in self._tables.items()}

    def jaws(self) -> Mapping[str, float]:
        """How far each clamp is closed, 0 to 1; for pictures."""
        return {
            name: device.closed()
            for name, device in self._devices.items()
            if isinstance(device, ClampDevice)
        }


def _make(
    cell: Cell, name: str, fixture: Fixture, world: CellPhysics, random: np.random.Generator
) -> Device:
    if fixture.simulated_kind == "clamp":
        return ClampDevice(name, fixture, world)
    if fixture.simulated_kind == "table":
        return TableDevice(name, fixture, world)
    place = _region(cell, fixture.frame)
    if place is None:
        raise SceneError(f"fixture {name} ({fixture.simulated_kind}) has no frame; give it one")
    if fixture.simulated_kind == "sensor":
        return SensorDevice(name, place, world)
    if fixture.simulated_kind == "feeder":
        return FeederDevice(name, fixture, place, _region(cell, fixture.clears), world, random)
    raise SceneError(
        f"fixture {name}: kind {fixture.simulated_kind!r} cannot be simulated; "
        "there are: clamp, feeder, sensor, table; simulate_as puts one of them in its place"
    )


def _region(cell: Cell, name: str | None) -> Region | None:
    if name is None:
        return None
    frame = cell.frames[name]
    return Region(np.array(frame.xyz_m), rotation(frame.rpy_deg))
