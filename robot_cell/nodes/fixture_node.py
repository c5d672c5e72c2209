"""FixtureCommand server of a cell: owns the serial buses and every device on them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rclpy.action import GoalResponse
from robot_cell_interfaces.action import FixtureCommand
from robot_cell_interfaces.msg import FixtureCommands

from drivers.clock import FOREVER_NS
from drivers.errors import DriverError
from drivers.fixtures import (
    CommandInvalid,
    FixtureRefused,
    Implausible,
    StepReport,
    StepState,
    StepUncertain,
)
from drivers.serial_link import SerialLink
from robot_cell import failpoints
from robot_cell.execution.epoch import EpochPage
from robot_cell.nodes import fixture_commands
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.fixture_buses import make_devices, make_links
from robot_cell.nodes.fixture_watch import FixtureWatch, SharedDevice

POLL_NS: Final = 150_000_000
"""Plant time between two questions to a device that is moving; one falls on its nominal end."""

LATE_POLL_NS: Final = 20_000_000
"""Plant time between two questions to a device that should have ended."""

RETRY_NS: Final = 100_000_000
"""Plant time before a device that did not answer is asked again."""

IMPLAUSIBLE_READINGS: Final = 2
"""So many readings that cannot be true are believed to be a fault of the device."""


@dataclass(frozen=True)
class _Ended:
    status: str
    message: str
    started_ns: int
    values: Mapping[str, str]
    reading: int = 0


class FixtureNode(PlantNode):
    """Commands in, outcomes out; each device is asked, never assumed."""

    def __init__(self) -> None:
        super().__init__("fixtures", in_cell=True)
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._devices: dict[str, SharedDevice] = {}
        self._watch: FixtureWatch | None = None
        self._links: dict[str, SerialLink] = {}
        self._closing = False

    def configure(self) -> None:
        """Make the buses and devices, and offer the action; ports are opened when first used."""
        self._epochs = EpochPage(self.run_dir, self.cell_name)
        self._links = make_links(self.cell, self.run_dir)
        on_bus = {name: threading.Lock() for name in self._links}
        self._devices = {
            name: SharedDevice(device, on_bus[self.cell.fixtures[name].bus])
            for name, device in make_devices(self.cell, self._links).items()
        }
        self._server = DeferredActionServer(
            self, FixtureCommand, "fixtures/command", begin=self._work.put, accept=self._accept
        )
        self._commands = self.create_publisher(FixtureCommands, fixture_commands.TOPIC, LATCHED)
        self._commands.publish(
            fixture_commands.told({name: one.commands for name, one in self._devices.items()})
        )
        self.start_thread(self._serve, "fixtures")
        self._watch = FixtureWatch(self, self._devices)
        self.clock.silent_until(FOREVER_NS)  # it talks to its own cell
        self.clock.wait_for()

    def release(self) -> None:
        """Close the ports; what a device is doing it does to its end."""
        self._closing = True
        self._work.put(None)
        if self._watch is not None:
            self._watch.end()
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _accept(self, request: Any) -> GoalResponse:
        del request
        self.clock.busy()
        return GoalResponse.ACCEPT

    # -- the thread that talks to the devices ---------------------------------------------------

    def _serve(self) -> None:
        while (goal := self._work.get()) is not None:
            started_ns = self.clock.now_ns()
            try:
                ended = self._command(goal.request, started_ns)
            except DriverError as error:
                ended = _Ended("uncertain", str(error), started_ns, {})
            if goal.request.command not in ("read", "outcome"):
                failpoints.reach("fixtures.command-ended")
            self._finish(goal, ended)

    def _finish(self, goal: Any, ended: _Ended) -> None:
        answer = FixtureCommand.Result(
            success=ended.status == "done",
            status=ended.status,
            message=ended.message,
            keys=list(ended.values),
            values=list(ended.values.values()),
            reading=ended.reading,
            started_ns=ended.started_ns,
            ended_ns=self.clock.now_ns(),
        )
        self.clock.signal()
        if answer.success:
            goal.succeed()
        else:
            goal.abort()
        self._server.finish(goal, answer)
        self.clock.wait_for()

    def _command(self, request: Any, started_ns: int) -> _Ended:
        device = self._devices.get(request.device)
        if device is None:
            listed = ", ".join(sorted(self._devices))
            message = f"cell {self.cell_name} has no fixture {request.device!r}; it has: {listed}"
            return _Ended("refused", message, -1, {})
        if request.command == "read":
            return self._done(device, started_ns, started_ns)
        deadline_ns = started_ns + int(request.timeout_s * 1e9)
        report: StepReport | _Ended
        if request.command == "outcome":
            report = self._ask(device, request.step_id, deadline_ns)
            if report.state is StepState.UNKNOWN:
                message = f"{device.name} says that it never began step {request.step_id}"
                return _Ended("not_done", message, -1, {})
        elif 0 < request.epoch < self._epochs.current():
            message = (
                f"{device.name}: {request.command} was asked in epoch {request.epoch}, which has "
                f"ended; the cell is in epoch {self._epochs.current()}"
            )
            return _Ended("refused", message, -1, {})
        else:
            failpoints.reach("fixtures.command-taken")
            report = self._begin(device, request, deadline_ns)
            failpoints.reach("fixtures.command-sent")
        if isinstance(report, _Ended):
            return report
        nominal_ns = started_ns + int(self._nominal_s(device, request.command) * 1e9)
        while report.state is StepState.RUNNING:
            if self.clock.now_ns() >= deadline_ns:
                message = (
                    f"{device.name} still runs {request.command} after {request.timeout_s:g} s"
                )
                return _Ended("uncertain", message, started_ns, {})
            now_ns = self.clock.now_ns()
            pause_ns = min(POLL_NS, nominal_ns - now_ns) if now_ns < nominal_ns else LATE_POLL_NS
            if not self.clock.sleep_until(now_ns + pause_ns, lambda: self._closing):
                return _Ended("uncertain", "the fixture node was stopped", started_ns, {})
            report = self._ask(device, request.step_id, deadline_ns)
        if report.state is StepState.DONE:
            return self._done(device, started_ns, deadline_ns)
        status = "failed" if report.state is StepState.FAILED else "uncertain"
        message = f"{device.name} {request.command}: {report.code} {report.message}".rstrip()
        return _Ended(status, message, started_ns, {})

    def _nominal_s(self, device: SharedDevice, command: str) -> float:
        if command == "outcome":
            return 0.0  # it may be over at any time
        given = self.cell.fixtures[device.name].durations_s.get(command)
        return device.commands[command].duration_s if given is None else given

    def _begin(self, device: SharedDevice, request: Any, deadline_ns: int) -> StepReport | _Ended:
        """Send the command once; after a fault on the line, ask what became of it."""
        try:
            return device.begin(request.step_id, request.command, tuple(request.args))
        except (CommandInvalid, FixtureRefused) as error:
            return _Ended("refused", str(error), -1, {})
        except StepUncertain:
            raise  # the device cannot be asked
        except DriverError as error:
            self.get_logger().warning(f"{error}; asking the device what became of the step")
        report = self._ask(device, request.step_id, deadline_ns)
        if report.state is not StepState.UNKNOWN:
            return report
        # The device has never begun it, so sending it again cannot do it twice.
        return device.begin(request.step_id, request.command, tuple(request.args))

    def _ask(self, device: SharedDevice, step_id: int, deadline_ns: int) -> StepReport:
        while True:
            try:
                return device.outcome(step_id)
            except StepUncertain:
                raise
            except DriverError:
                if self._closing or self.clock.now_ns() + RETRY_NS > deadline_ns:
                    raise
                self.clock.sleep_until(self.clock.now_ns() + RETRY_NS, lambda: self._closing)

    def _done(self, device: SharedDevice, started_ns: int, deadline_ns: int) -> _Ended:
        """It is done: with what the device reads now."""
        reading, values = self._read(device, deadline_ns)
        return _Ended("done", "", started_ns, values, reading)

    def _read(self, device: SharedDevice, deadline_ns: int) -> tuple[int, Mapping[str, str]]:
        implausible = 0
        while True:
            try:
                return device.read_in_order()
            except DriverError as error:
                implausible += isinstance(error, Implausible)
                if implausible == IMPLAUSIBLE_READINGS:
                    raise
                if self._closing or self.clock.now_ns() + RETRY_NS > deadline_ns:
                    raise
                self.clock.sleep_until(self.clock.now_ns() + RETRY_NS, lambda: self._closing)


def main() -> None:
    """Entry point of `fixture_node`."""
    spin(FixtureNode)
