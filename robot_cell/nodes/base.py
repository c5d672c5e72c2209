"""What every node shares: parameters, lifecycle, clock, heartbeat and the main loop."""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import rclpy
from builtin_interfaces.msg import Time
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from drivers.clock import PlantClock, open_clock
from drivers.errors import DriverError
from planners.errors import PlannerError
from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.execution.heartbeat import Heartbeat
from robot_cell.model import Cell, Plant
from robot_cell.model.plant_file import load_plant

LATCHED: Final = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)
"""A topic whose last message late subscribers get as well."""

SWITCH_INTERVAL_S: Final = 0.0005
"""A thread that was woken gets the interpreter this soon (Python's default is 5 ms)."""

_HEARTBEAT_S: Final = 0.25
_LEAVE_S: Final = 0.4
_SPIN_S: Final = 3600.0
"""Each time-out leaves a callback in the future; without one the executor would turn without rest
(rclpy 9.1)."""


def guarded(node: Node, callback: Callable[..., Any]) -> Callable[..., Any]:
    """A callback whose error ends the process, with a log, to be started again.

    An error that leaves a callback ends the events executor by a segmentation fault (rclpy 9.1),
    which tells nobody what was wrong.
    """

    @functools.wraps(callback)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except Exception:
            node.get_logger().error(f"ends by an error:\n{traceback.format_exc()}")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

    return call


