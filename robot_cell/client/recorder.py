"""Writes what a running plant says to an MCAP file: joint states, cell states, the schedule.

Messages are written as they came over the wire (CDR), so nothing is made of them on the way; every
schema is in the file, which any reader of MCAP opens without ROS 2.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import rclpy
from mcap.writer import Writer
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from robot_cell_interfaces.msg import CellState, Schedule
from sensor_msgs.msg import JointState

from robot_cell.client.connection import PlantNotReachable
from robot_cell.client.message_text import message_text
from robot_cell.errors import RobotCellError

KINDS: Final[dict[str, tuple[Any, int]]] = {
    "sensor_msgs/msg/JointState": (JointState, 1000),
    "robot_cell_interfaces/msg/CellState": (CellState, 1),
    "robot_cell_interfaces/msg/Schedule": (Schedule, 1),
}
"""What is recorded, and how many messages its publisher keeps: of states and schedules the last,
which is recorded even if it was said before."""

CHUNK_BYTES: Final = 256 << 10
"""At most so much is lost when the process is killed: half a minute of two cells."""

_LOOK_EVERY_S: Final = 1.0
_SPIN_S: Final = 0.1


class RecordingError(RobotCellError):
    """The file cannot be written."""


class Recorder:
    """A recording under way; leaving it finishes the file.

    Args:
        path: of the file, which is not there yet.
        about: facts about the recording, kept in the file.

    Raises:
        RecordingError: the file is there, or cannot be made.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        try:
            self._file: BinaryIO = path.open("xb")
        except FileExistsError as error:
            raise RecordingError(f"{path} is there already; name another --output") from error
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror}") from error
        self.path = path
        self.counts: Counter[str] = Counter()
        self._writer = Writer(self._file, chunk_size=CHUNK_BYTES)
        self._writer.start(profile="ros2", library="robot_cell")
        self._writer.add_metadata("robot_cell", dict(about))
        self._schemas: dict[str, int] = {}
        self._listening: dict[str, Any] = {}
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self._node = Node(
            "recorder",
            context=self._context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(timeout_sec=0.5)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)
        try:
            self._writer.finish()
            self._file.close()
        except OSError as full:
            raise RecordingError(
                f"{self.path} could not be finished: {full.strerror}; what is in it can be read "
                "with `mcap recover`"
            ) from full

    @property
    def topics(self) -> int:
        """How many topics are listened to."""
        return len(self._listening)

    def wait_for_plant(self, timeout_s: float, stopped: Callable[[], bool]) -> None:
        """Wait until somebody publishes what is to be recorded.

        Raises:
            PlantNotReachable: nobody does.
        """
        deadline_s = time.monotonic() + timeout_s
        while not stopped():
            self._look()
            if self._listening:
                return
            if time.monotonic() > deadline_s:
                raise PlantNotReachable(
                    f"nobody publishes joint or cell states within {timeout_s:g} s; start a plant, "
                    "or set ROS_DOMAIN_ID to that of the running one"
                )
            self._executor.spin_once(timeout_sec=_SPIN_S)

    def record(self, for_s: float | None, stopped: Callable[[], bool]) -> None:
        """Record until told, or for a time of the wall clock.

        Raises:
            RecordingError: the file cannot be written any more.
        """
        began_s = looked_s = time.monotonic()
        try:
            while not stopped():
                now_s = time.monotonic()
                if for_s is not None and now_s - began_s >= for_s:
                    break
                if now_s - looked_s >= _LOOK_EVERY_S:
                    looked_s = now_s
                    self._look()
                self._executor.spin_once(timeout_sec=_SPIN_S)
            # What has come by then is taken as well.
            before = -1
            while before != (before := self.counts.total()):
                self._executor.spin_once(timeout_sec=0.0)
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be written: {error.strerror}") from error

    def _look(self) -> None:
        """Listen to every topic of these kinds that the ROS graph shows."""
        for topic, kinds in self._node.get_topic_names_and_types():
            if topic in self._listening or len(kinds) != 1 or kinds[0] not in KINDS:
                continue
            self._listening[topic] = self._listen(topic, kinds[0])

    def _listen(self, topic: str, kind: str) -> Any:
        message_class, depth = KINDS[kind]
        latched = DurabilityPolicy.TRANSIENT_LOCAL if depth == 1 else DurabilityPolicy.VOLATILE
        qos = QoSProfile(
            depth=max(depth, 100), durability=latched, reliability=ReliabilityPolicy.RELIABLE
        )
        channel = self._writer.register_channel(topic, "cdr", self._schema(kind))

        def write(message: bytes, info: Mapping[str, Any]) -> None:
            at_ns = time.time_ns()
            self.counts[topic] += 1
            self._writer.add_message(
                channel, at_ns, message, int(info["source_timestamp"]) or at_ns, self.counts[topic]
            )

        return self._node.create_subscription(message_class, topic, write, qos, raw=True)

    def _schema(self, kind: str) -> int:
        if kind not in self._schemas:
            text = message_text(kind).encode()
            self._schemas[kind] = self._writer.register_schema(kind, "ros2msg", text)
        return self._schemas[kind]
