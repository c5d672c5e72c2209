"""A whole simulated plant, started once for the tests that look at what it did."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import rclpy
from geometry_msgs.msg import Pose
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.msg import BodyPoses
from sensor_msgs.msg import JointState

from robot_cell.bringup.session import PlantSession, free_domain
from robot_cell.client import JobView, PlantClient, ScheduleView
from robot_cell.model import Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.orders import read_batch
from robot_cell.store import OperationRecord, StepRecord, journal_location, open_journal

ROOT = Path(__file__).parents[2]
PLANT_FILE = ROOT / "examples" / "housing_plant.yaml"
READY_S = 90.0
DONE_S = 240.0

SMALL_BATCH = """\
order_id,product,quantity,release,due,priority,customer
T-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:10:00+01:00,5,Test
T-2,valve_block,1,2026-11-23T06:00:05+01:00,2026-11-23T06:10:00+01:00,5,Test
"""


@dataclass
class Watch:
    """Everything that the plant published while it ran."""

    joints: dict[str, list[JointState]] = field(default_factory=dict)
    bodies: dict[str, list[tuple[float, dict[str, Pose]]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """A plant that has made the small batch."""

    plant: Plant
    watch: Watch
    jobs: list[JobView]
    schedule: ScheduleView
    operations: list[OperationRecord]
    steps: dict[str, list[StepRecord]]


class Listener:
    """A node of the test that listens to joint states and body poses of both cells."""

    def __init__(self, cells: list[str], watch: Watch) -> None:
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self._node = Node("listener", context=self._context, enable_rosout=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._watch = watch
        for cell in cells:
            watch.joints[cell], watch.bodies[cell] = [], []

            def on_joints(message: Any, cell: str = cell) -> None:
                watch.joints[cell].append(message)

            def on_bodies(message: Any, cell: str = cell) -> None:
                at_s = message.stamp.sec + message.stamp.nanosec * 1e-9
                poses = dict(zip(message.names, message.poses, strict=True))
                watch.bodies[cell].append((at_s, poses))

            self._node.create_subscription(JointState, f"/{cell}/joint_states", on_joints, 500)
            self._node.create_subscription(BodyPoses, f"/{cell}/sim/bodies", on_bodies, 500)

    def spin(self, timeout_s: float) -> None:
        """Take all that has come: a queue that is not emptied loses what is newest."""
        before = -1
        while before != (before := self._heard()):
            self._executor.spin_once(timeout_sec=timeout_s)
            timeout_s = 0.0

    def _heard(self) -> int:
        watched = (self._watch.joints, self._watch.bodies)
        return sum(len(messages) for cells in watched for messages in cells.values())

    def ask(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service."""
        client = self._node.create_client(kind, name)
        assert client.wait_for_service(READY_S)
        answer = client.call_async(request)
        self._executor.spin_until_future_complete(answer, timeout_sec=READY_S)
        self._node.destroy_client(client)
        return answer.result()

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)


@pytest.fixture(scope="session")
def domain() -> Iterator[int]:
    """A ROS domain of this test session's own, in the environment while it lasts."""
    before = {
        name: os.environ.get(name) for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")
    }
    number = free_domain()
    os.environ["ROS_DOMAIN_ID"] = str(number)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    yield number
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def finished(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The small batch, made by a plant of real processes.

    Four times real speed: a slow machine keeps up with it, and bodies are shown five times in a
    second of plant time, so a lift is seen.
    """
    del domain
    plant = load_plant(PLANT_FILE)
    file = tmp_path_factory.mktemp("batch") / "orders.csv"
    file.write_text(SMALL_BATCH)
    batch = read_batch(file, plant)
    arguments = {
        "plant": str(PLANT_FILE),
        "speed": "4.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
    }
    watch = Watch()
    with PlantSession(plant.cells, arguments) as session, PlantClient.connect(READY_S) as client:
        listener = Listener(list(plant.cells), watch)
        try:
            client.wait_ready(READY_S, cells=plant.cells)
            while not all(watch.bodies[cell] for cell in plant.cells):
                listener.spin(0.1)
                session.check()
            result = client.submit(batch.orders, "orders.csv", "csv", "test")
            assert result.accepted, result.message
            deadline_s, asked_s = time.monotonic() + DONE_S, 0.0
            while True:
                listener.spin(0.02)
                now_s = time.monotonic()
                if now_s - asked_s > 1.0:
                    asked_s = now_s
                    session.check()
                    jobs = client.jobs()
                    if all(job.status == "complete" for job in jobs):
                        break
                assert now_s < deadline_s, [(job.order_id, job.status) for job in jobs]
            schedule = client.schedule()
        finally:
            listener.close()
        with open_journal(journal_location(session.run_dir)) as journal:
            operations = journal.operations()
            steps = {o.operation_id: journal.steps(o.operation_id) for o in operations}
    return Finished(plant, watch, jobs, schedule, operations, steps)
