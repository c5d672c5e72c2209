"""The driver of Universal Robots at 500 Hz, and how soon it is back after a reboot.

    python -m benchmarks.rtde [--seconds 60] [--reboots 10] [--json]

The real servo process moves the simulated controller (`sim.rtde`, a process of its own) over TCP on
this machine. What is missed and how late setpoints are, the controller counts: a cycle is missed
when the program on it followed and no new setpoint had come. The simulated controller makes up for
cycles that the machine made late, one after the other, and misses those as well; they are told
apart. Latency is from the sending of a state to the arrival of the setpoint that answers it. Then
the controller reboots in mid-move, again and again. Written to benchmarks/results/rtde.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.loop import _LIMITS, a_motion
from robot_cell.execution.horizon import Horizon, Outcome
from robot_cell.execution.loop_statistics import LoopStatistics
from sim.remote import Remote

RESULTS: Final = Path(__file__).parent / "results" / "rtde.json"
BACK_S: Final = 2.0
DOWN_S: Final = 0.5
_DOF: Final = 6
_HOME: Final = np.radians([0.0, -90.0, 90.0, -90.0, -90.0, 0.0])
_WAIT_S: Final = 30.0


def until(what: Callable[[], Any], why: str) -> None:
    """Wait for something to be so."""
    until_s = time.monotonic() + _WAIT_S
    while not what():
        if time.monotonic() > until_s:
            raise SystemExit(f"benchmark: {why}")
        time.sleep(0.001)


@contextmanager
def servo(port: int, run_dir: Path) -> Iterator[tuple[Horizon, subprocess.Popen[bytes]]]:
    """The servo as an arm's node starts it."""
    horizon = Horizon(run_dir / "horizons" / "cell.page", _DOF, create=True)
    read_fd, write_fd = os.pipe()
    options = json.dumps({"host": "127.0.0.1", "port": port})
    process = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.execution.servo", "--cell", "cell", "--driver",
         "ur_rtde", "--options", options, "--dof", str(_DOF), "--run-dir", str(run_dir),
         "--event-fd", str(write_fd)],
        pass_fds=(write_fd,), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write_fd)
    try:
        until(lambda: horizon.connected, "the servo does not connect")
        yield horizon, process
    finally:
        process.terminate()
        process.wait(10.0)
        os.close(read_fd)


def order(horizon: Horizon, end: np.ndarray) -> int:
    """A motion from where the arm is."""
    measured = horizon.measured()
    assert measured is not None
    return horizon.follow(
        a_motion(measured.setpoint, end),
        _LIMITS,
        path_tolerance=np.zeros(_DOF),
        goal_tolerance=np.full(_DOF, 0.005),
        stopped_velocity=np.full(_DOF, 0.02),
        goal_time_tolerance_s=1.0,
    )


def stream(controller: Remote, horizon: Horizon, seconds: float, seed: int) -> dict[str, Any]:
    """Motions one after the other, at random."""
    random = np.random.default_rng(seed)
    controller.ask("forget")
    until_s = time.monotonic() + seconds
    motions = failed = 0
    while time.monotonic() < until_s:
        number = order(horizon, _HOME + random.uniform(-0.8, 0.8, _DOF))
        while horizon.result().order != number:
            time.sleep(0.005)
        motions += 1
        failed += horizon.result().outcome is not Outcome.DONE
    found = controller.ask("report")
    loop = LoopStatistics(horizon.statistics).report()
    return {
        "seconds": seconds,
        "rate_hz": 500,
        "motions": motions,
        "motions_failed": failed,
        "cycles_followed": found["followed"],
        "cycles_missed": found["missed"],
        "cycles_missed_with_the_controller_on_time": found["missed_on_time"],
        "missed_share": round(found["missed"] / max(1, found["followed"]), 6),
        "starved": found["starved"],
        "connections": found["connections"],
        "latency_us": found["latency_us"],
        "controller_lateness_us": found["lateness_us"],
        "servo_settings": list(loop.settings),
        "servo_overruns": loop.overruns,
    }


def reboot(
    controller: Remote, horizon: Horizon, process: subprocess.Popen[bytes], number: int
) -> tuple[float, float]:
    """One reboot in mid-move: seconds until the servo holds the arm again, and rad it moved."""
    before = controller.ask("report")["moved"]
    ordered = order(horizon, _HOME + (0.6 if number % 2 else -0.6))
    until(lambda: controller.ask("report")["moved"] > before + 0.1, "the motion does not begin")
    stood = controller.ask("reboot", down_s=DOWN_S)
    began_s = time.monotonic()
    until(lambda: not horizon.connected, "the loss is not seen")
    until(lambda: horizon.connected, "it does not come back")
    back_s = time.monotonic() - began_s - DOWN_S
    time.sleep(0.5)  # in which something might move
    after = controller.ask("report")
    if process.poll() is not None or horizon.result().order != ordered:
        raise SystemExit("benchmark: the servo has ended, or goes on with the old motion")
    if horizon.result().outcome is not Outcome.DEVICE_FAULT:
        raise SystemExit("benchmark: the motion has not failed")
    return back_s, after["moved"] - stood["moved"]


def measure(seconds: float, reboots: int, seed: int) -> dict[str, Any]:
    """Everything."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Remote("sim.rtde") as controller,
        servo(int(controller.greeting), Path(folder)) as (horizon, process),
    ):
        load_before = os.getloadavg()
        streamed = stream(controller, horizon, seconds, seed)
        came = [reboot(controller, horizon, process, k) for k in range(reboots)]
    back_s = [back for back, _ in came]
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": f"python -m benchmarks.rtde --seconds {seconds:g} --reboots {reboots}",
        "machine": {
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load_average_before": [round(load, 1) for load in load_before],
            "load_average_after": [round(load, 1) for load in os.getloadavg()],
        },
        "stream": streamed,
        "reboot": {
            "count": reboots,
            "down_s": DOWN_S,
            "back_s": {
                "median": round(float(np.median(back_s)), 3),
                "largest": round(max(back_s), 3),
            },
            "bound_s": BACK_S,
            "within_bound": max(back_s) <= BACK_S,
            "moved_rad": max(moved for _, moved in came),
            "restarts_of_ours": 0,
        },
    }


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long setpoints go")
    parser.add_argument("--reboots", type=int, default=10, help="how often it reboots")
    parser.add_argument("--seed", type=int, default=1, help="of the motions")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args()
    found = measure(options.seconds, options.reboots, options.seed)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    streamed, again = found["stream"], found["reboot"]
    spread = streamed["latency_us"]
    print(
        f"{streamed['cycles_followed']} cycles at 500 Hz, {streamed['cycles_missed']} missed, "
        f"{streamed['cycles_missed_with_the_controller_on_time']} of them by the servo; "
        f"latency p50 {spread['p50']} p99 {spread['p99']} largest {spread['max']} us; the "
        f"controller's own cycles late by p99 {streamed['controller_lateness_us']['p99']}, "
        f"largest {streamed['controller_lateness_us']['max']} us"
    )
    print(
        f"{again['count']} reboots: back {again['back_s']['median']} s (median), "
        f"{again['back_s']['largest']} s (largest) after the controller was; moved "
        f"{again['moved_rad']} rad"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
