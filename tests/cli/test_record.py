"""`robot-cell record`: an independent reader finds in the file what was said, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from robot_cell_interfaces.msg import CellState, Schedule, ScheduledOperation
from sensor_msgs.msg import JointState

from robot_cell.bringup.session import free_domain
from robot_cell.client.message_text import UnknownMessageType, message_text

pytestmark = pytest.mark.ros

WITHIN_S = 60.0
NAMES = [f"joint_{number}" for number in range(1, 7)]
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Speaker:
    """Says what a plant of two cells says."""

    def __init__(self) -> None:
        self.domain = free_domain()
        self._context = Context()
        rclpy.init(
            context=self._context,
            domain_id=self.domain,
            signal_handler_options=rclpy.SignalHandlerOptions.NO,
        )
        self._node = Node("speaker", context=self._context, enable_rosout=False)
        self.joints = {
            cell: self._node.create_publisher(JointState, f"/{cell}/joint_states", 1000)
            for cell in ("cell_a", "cell_b")
        }
        self.state = self._node.create_publisher(CellState, "/cell_a/state", LATCHED)
        self.schedule = self._node.create_publisher(Schedule, "/schedule", LATCHED)
        self.said: dict[str, list[JointState]] = {"cell_a": [], "cell_b": []}
        self._random = np.random.default_rng(7)

    def speak(self) -> None:
        """Each arm says once where it is."""
        for cell, publisher in self.joints.items():
            number = len(self.said[cell])
            message = JointState(name=NAMES, position=list(self._random.uniform(-3.1, 3.1, 6)))
            message.header.stamp.sec = number
            message.header.frame_id = "base"
            publisher.publish(message)
            self.said[cell].append(message)

    def heard(self) -> bool:
        """Whether a recorder listens to everything."""
        publishers = (*self.joints.values(), self.state, self.schedule)
        return all(one.get_subscription_count() == 1 for one in publishers)

    def close(self) -> None:
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)


@pytest.fixture
def speaker() -> Iterator[Speaker]:
    one = Speaker()
    yield one
    one.close()


def recording(speaker: Speaker, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "robot_cell.cli.app", "record", "--json", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "ROS_DOMAIN_ID": str(speaker.domain)},
    )  # fmt: skip


def until_heard(speaker: Speaker, process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not speaker.heard():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def read(path: Path) -> tuple[dict[str, list[Any]], Any]:
    """The messages by topic, through the index, and the summary."""
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        summary = reader.get_summary()
        found: dict[str, list[Any]] = {}
        for _, channel, _, message in reader.iter_decoded_messages():
            found.setdefault(channel.topic, []).append(message)
        return found, summary


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_what_was_said_is_in_the_file(
    speaker: Speaker, tmp_path: Path, ending: signal.Signals
) -> None:
    speaker.state.publish(CellState(cell="cell_a", state=CellState.IDLE, state_name="Idle"))
    row = ScheduledOperation(operation_id="WO-1/1/deburr", cell="cell_a", planned_end_ns=2**40)
    speaker.schedule.publish(Schedule(revision=3, engine="dispatch:edd", operations=[row]))
    path = tmp_path / "out.mcap"
    process = recording(speaker, "--output", str(path))
    until_heard(speaker, process)
    for number in range(150):
        speaker.speak()
        if number == 70:
            speaker.state.publish(CellState(cell="cell_a", state_name="Execute", progress=0.5))
    last = speaker.said["cell_b"][-1].header.stamp.sec
    for publisher in (*speaker.joints.values(), speaker.state, speaker.schedule):
        assert publisher.wait_for_all_acked(Duration(seconds=WITHIN_S))
    process.send_signal(ending)
    told, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, errors
    found, summary = read(path)
    assert summary is not None
    assert summary.chunk_indexes
    counts = {
        summary.channels[one].topic: count
        for one, count in summary.statistics.channel_message_counts.items()
    }
    assert counts == json.loads(told)["messages"] == {k: len(v) for k, v in found.items()}
    for cell, said in speaker.said.items():
        heard = found[f"/{cell}/joint_states"]
        assert heard[-1].header.stamp.sec == last
        first = heard[0].header.stamp.sec
        assert [one.header.stamp.sec for one in heard] == list(range(first, last + 1))
        for one, other in zip(heard, said[first:], strict=True):
            assert list(one.name) == list(other.name)
            assert list(one.position) == list(other.position)
    assert [one.state_name for one in found["/cell_a/state"]] == ["Idle", "Execute"]
    (schedule,) = found["/schedule"]
    assert (schedule.revision, schedule.engine) == (3, "dispatch:edd")
    assert schedule.operations[0].planned_end_ns == 2**40


def test_it_ends_by_itself_and_leaves_files_alone(speaker: Speaker, tmp_path: Path) -> None:
    path = tmp_path / "out.mcap"
    path.write_text("dear to somebody")
    process = recording(speaker, "--output", str(path), "--for", "0.5")
    _, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 6
    assert "is there already" in " ".join(errors.split())
    assert path.read_text() == "dear to somebody"
    speaker.state.publish(CellState(cell="cell_a", state_name="Idle"))
    path.unlink()
    process = recording(speaker, "--output", str(path), "--for", "2")
    told, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, errors
    assert read(path)[0].keys() == {"/cell_a/state"}
    assert json.loads(told)["seconds"] >= 2.0


def test_without_a_plant_there_is_no_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "record", "--timeout", "0.2"],
        cwd=tmp_path, capture_output=True, text=True, timeout=WITHIN_S,
        env={**os.environ, "ROS_DOMAIN_ID": str(free_domain())},
    )  # fmt: skip
    assert done.returncode == 4
    assert "start a plant" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_definition_has_all_that_it_needs() -> None:
    texts = {
        ("a", "A"): "B[] list\nb/C[<=3] more # D no\nstring<=5 s\nuint8 X=1\nfloat64[9] m\n",
        ("a", "B"): "b/C c\n",
        ("b", "C"): "bool x\n",
    }
    text = message_text("a/msg/A", lambda package, name: texts[package, name])
    line = "=" * 80
    assert text == (
        f"{texts['a', 'A']}{line}\nMSG: a/B\n{texts['a', 'B']}{line}\nMSG: b/C\n{texts['b', 'C']}"
    )
    with pytest.raises(UnknownMessageType, match="no_such_package"):
        message_text("no_such_package/msg/X")
