"""A cell that is stopped in mid-move: it stands, says so, and goes home before it works again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_cell.bringup.session import PlantSession
from robot_cell.client import PlantClient
from robot_cell.model import JointPose, Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.orders import read_batch
from tests.plant.conftest import PLANT_FILE, SMALL_BATCH, Listener, Watch, domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(240)]

READY_S = 90.0


@pytest.fixture
def running(domain: int, tmp_path: Path) -> Iterator[tuple[PlantClient, Plant]]:
    """A plant that has just begun the small batch, at real speed."""
    del domain
    plant = load_plant(PLANT_FILE)
    file = tmp_path / "orders.csv"
    file.write_text(SMALL_BATCH)
    arguments = {
        "plant": str(PLANT_FILE),
        "speed": "1.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
    }
    with PlantSession(plant.cells, arguments), PlantClient.connect(READY_S) as client:
        client.wait_ready(READY_S, cells=plant.cells)
        assert client.submit(read_batch(file, plant).orders, "orders.csv", "csv", "test").accepted
        yield client, plant


def until(client: PlantClient, condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, client.cell_states()
        client.wait_change(0.2)


def test_stop_and_reset(running: tuple[PlantClient, Plant]) -> None:
    client, plant = running
    until(client, lambda: client.cell_states()["cell_a"].message.startswith("ptp to nest"))
    refused = client.command("cell_a", "reset", "test")
    assert not refused.success
    assert "Execute" in refused.message
    assert client.command("cell_a", "stop", "test").success
    until(client, lambda: client.cell_states()["cell_a"].state == "Stopped")
    watch = Watch()
    listener = Listener(["cell_a"], watch)  # from here on: nothing that was measured before
    try:

        def positions(count: int) -> np.ndarray:
            watch.joints["cell_a"].clear()
            end_s = time.monotonic() + 20.0
            while len(watch.joints["cell_a"]) < count:
                assert time.monotonic() < end_s
                listener.spin(0.1)
            return np.array([message.position for message in watch.joints["cell_a"]])

        standing = positions(20)
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

        assert client.command("cell_a", "reset", "test").success
        until(client, lambda: client.cell_states()["cell_a"].state != "Stopped")
        until(client, lambda: client.cell_states()["cell_a"].state != "Resetting")
        assert client.cell_states()["cell_a"].state in ("Idle", "Starting", "Execute")
    finally:
        listener.close()
