"""The servo of one arm: a real-time loop without ROS that follows what the horizon page holds.

Each period it reads the arm's measured state, and writes the setpoints of the next period. It
judges a motion by what was measured, not by time alone: it stops on the path when the arm leaves
the path tolerance, and reports success only when the arm stands within the goal tolerance.

Run as a child of the arm's node: `python -m robot_cell.execution.servo --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arms import ArmDriver, ArmError, ArmTimeout, load_arm_driver
from drivers.time_page import TimePage
from robot_cell.execution.heartbeat import Heartbeat
from robot_cell.execution.horizon import Horizon, Order, Outcome
from robot_cell.execution.segments import Segments

Array = NDArray[np.float64]

STOP_S: Final = 0.25
"""Duration of a stop on the path from full path speed."""

_READ_S: Final = 0.1
_RECONNECT_S: Final = 0.5
_HEARTBEAT_S: Final = 0.2

_log = logging.getLogger("servo")


@dataclass
class Motion:
    """A trajectory being followed; path time runs slower than time while stopping."""

    order: int
    segments: Segments
    path_tolerance: Array
    goal_tolerance: Array
    stopped_velocity: Array
    goal_time_ns: int
    path_s: float = 0.0
    rate: float = 1.0
    stopping: bool = False
    ended_ns: int = -1
    failed: Outcome | None = None

    @property
    def at_end(self) -> bool:
        """Whether no further setpoint differs from the last one."""
        return self.rate == 0.0 or self.path_s >= self.segments.duration_s

    def setpoints(self, count: int, step_s: float) -> Array:
        """The next `count` setpoints (count, n), one each `step_s` seconds."""
        if not self.stopping:
            at = self.path_s + step_s * np.arange(1, count + 1)
            self.path_s = min(float(at[-1]), self.segments.duration_s)
            return self.segments.positions(np.asarray(at, np.float64))
        rates = np.maximum(0.0, self.rate - step_s / STOP_S * np.arange(1, count + 1))
        at = self.path_s + np.cumsum(rates) * step_s
        self.rate = float(rates[-1])
        self.path_s = min(float(at[-1]), self.segments.duration_s)
        return self.segments.positions(np.asarray(at, np.float64))


class Servo:
    """One arm's loop; `step` is one period and is all that touches arm and page."""

    def __init__(
        self, driver: ArmDriver, horizon: Horizon, announce: Callable[[int], None]
    ) -> None:
        self._driver = driver
        self._horizon = horizon
        self._announce = announce
        self._motion: Motion | None = None
        self._hold: Array | None = None
        self._seen_order = horizon.order()[0]
        self._count = 1
        self._step_s = 0.001

    def connect(self, timeout_s: float) -> None:
        """Connect to the arm and hold it where it is.

        Raises:
            ArmError: there is no arm to hold.
        """
        state = self._driver.connect(timeout_s)
        self._hold = state.positions.copy()
        self._count = self._driver.setpoints_per_period
        self._step_s = self._driver.period_ns * 1e-9 / self._count
        self._horizon.set_measured(
            state.time_ns, state.positions, state.velocities, state.positions
        )
        self._driver.write(np.tile(self._hold, (self._count, 1)))
        self._horizon.set_connected(True)

    def lost(self) -> None:
        """The device is gone: the motion fails with the device's error, nothing is resumed."""
        self._horizon.set_connected(False)
        motion, self._motion = self._motion, None
        measured = self._horizon.measured()
        if motion is not None and measured is not None:
            zero = np.zeros(self._horizon.dof)
            self._horizon.finish(
                motion.order, Outcome.DEVICE_FAULT, measured.time_ns, zero, measured.positions
            )
            self._announce(measured.time_ns)

    def step(self, timeout_s: float) -> None:
        """One period: read, judge, write.

        Raises:
            ArmTimeout: the arm sent no state (in simulation: time stands still).
            ArmError: the arm is lost or faulted.
        """
        state = self._driver.read(timeout_s)
        assert self._hold is not None
        setpoint = self._hold
        if self._motion is not None:
            self._judge(state.time_ns, state.positions, state.velocities)
        self._take_order(state.time_ns, state.positions)
        motion = self._motion
        if motion is None or motion.at_end:
            block = np.tile(self._hold, (self._count, 1))
        else:
            block = motion.setpoints(self._count, self._step_s)
            self._hold = block[-1].copy()
        self._horizon.set_measured(state.time_ns, state.positions, state.velocities, setpoint)
        self._driver.write(block)

    def _take_order(self, now_ns: int, positions: Array) -> None:
        number, order = self._horizon.order()
        if number == self._seen_order:
            return
        self._seen_order = number
        if order is Order.STOP:
            if self._motion is not None:
                self._motion.stopping = True
                self._motion.failed = Outcome.STOPPED
            return
        segments, tolerances, goal_time_ns = self._horizon.trajectory()
        if self._motion is not None:
            self._finish(now_ns, positions, Outcome.STOPPED)
        path, goal, stopped = tolerances
        self._motion = Motion(number, segments, path, goal, stopped, goal_time_ns)

    def _judge(self, now_ns: int, positions: Array, velocities: Array) -> None:
        motion = self._motion
        assert motion is not None
        assert self._hold is not None
        error = positions - self._hold
        if not motion.at_end:
            watched = motion.path_tolerance > 0.0
            if np.any((np.abs(error) > motion.path_tolerance) & watched) and not motion.stopping:
                motion.stopping = True
                motion.failed = Outcome.PATH_TOLERANCE
            return
        if motion.ended_ns < 0:
            motion.ended_ns = now_ns
        still = bool(np.all(np.abs(velocities) <= motion.stopped_velocity))
        if motion.failed is not None:
            if still or now_ns - motion.ended_ns > motion.goal_time_ns:
                self._finish(now_ns, positions, motion.failed)
        elif still and bool(np.all(np.abs(error) <= motion.goal_tolerance)):
            self._finish(now_ns, positions, Outcome.DONE)
        elif now_ns - motion.ended_ns > motion.goal_time_ns:
            self._finish(now_ns, positions, Outcome.GOAL_TOLERANCE)

    def _finish(self, now_ns: int, positions: Array, outcome: Outcome) -> None:
        motion, self._motion = self._motion, None
        assert motion is not None
        assert self._hold is not None
        self._horizon.finish(motion.order, outcome, now_ns, positions - self._hold, positions)
        self._announce(now_ns)


