"""The servo of one arm: a process in real time, without ROS, that follows what the page says.

Run as a child of the arm's node: `python -m robot_cell.execution.servo --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from drivers.arms import ArmError, ArmTimeout, TrajectoryDriver, load_arm_driver
from drivers.time_page import TimePage
from robot_cell.execution.arm_state import CONNECTING, RUNNING, WAITING
from robot_cell.execution.heartbeat import Heartbeat
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.real_time import prefer_real_time
from robot_cell.execution.relay import Relay
from robot_cell.execution.setpoints import Servo

_READ_S: Final = 0.1
_RECONNECT_S: Final = 0.5
_HEARTBEAT_S: Final = 0.2
_ROS_ARGS: Final = "--ros-args"
STALL_S: Final = 0.02
"""In real time a loop that has not turned for so long is ended by the supervisor."""

_log = logging.getLogger("servo")


class Follower(Protocol):
    """What moves an arm as the horizon page says: the servo, or the relay."""

    def connect(self, timeout_s: float) -> None:
        """Connect to the arm and hold it where it is; raises ArmError."""

    def step(self, timeout_s: float) -> None:
        """One period; raises ArmTimeout if there was none, ArmError if the arm is lost."""

    def lost(self) -> None:
        """The arm is gone: its motion has failed, and nothing is resumed."""


def run(
    follower: Follower,
    beat: Callable[[str, float | None], None],
    stop: Callable[[], bool],
    *,
    in_real_time: bool = False,
) -> None:
    """Serve until asked to stop; a lost arm is connected again with back-off.

    In real time each turn of the loop is a sign of life, and the next has to come within `STALL_S`;
    so it never waits longer than half of that for the arm. In simulation the loop waits for the
    plant's time.
    """
    every_s, stall_s = (0.0, STALL_S) if in_real_time else (_HEARTBEAT_S, None)
    read_s = STALL_S / 2 if in_real_time else _READ_S
    said = ""
    while not stop():
        try:
            follower.connect(_RECONNECT_S)
        except ArmError as error:
            if str(error) != said:  # the same again is no news
                said = str(error)
                _log.warning("%s", error)
            beat(f"{CONNECTING}: {error.what}", None)
            time.sleep(_RECONNECT_S / 2)
            continue
        said = ""
        _log.info("connected")
        try:
            beaten_s = 0.0
            while not stop():
                now_s = time.monotonic()
                if now_s - beaten_s > every_s:
                    beaten_s = now_s
                    beat(RUNNING, stall_s)
                try:
                    follower.step(read_s)
                except ArmTimeout:
                    beat(WAITING, None)
        except ArmError as error:
            beat(f"{CONNECTING}: {error.what}", None)
            _log.warning("%s", error)
            follower.lost()


def main() -> None:
    """Entry point of the servo child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cell", required=True, help="name of the cell")
    parser.add_argument("--page", help="name of the horizon page (default: the cell's)")
    parser.add_argument(
        "--name", default="servo", help="what it is called among the cell's processes"
    )
    parser.add_argument("--driver", required=True, help="name of the arm driver")
    parser.add_argument("--options", type=json.loads, default={}, help="what it is given, as JSON")
    parser.add_argument("--dof", type=int, required=True, help="number of joints")
    parser.add_argument("--run-dir", type=Path, required=True, help="run directory of the plant")
    parser.add_argument("--event-fd", type=int, required=True, help="pipe that wakes the node")
    parser.add_argument("--simulated", action="store_true", help="signal on the time page")
    words = sys.argv[1:]
    if _ROS_ARGS in words:  # for a driver that is a ROS node: rclpy reads them by itself
        words = words[: words.index(_ROS_ARGS)]
    args = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)

    page = TimePage(args.run_dir / "time.page") if args.simulated else None
    slot = page.slot(f"{args.cell}/{args.name}") if page else 0

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
    horizon = Horizon(args.run_dir / "horizons" / f"{args.page or args.cell}.page", args.dof)
    driver = load_arm_driver(args.driver)(**args.options)
    beats = args.run_dir / "heartbeats" / f"{args.cell}.page"
    heartbeat = Heartbeat(beats, args.name, _HEARTBEAT_S)
    follower: Follower
    in_real_time = not args.simulated
    if isinstance(driver, TrajectoryDriver):
        in_real_time = False  # its controller keeps the time, and goes on when we are late
        follower = Relay(driver, horizon, announce)
    else:
        settings = prefer_real_time() if in_real_time else 0
        follower = Servo(driver, horizon, announce, in_real_time=in_real_time, settings=settings)
    try:
        run(follower, heartbeat.beat, lambda: stopped, in_real_time=in_real_time)
    finally:
        with contextlib.suppress(ArmError):
            driver.stop()
        driver.close()


if __name__ == "__main__":
    main()
