"""All processes of a real plant mean the same by a plant time, and so does one started later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from robot_cell.nodes.base import PlantNode
from robot_cell.store import open_journal
from robot_cell.store.looks import plant_start_us
from robot_cell.store.records import from_us
from tests.plant.conftest import PLANT_FILE, domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


class Probe(PlantNode):
    """A node that does nothing."""

    def configure(self) -> None: ...

    def release(self) -> None: ...


@pytest.fixture
def ros(domain: int) -> Iterator[None]:
    del domain
    rclpy.init(signal_handler_options=rclpy.SignalHandlerOptions.NO)
    yield
    rclpy.try_shutdown()


def configured(name: str, run_dir: Path) -> Probe:
    probe = Probe(name, in_cell=False)
    probe.set_parameters(
        [Parameter("plant", value=str(PLANT_FILE)), Parameter("run_dir", value=str(run_dir))]
    )
    assert probe.trigger_configure() == TransitionCallbackReturn.SUCCESS
    return probe


def test_plant_time_begins_once(ros: None, tmp_path: Path) -> None:
    first = configured("first", tmp_path)
    before_ns = first.clock.now_ns()
    second = configured("second", tmp_path)
    assert second.clock.start() == first.clock.start()
    assert before_ns < second.clock.now_ns() < first.clock.now_ns() + 10**9
    with open_journal(tmp_path / "journal.db") as journal:
        start_us = journal.look(plant_start_us)
    assert start_us is not None
    assert from_us(start_us) == first.clock.start()
    for probe in (first, second):
        probe.destroy_node()