def run(servo: Servo, beat: Callable[[str], None], stop: Callable[[], bool]) -> None:
    """Serve until asked to stop; a lost arm is connected again with back-off."""
    while not stop():
        try:
            servo.connect(_RECONNECT_S)
        except ArmError as error:
            _log.info("%s", error)
            beat("connecting")
            time.sleep(_RECONNECT_S / 2)
            continue
        _log.info("connected")
        try:
            beaten_s = 0.0
            while not stop():
                now_s = time.monotonic()
                if now_s - beaten_s > _HEARTBEAT_S:
                    beaten_s = now_s
                    beat("running")
                with contextlib.suppress(ArmTimeout):
                    servo.step(_READ_S)
        except ArmError as error:
            _log.warning("%s", error)
            servo.lost()


def _prefer_real_time() -> None:
    """Freeze the garbage collector, lock memory and ask for SCHED_FIFO where that is permitted."""
    gc.collect()
    gc.freeze()
    gc.disable()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mlockall(3)
    with contextlib.suppress(PermissionError, AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))


def main() -> None:
    """Entry point of the servo child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", required=True, help="name of the cell")
    parser.add_argument("--driver", required=True, help="name of the arm driver")
    parser.add_argument("--address", required=True, help="where the driver finds its arm")
    parser.add_argument("--dof", type=int, required=True, help="number of joints")
    parser.add_argument("--run-dir", type=Path, required=True, help="run directory of the plant")
    parser.add_argument("--event-fd", type=int, required=True, help="pipe that wakes the node")
    parser.add_argument("--simulated", action="store_true", help="signal on the time page")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)

    page = TimePage(args.run_dir / "time.page") if args.simulated else None
    slot = page.slot(f"{args.cell}/servo") if page else 0

    def announce(at_ns: int) -> None:
        if page is not None:
            page.signal(slot, at_ns)
        os.write(args.event_fd, b"!")

    stopped = False

    def ask_to_stop(number: int, frame: object) -> None:
        del number, frame
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    horizon = Horizon(args.run_dir / "horizons" / f"{args.cell}.page", args.dof)
    driver = load_arm_driver(args.driver)(args.address)
    heartbeat = Heartbeat(args.run_dir / "heartbeats" / f"{args.cell}.page", "servo", _HEARTBEAT_S)
    if not args.simulated:
        _prefer_real_time()
    try:
        run(Servo(driver, horizon, announce), heartbeat.beat, lambda: stopped)
    finally:
        with contextlib.suppress(ArmError):
            driver.stop()
        driver.close()


if __name__ == "__main__":
    main()