class PlantNode(LifecycleNode):
    """A lifecycle node that knows its plant, its run directory and the plant's clock."""

    def __init__(self, name: str, *, in_cell: bool) -> None:
        super().__init__(name, enable_communication_interface=True)
        self.declare_parameter("plant", "")
        self.declare_parameter("run_dir", "")
        self.declare_parameter("simulated", False)
        self.declare_parameter("autostart", True)
        if in_cell:
            self.declare_parameter("cell", "")
        self._in_cell = in_cell
        self.plant: Plant
        self.cell_name = "plant"
        self.clock: PlantClock
        self.run_dir = Path()
        self.simulated = False
        self._heartbeat: Heartbeat | None = None
        self._threads: list[threading.Thread] = []
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)

    # -- lifecycle ------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the plant file and open what the node needs; the reason of a failure is logged."""
        del state
        try:
            self.run_dir = Path(self.text("run_dir"))
            self.simulated = bool(self.get_parameter("simulated").value)
            if failpoints.switch_on(self.run_dir):
                self.get_logger().warning(f"failpoints are on ({failpoints.VARIABLE})")
            self.plant = load_plant(Path(self.text("plant")))
            if self._in_cell:
                self.cell_name = self.text("cell")
                if self.cell_name not in self.plant.cells:
                    listed = ", ".join(sorted(self.plant.cells))
                    raise RobotCellError(
                        f"parameter cell: the plant has no cell {self.cell_name!r}; "
                        f"it has: {listed}"
                    )
            own = self.get_name()
            participant = f"{self.cell_name}/{own}" if self._in_cell else own
            self.clock = open_clock(self.run_dir, participant, self._plant_start())
            self._heartbeat = Heartbeat(
                self.run_dir / "heartbeats" / f"{self.cell_name}.page", own, _HEARTBEAT_S
            )
            self.every(_HEARTBEAT_S, self.beat)
            self.configure()
        except (RobotCellError, DriverError, PlannerError, OSError) as error:
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would swallow it: a fault of ours must be seen in the log
            self.get_logger().error(f"cannot configure:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _plant_start(self) -> datetime | None:
        """The instant of plant time 0 of a real plant, which its journal keeps.

        Every process has to mean the same by a plant time, today and after each restart.
        """
        if self.simulated:
            return None
        from robot_cell.store import journal_location, open_journal

        with open_journal(journal_location(self.run_dir)) as journal:
            return journal.plant_start(datetime.now(timezone.utc))

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything."""
        del state
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def configure(self) -> None:
        """Open what this node needs; called once the plant is known."""

    def release(self) -> None:
        """Close what `configure` opened; called once, also after a failure."""

    def start_thread(self, work: Callable[[], None], name: str) -> None:
        """Run `work` beside the node's callbacks; it ends when `release` tells it to.

        Should it end by an error, the process ends as well, to be started again: half a node that
        gives signs of life would be waited for.
        """
        thread = threading.Thread(target=self.guarded(work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def guarded(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """`guarded` for a callback of this node."""
        return guarded(self, callback)

    def create_service(self, kind: Any, name: str, callback: Any, **options: Any) -> Any:
        """A service of the node, guarded."""
        return super().create_service(kind, name, self.guarded(callback), **options)

    def create_subscription(
        self, kind: Any, topic: str, callback: Any, profile: Any, **options: Any
    ) -> Any:
        """A subscription of the node, guarded."""
        return super().create_subscription(kind, topic, self.guarded(callback), profile, **options)

    def every(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call back in the executor's thread, once a period of monotonic time.

        A timer of the node's own clock would stand still when the wall clock is set back.

        The executor asks for the callback's signature each time; one that carries it is answered
        ten times faster than a method that has to be looked into.
        """
        guarded = self.guarded(callback)

        def ring() -> None:
            guarded()

        ring.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
        self.create_timer(period_s, ring, clock=self._steady)

    def threads_ended(self, timeout_s: float) -> bool:
        """Wait for the node's threads; False if one still works."""
        deadline_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    # -- what nodes use -------------------------------------------------------------------------

    @property
    def cell(self) -> Cell:
        """This node's cell."""
        return self.plant.cells[self.cell_name]

    def text(self, parameter: str) -> str:
        """A parameter that must have been given.

        Raises:
            RobotCellError: it is empty.
        """
        value = str(self.get_parameter(parameter).value)
        if not value:
            raise RobotCellError(f"parameter {parameter} is missing; the launch file sets it")
        return value

    def beat(self) -> None:
        """Tell the supervisor that this node's loop turns."""
        if self._heartbeat is not None:
            self._heartbeat.beat("active")

    def stamp(self, at_ns: int | None = None) -> Time:
        """A plant time as a message stamp."""
        now_ns = max(0, self.clock.now_ns() if at_ns is None else at_ns)
        return Time(sec=now_ns // 1_000_000_000, nanosec=now_ns % 1_000_000_000)


def spin(make: Callable[[], PlantNode]) -> None:
    """Main function of a node's process: start it, serve until asked to stop, leave cleanly.

    The events executor takes half the time of the others, but polls waiting coroutines without
    rest: no callback of a node is one.
    """
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    asked_to_stop = stop_signal()
    node = make()
    executor = EventsExecutor()
    executor.add_node(node)
    code = 0
    try:
        if bool(node.get_parameter("autostart").value):
            configured = node.trigger_configure()
            if configured != TransitionCallbackReturn.SUCCESS:
                code = 1
                return
            node.trigger_activate()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.freeze()  # what start-up made stays: the collector need not look at it again
        with contextlib.suppress(ExternalShutdownException):
            while rclpy.ok() and not asked_to_stop.done():
                executor.spin_until_future_complete(asked_to_stop, timeout_sec=_SPIN_S)
    except Exception:
        traceback.print_exc()
        code = 1
    finally:
        node.release()
        if node.threads_ended(_LEAVE_S):
            executor.shutdown(timeout_sec=_LEAVE_S)
            node.destroy_node()
            rclpy.try_shutdown()
        # A thread that still waits for a device or a peer would meet destroyed handles: leave it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def stop_signal() -> Future[None]:
    """A future that is done once SIGINT or SIGTERM has come. For the main thread, once.

    The executor waits outside Python, where no handler of Python's runs: the signal's number comes
    by a socket.
    """
    asked: Future[None] = Future()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)

    def listen() -> None:
        with ours, theirs:
            while ours.recv(1):
                if not asked.done():
                    asked.set_result(None)

    threading.Thread(target=listen, name="signals", daemon=True).start()
    return asked


def seconds(duration: Any) -> float:
    """Seconds of a builtin_interfaces/Duration message."""
    return float(duration.sec) + float(duration.nanosec) * 1e-9
