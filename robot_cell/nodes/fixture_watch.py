"""Reads the devices that interlocks look at, again and again, beside the commands; tells of all.

A device is talked to by two threads from then on, so each call to one goes through `SharedDevice`:
one call at a time on a bus, and a sequence for every reading, by which the newer of two is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from robot_cell_interfaces.msg import FixtureReading, FixtureReadings

from drivers.errors import DriverError
from drivers.fixtures import CommandSpec, FixtureDriver, StepReport
from robot_cell.nodes.base import LATCHED, PlantNode

WATCH_S: Final = 0.2
"""Time between two readings of a device, wall time: a line is read in real time or not at all."""

BELIEVED_AFTER: Final = 3
"""So many readings that fail, one after the other, are believed: fewer may be noise."""

AGAIN_S: Final = 1.0
"""How long a device that does not answer is left alone: it costs the others on its bus 150 ms."""


class SharedDevice:
    """A device that several threads may use.

    Args:
        on_bus: held while anything is on the device's bus.

    Attributes:
        reading: sequence of the last reading: the machine's monotonic time in ns, so that it grows
            over a restart of this process too.
        last: what that reading was; None before the first.
    """

    def __init__(self, device: FixtureDriver, on_bus: threading.Lock) -> None:
        self._device = device
        self._on_bus = on_bus
        self.reading = 0
        self.last: FixtureReading | None = None

    @property
    def name(self) -> str:
        """The device's name in the plant file."""
        return self._device.name

    @property
    def commands(self) -> Mapping[str, CommandSpec]:
        """The commands of its kind."""
        return self._device.commands

    def begin(self, step_id: int, command: str, args: Sequence[str]) -> StepReport:
        """Have the device begin a step; see `FixtureDriver`."""
        with self._on_bus:
            return self._device.begin(step_id, command, args)

    def outcome(self, step_id: int) -> StepReport:
        """Ask the device what became of a step; see `FixtureDriver`."""
        with self._on_bus:
            return self._device.outcome(step_id)

    def read(self) -> Mapping[str, str]:
        """The device's values; see `FixtureDriver`."""
        return self.read_in_order()[1]

    def read_in_order(self) -> tuple[int, Mapping[str, str]]:
        """Sequence and values of a reading."""
        with self._on_bus:
            values = self._device.read()
            self.reading = time.monotonic_ns()
            self.last = FixtureReading(
                device=self.name,
                sequence=self.reading,
                keys=list(values),
                values=list(values.values()),
            )
            return self.reading, values

    def stop(self) -> None:
        """Bring the device into its safe state."""
        with self._on_bus:
            self._device.stop()


class FixtureWatch:
    """Publishes on `fixtures/readings` what a cell's devices say.

    Those of its interlocks are read for that, again and again. Of the others it tells what the last
    command or question found: pages show it, and nobody decides by it.
    """

    def __init__(self, node: PlantNode, devices: Mapping[str, SharedDevice]) -> None:
        looked_at = {d for one in node.cell.interlocks.values() for d in one.devices}
        self._devices = {name: devices[name] for name in sorted(looked_at)}
        self._others = [one for name, one in sorted(devices.items()) if name not in looked_at]
        self._last: dict[str, Any] = {name: FixtureReading(device=name) for name in self._devices}
        self._again_s = dict.fromkeys(self._devices, 0.0)
        self._ending = threading.Event()
        self._topic = node.create_publisher(FixtureReadings, "fixtures/readings", LATCHED)
        node.start_thread(self._serve, "watch")

    def end(self) -> None:
        """End the thread."""
        self._ending.set()

    def _serve(self) -> None:
        told: list[FixtureReading] = []
        while not self._ending.wait(WATCH_S):
            for name in self._devices:
                if time.monotonic() >= self._again_s[name]:
                    self._read(name)
            known = [one for one in self._last.values() if one.sequence]
            known += [one.last for one in self._others if one.last is not None]
            # An interlock takes silence for a fault of this watch, so it is told the same again.
            if self._devices or known != told:
                self._topic.publish(FixtureReadings(readings=known))
                told = known

    def _read(self, name: str) -> None:
        for _ in range(BELIEVED_AFTER):
            try:
                self._devices[name].read_in_order()
            except DriverError:
                continue
            self._last[name] = self._devices[name].last
            return
        self._again_s[name] = time.monotonic() + AGAIN_S
        self._last[name] = FixtureReading(device=name, sequence=time.monotonic_ns())
