"""A cell that is held or stopped in mid-move or in mid-clamp, or whose interlock breaks.

It stands, says so, and goes on, or home. The example has no hand-over between two arms: parts are
brought from cell to cell by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from std_srvs.srv import SetBool

from robot_cell.bringup.session import PlantSession
from robot_cell.client import PlantClient
from robot_cell.model import FixtureStep, JointPose, Plant
from robot_cell.model.alarm import AlarmState
from robot_cell.model.plant_file import load_plant
from robot_cell.orders import read_batch
from robot_cell.programs.cycle import step_duration_s
from robot_cell.store import AlarmRecord, open_journal
from tests.plant.conftest import PLANT_FILE, SMALL_BATCH, Listener, Watch, domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(240)]

READY_S = 90.0


@pytest.fixture(scope="module")
def running(
    domain: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PlantClient, Plant, Path]]:
    """A plant that has just begun the small batch, at real speed."""
    del domain
    plant = load_plant(PLANT_FILE)
    file = tmp_path_factory.mktemp("batch") / "orders.csv"
    file.write_text(SMALL_BATCH)
    arguments = {
        "plant": str(PLANT_FILE),
        "speed": "1.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
    }
    with PlantSession(plant.cells, arguments) as session, PlantClient.connect(READY_S) as client:
        client.wait_ready(READY_S, cells=plant.cells)
        assert client.submit(read_batch(file, plant).orders, "orders.csv", "csv", "test").accepted
        yield client, plant, session.run_dir / "journal.db"


def until(client: PlantClient, condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, client.cell_states()
        client.wait_change(0.2)


def _ns(stamp: Any) -> int:
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


class Heard:
    """What cell_a's arm was measured to do."""

    def __init__(self, client: PlantClient) -> None:
        self.client = client
        self.watch = Watch()
        self.listener = Listener(["cell_a"], self.watch)

    def measured(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The next `count` positions and velocities that are newer than the cell's state."""
        heard = self.watch.joints["cell_a"]
        end_s = time.monotonic() + 20.0
        while True:
            changed_ns = self.client.cell_states()["cell_a"].at_ns
            newer = [m for m in heard if _ns(m.header.stamp) > changed_ns]
            if len(newer) >= count:
                heard.clear()
                return (
                    np.array([m.position for m in newer]),
                    np.array([m.velocity for m in newer]),
                )
            assert time.monotonic() < end_s
            self.listener.spin(0.1)

    def until_it_moves(self) -> int:
        """Wait until it moves fast in a point-to-point motion of an operation; in which step."""
        end_s = time.monotonic() + 60.0
        while time.monotonic() < end_s:
            state = self.client.cell_states()["cell_a"]
            if not state.message.startswith("ptp"):
                self.client.wait_change(0.2)
            elif np.max(np.abs(self.measured(1)[1])) > 0.3:
                return state.step
        raise AssertionError(f"it never moves: {self.client.cell_states()}")

    def until(self, state: str) -> None:
        """Wait for a state of the cell."""
        until(self.client, lambda: self.client.cell_states()["cell_a"].state == state)


@pytest.fixture
def heard(running: tuple[PlantClient, Plant, Path]) -> Iterator[Heard]:
    """Listens from here on: to nothing that was measured before."""
    found = Heard(running[0])
    yield found
    found.listener.close()


def held_in_mid_move(client: PlantClient, heard: Heard) -> int:
    """Hold cell_a while its arm is in the middle of a motion; in which step.

    On a machine that is busy with other things the command can come a motion too late: then the
    arm goes on, and the next one is tried.
    """
    for _ in range(5):
        step = heard.until_it_moves()
        assert client.hold("cell_a", "test", on=True).success
        heard.until("Held")
        if client.cell_states()["cell_a"].step == step:
            return step
        assert client.hold("cell_a", "test", on=False).success
        heard.until("Execute")
    raise AssertionError("never held in the step in which it was asked to")


def test_hold_stops_the_arm_in_mid_move_and_unhold_goes_on(
    running: tuple[PlantClient, Plant, Path], heard: Heard
) -> None:
    client = running[0]
    step = held_in_mid_move(client, heard)
    assert np.max(np.abs(heard.measured(5)[1])) < 0.02
    assert np.max(np.ptp(heard.measured(30)[0], axis=0)) < 1e-3
    now = client.cell_states()["cell_a"]
    assert (now.state, now.step) == ("Held", step)
    assert "Held" in client.hold("cell_a", "test", on=True).message
    assert client.hold("cell_a", "test", on=False).success
    heard.until("Execute")
    until(client, lambda: client.cell_states()["cell_a"].step > step)

    # An arm that is held by whoever asks its node takes the cell with it.
    heard.until_it_moves()
    asked = SetBool.Request(data=True)
    assert heard.listener.ask(SetBool, "/cell_a/arm/hold", asked).success
    heard.until("Held")
    asked.data = False
    assert heard.listener.ask(SetBool, "/cell_a/arm/hold", asked).success
    heard.until("Execute")

    # Idle cells do not obey Hold; their arms do, and so do they once they would execute.
    assert client.hold("cell_b", "test", on=True).success
    until(client, lambda: client.cell_states()["cell_b"].state == "Held")
    assert client.hold("cell_b", "test", on=False).success


def alarms(journal_file: Path) -> list[AlarmRecord]:
    with open_journal(journal_file) as journal:
        return journal.alarms.standing()


def test_hold_in_mid_clamp_lets_it_close_and_then_holds(
    running: tuple[PlantClient, Plant, Path], heard: Heard
) -> None:
    client, plant, journal = running

    def doing() -> str:
        return client.cell_states()["cell_a"].message

    assert client.fault("cell_a", "nest_clamp", "slow", amount=5).success
    until(client, lambda: doing() == "nest_clamp: close")
    begun_ns = client.cell_states()["cell_a"].at_ns
    heard.measured(3)  # once time passes the clamp has been commanded, however slow the disk
    assert client.hold("cell_a", "test", on=True).success
    heard.until("Held")
    # A clamp that closes is not stopped half-way: the cell is Held when it has closed.
    closed_ns = client.cell_states()["cell_a"].at_ns
    usual_s = step_duration_s(
        plant.cells["cell_a"], FixtureStep(fixture="nest_clamp", command="close")
    )
    assert closed_ns - begun_ns > 4.5e9 * usual_s
    assert np.max(np.ptp(heard.measured(10)[0], axis=0)) < 1e-3
    assert client.fault("cell_a", "nest_clamp", "ok").success
    assert client.hold("cell_a", "test", on=False).success
    heard.until("Execute")
    assert alarms(journal) == []


def test_an_interlock_that_breaks_in_mid_move_holds_until_it_is_restored(
    running: tuple[PlantClient, Plant, Path], heard: Heard
) -> None:
    client, _, journal = running

    def state() -> Any:
        return client.cell_states()["cell_a"]

    until(client, lambda: state().message.startswith("lin to edge"))
    step = state().step
    assert client.fault("cell_a", "table", "off").success
    heard.until("Held")
    assert state().message.startswith("interlock table_stands is broken: table does not say")
    assert np.max(np.ptp(heard.measured(10)[0], axis=0)) < 1e-3
    assert state().step - step <= 1
    until(client, lambda: len(alarms(journal)) == 1)
    [alarm] = alarms(journal)
    assert (alarm.kind, alarm.subject) == ("interlock_broken", "table_stands")
    refused = client.hold("cell_a", "test", on=False)
    assert not refused.success
    assert "interlock table_stands is broken" in refused.message
    assert client.fault("cell_a", "table", "ok").success
    until(client, lambda: client.hold("cell_a", "test", on=False).success)
    heard.until("Execute")
    until(client, lambda: [a.state for a in alarms(journal)] == [AlarmState.RETURNED])


def test_stop_modes_and_reset(
    running: tuple[PlantClient, Plant, Path], heard: Heard, tmp_path: Path
) -> None:
    client, plant, _ = running
    heard.until_it_moves()
    refused = client.command("cell_a", "reset", "test")
    assert not refused.success
    assert "Execute" in refused.message
    assert client.command("cell_a", "stop", "test").success
    heard.until("Stopped")
    standing = heard.measured(20)[0]
    assert np.max(np.ptp(standing, axis=0)) < 1e-3
    home = plant.cells["cell_a"].poses["home"]
    assert isinstance(home, JointPose)
    assert np.max(np.abs(standing[-1] - np.radians(home.joints_deg))) > 0.1
    # It is reported when the cell's silence ends: up to a second of plant time later.
    until(
        client,
        lambda: (
            [o.cell for o in client.schedule().operations if o.status == "failed"] == ["cell_a"]
        ),
    )

    # In manual mode nothing moves by itself; in maintenance it goes home, and takes no work.
    assert client.change_mode("cell_a", "manual", "test").success
    refused = client.command("cell_a", "reset", "test")
    assert "in manual mode and does not obey Reset" in refused.message
    assert client.change_mode("cell_a", "maintenance", "test").success
    assert client.command("cell_a", "reset", "test").success
    heard.until("Idle")
    assert np.max(np.abs(heard.measured(1)[0] - np.radians(home.joints_deg))) < 0.02
    assert client.cell_states()["cell_a"].mode == "maintenance"
    assert not client.command("cell_a", "start", "test").success  # for leases to ask
    file = tmp_path / "more.csv"
    file.write_text(SMALL_BATCH.replace("T-", "M-"))
    assert client.submit(read_batch(file, plant).orders, "more.csv", "csv", "test").accepted
    only_there = [o for o in client.schedule().operations if o.operation == "deburr"]
    assert {o.cell for o in only_there} == {"cell_a"}
    assert {o.status for o in only_there if o.order_id == "M-1"} == {"planned"}
    assert client.cell_states()["cell_a"].state == "Idle"
    assert client.change_mode("cell_a", "production", "test").success
    until(client, lambda: client.cell_states()["cell_a"].state != "Idle")
    until(client, lambda: client.cell_states()["cell_a"].state == "Execute")
    assert not client.change_mode("cell_a", "manual", "test").success
