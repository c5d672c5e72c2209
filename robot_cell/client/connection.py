"""A connection to the running plant of a ROS domain: a node, its thread, and questions."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Any, Final

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.srv import GetJobs
from typing_extensions import Self

from robot_cell.errors import RobotCellError

ANSWER_S: Final = 10.0

LEAVE_S: Final = 5.0
"""How long the listening thread may take to end; on a starved machine it is left as it is."""

_POLL_S: Final = 0.05


class PlantNotReachable(RobotCellError):
    """No plant answers."""


class PlantConnection:
    """A node in this ROS domain, turned by a thread of its own; a context manager.

    Attributes:
        node: for what else is listened to.
        context: for nodes of their own.
    """

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = Node(
            f"client_{os.getpid()}_{threading.get_native_id()}",
            context=self.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._services: dict[str, Any] = {}
        self._making = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._spin, name="plant client", daemon=True)
        self._thread.start()

    @classmethod
    def connect(cls, timeout_s: float = ANSWER_S) -> Self:
        """Find the scheduler of the plant.

        Raises:
            PlantNotReachable: nobody answers within the time.
        """
        client = cls()
        try:
            client._found(GetJobs, "/get_jobs", timeout_s)
        except BaseException:
            client.close()
            raise
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the plant; it goes on."""
        if self._closing:
            return
        self._closing = True
        self._thread.join(LEAVE_S)
        if self._thread.is_alive():
            return  # it is in the middle of ROS: what it uses must not be taken from under it
        self._executor.shutdown(timeout_sec=0.5)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

    def ask(self, kind: Any, service: str, request: Any, timeout_s: float = ANSWER_S) -> Any:
        """What a service answers; any thread may ask.

        Raises:
            PlantNotReachable: nobody offers it, or it does not answer within the time.
        """
        future = self._found(kind, service, ANSWER_S).call_async(request)
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        if not done.wait(timeout_s):
            raise PlantNotReachable(f"{service} did not answer within {timeout_s:g} s")
        return future.result()

    def _found(self, kind: Any, service: str, timeout_s: float) -> Any:
        with self._making:
            if service not in self._services:
                self._services[service] = self.node.create_client(kind, service)
            client = self._services[service]
        if not client.wait_for_service(timeout_sec=timeout_s):
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            raise PlantNotReachable(
                f"nobody offers {service} in ROS domain {domain}; start a plant with "
                "robot-cell up, or set ROS_DOMAIN_ID to that of the running one"
            )
        return client

    def _spin(self) -> None:
        while not self._closing and self.context.ok():
            try:
                self._executor.spin_once(timeout_sec=_POLL_S)
            except ExternalShutdownException:
                return
