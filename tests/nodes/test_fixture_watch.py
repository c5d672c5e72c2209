"""The watch reads what interlocks look at: noise is passed over, silence is believed and ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from robot_cell_interfaces.msg import FixtureReading, FixtureReadings

from drivers.errors import DriverError
from robot_cell.model import Plant
from robot_cell.nodes import fixture_watch
from robot_cell.nodes.fixture_watch import BELIEVED_AFTER, FixtureWatch, SharedDevice

pytestmark = pytest.mark.ros
EACH_S = 10.0


class Device:
    """A device whose next readings can be made to fail; nobody may call it twice at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        self.values: Mapping[str, str] = {"state": "ready"}
        self._alone = threading.Lock()

    def read(self) -> Mapping[str, str]:
        assert self._alone.acquire(blocking=False), "two calls at a time on one bus"
        try:
            if self.failures:
                self.failures -= 1
                raise DriverError("heard nothing")
            return self.values
        finally:
            self._alone.release()


class Node:
    """The cell, and what was published."""

    def __init__(self, plant: Plant) -> None:
        self.cell = plant.cells["cell_a"]
        self.heard: list[FixtureReadings] = []
        self.changed = threading.Condition()
        self.threads: list[threading.Thread] = []
        self.shared: dict[str, SharedDevice] = {}

    def create_publisher(self, kind: Any, name: str, profile: Any) -> Node:
        assert name == "fixtures/readings"
        return self

    def publish(self, message: FixtureReadings) -> None:
        with self.changed:
            self.heard.append(message)
            self.changed.notify_all()

    def start_thread(self, work: Any, name: str) -> None:
        self.threads.append(threading.Thread(target=work, name=name))
        self.threads[-1].start()

    def next(self, device: str) -> FixtureReading:
        """What is published of a device from now on, twice later: read after this call."""
        with self.changed:
            count = len(self.heard) + 2
            assert self.changed.wait_for(lambda: len(self.heard) >= count, EACH_S)
            return next(one for one in self.heard[-1].readings if one.device == device)


@pytest.fixture
def watched(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Node, dict[str, Device]]]:
    monkeypatch.setattr(fixture_watch, "WATCH_S", 0.005)
    monkeypatch.setattr(fixture_watch, "AGAIN_S", 0.01)
    node = Node(plant)
    devices = {name: Device(name) for name in node.cell.fixtures}
    bus = threading.Lock()
    shared = {name: SharedDevice(one, bus) for name, one in devices.items()}  # type: ignore[arg-type]
    node.shared = shared
    watch = FixtureWatch(node, shared)  # type: ignore[arg-type]
    yield node, devices
    watch.end()
    for thread in node.threads:
        thread.join(EACH_S)
        assert not thread.is_alive()


def test_only_what_interlocks_look_at_is_read(watched: tuple[Node, dict[str, Device]]) -> None:
    node, _ = watched
    node.next("table")
    assert [one.device for one in node.heard[-1].readings] == ["nest_clamp", "table"]


def test_noise_is_passed_over_and_silence_is_believed(
    watched: tuple[Node, dict[str, Device]],
) -> None:
    node, devices = watched
    before = node.next("table")
    devices["table"].failures = BELIEVED_AFTER - 1
    after = node.next("table")
    assert (list(after.keys), list(after.values)) == (["state"], ["ready"])
    assert after.sequence > before.sequence
    devices["table"].failures = 10**9
    silent = node.next("table")
    while silent.keys:
        silent = node.next("table")
    assert silent.sequence > after.sequence
    assert node.next("nest_clamp").values == ["ready"]
    devices["table"].failures = 0
    back = node.next("table")
    while not back.keys:
        back = node.next("table")
    assert back.sequence > silent.sequence


def test_commands_and_the_watch_take_turns_on_a_bus(plant: Plant) -> None:
    device = Device("table")
    shared = SharedDevice(device, threading.Lock())  # type: ignore[arg-type]
    sequences: list[int] = []

    def read() -> None:
        for _ in range(200):
            sequences.append(shared.read_in_order()[0])  # noqa: PERF401 - each when it was read

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(EACH_S)
    assert len(set(sequences)) == len(sequences) == 600


def test_what_a_command_read_of_another_device_is_told_as_well(
    watched: tuple[Node, dict[str, Device]],
) -> None:
    node, devices = watched
    devices["gripper"].values = {"state": "closed"}
    node.shared["gripper"].read()
    gripper = node.next("gripper")
    assert (list(gripper.keys), list(gripper.values)) == (["state"], ["closed"])
    devices["gripper"].values = {"state": "open"}  # nobody reads it, so nobody knows
    assert list(node.next("gripper").values) == ["closed"]
