"""How well the servo's loop keeps time in real time, beside an empty loop in the same run.

    python -m benchmarks.loop [--seconds 20] [--json]

A process of its own runs the servo as it runs for a real arm (SCHED_FIFO where permitted, locked
memory, frozen garbage collector), with an ideal arm behind absolute deadlines, six joints. It moves
all the time; holds, resumes and overrides come at random every two seconds. A fourth of the time an
empty loop runs in the same process, at the same deadlines: what it is late by, the machine is.
Written to benchmarks/results/loop.json and loop.svg.
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
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.loop_plot import plot
from drivers.arms.loopback import LoopbackArm
from drivers.arms.pace import Pace
from planners.motion.track import JointLimits
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.loop_statistics import FIFO, FROZEN, LOCKED
from robot_cell.execution.real_time import prefer_real_time
from robot_cell.execution.segments import Segments, quintic
from robot_cell.execution.setpoints import Servo

RATES_HZ: Final = (1000, 500, 250)
TARGETS_US: Final = {"p99": 150.0, "p999": 300.0}
RESULTS: Final = Path(__file__).parent / "results"

CHANGES_EVERY_S: Final = 2
"""How often another path speed is asked for."""

_DOF: Final = 6
_TURNS: Final = 4
_LIMITS: Final = JointLimits(*(np.full(_DOF, most) for most in (3.0, 15.0, 150.0)))

Array = NDArray[np.float64]


def a_motion(start: Array, end: Array) -> Segments:
    """A minimum-jerk motion within the limits, in points 20 ms apart as a planner gives them."""
    way = float(np.max(np.abs(end - start)))
    # Peaks of the quintic from rest to rest: 15/8, 10/sqrt(3) and 60 of way / T^m.
    duration_s = max(1.875 * way / 3.0, (5.7735 * way / 15.0) ** 0.5, (60 * way / 150.0) ** (1 / 3))
    times = np.linspace(0.0, 1.02 * duration_s, max(int(duration_s / 0.02), 2))
    x, t = times / times[-1], times[-1]
    shape = (
        x**3 * (10 - 15 * x + 6 * x**2),
        30 * x**2 * (1 - x) ** 2 / t,
        60 * x * (1 - x) * (1 - 2 * x) / t**2,
    )
    q, qd, qdd = (f[:, None] * (end - start) for f in shape)
    return quintic(times, start + q, qd, qdd)


class Workload:
    """Orders motions and changes speeds at random; what it costs is not the loop's."""

    def __init__(self, horizon: Horizon, seed: int) -> None:
        self._horizon = horizon
        self._random = np.random.default_rng(seed)
        self._at = np.zeros(_DOF)
        self._finished = 0

    def turn(self, cycle: int, rate_hz: int) -> None:
        """Between two periods."""
        if self._finished == self._horizon.order():
            end = self._random.uniform(-1.5, 1.5, _DOF)
            self._horizon.follow(
                a_motion(self._at, end),
                _LIMITS,
                path_tolerance=np.zeros(_DOF),
                goal_tolerance=np.full(_DOF, 0.005),
                stopped_velocity=np.full(_DOF, 0.02),
                goal_time_tolerance_s=1.0,
            )
            self._at = end
        if cycle % (CHANGES_EVERY_S * rate_hz) == 0:
            self._horizon.ask_speed(float(self._random.choice([1.0, 1.0, 0.5, 0.2, 0.0])))

    def ended(self, at_ns: int) -> None:
        """The servo says that a motion has ended."""
        del at_ns
        self._finished = self._horizon.order()


def run_loop(rate_hz: int, seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    """One rate, in this process: servo and empty loop in turns; microseconds of every cycle."""
    settings = prefer_real_time()
    horizon = Horizon(folder / "arm.page", _DOF, create=True)
    work = Workload(horizon, seed)
    arm = LoopbackArm(f"{_DOF}@{rate_hz}")
    servo = Servo(arm, horizon, work.ended, in_real_time=True, settings=settings)
    servo.connect(1.0)
    cycles = int(seconds * rate_hz / _TURNS)
    compute, late = np.empty(_TURNS * cycles), np.empty(_TURNS * cycles)
    empty_late = np.empty(_TURNS * cycles // 3)
    pace = arm.pace
    woke_ns = 0
    read = arm.read

    def timed_read(timeout_s: float) -> Any:
        nonlocal woke_ns
        state = read(timeout_s)
        woke_ns = time.monotonic_ns()
        return state

    arm.read = timed_read  # type: ignore[method-assign]
    governed = np.zeros(_TURNS * cycles, bool)
    k = e = 0
    missed = {"servo": 0, "empty": 0}
    for _ in range(_TURNS):
        pace.begin()
        before = pace.missed
        for _ in range(cycles):
            servo.step(1.0)
            done_ns = time.monotonic_ns()
            compute[k] = done_ns - woke_ns
            late[k] = woke_ns - pace.due_ns
            governed[k] = servo.changing_speed
            work.turn(k, rate_hz)
            k += 1
        missed["servo"] += pace.missed - before
        idle = Pace(pace.period_ns)
        idle.begin()
        for _ in range(len(empty_late) // _TURNS):
            empty_late[e] = idle.wait() - idle.due_ns
            e += 1
        missed["empty"] += idle.missed
    names = ((FIFO, "fifo"), (LOCKED, "mlockall"), (FROZEN, "gc_frozen"))
    return {
        "rate_hz": rate_hz,
        "cycles": k,
        "settings": [name for bit, name in names if settings & bit],
        "share_of_cycles_that_change_speed": round(float(governed.mean()), 3),
        "compute_us": _spread(compute),
        "compute_while_changing_speed_us": _spread(compute[governed]),
        "lateness_us": _spread(late),
        "empty_loop_lateness_us": _spread(empty_late[:e]),
        "periods_missed": missed["servo"],
        "periods_missed_by_the_empty_loop": missed["empty"],
        "resident_mb": _resident_mb(),
    }


def _spread(ns: Array) -> dict[str, Any]:
    us = ns / 1e3
    shares = np.concatenate([np.linspace(0.0, 0.9, 10), 1 - np.logspace(-1, -4, 19)])
    p50, p99, p999 = np.quantile(us, (0.5, 0.99, 0.999))
    return {
        "median": round(float(p50), 1),
        "p99": round(float(p99), 1),
        "p999": round(float(p999), 1),
        "largest": round(float(us.max()), 1),
        "quantiles": [[round(float(s), 6), round(float(np.quantile(us, s)), 1)] for s in shares],
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def measure(seconds: float, seed: int) -> dict[str, Any]:
    """Every rate, each in a process of its own."""
    rows = []
    for rate_hz in RATES_HZ:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "benchmarks.loop", "--child", str(rate_hz)]
            command += ["--seconds", str(seconds), "--seed", str(seed), "--folder", folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
    first = rows[0]["compute_us"]
    return {
        "machine": {"cores": os.cpu_count(), "system": platform.release()},
        "load_average": [round(x, 1) for x in os.getloadavg()],
        "seconds_per_rate": seconds,
        "targets_us": TARGETS_US,
        "reached": all(first[name] <= most for name, most in TARGETS_US.items()),
        "loops": rows,
    }


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the servo, per rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(run_loop(options.child, options.seconds, options.seed, options.folder)))
        return 0
    found = measure(options.seconds, options.seed)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "loop.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "loop.svg").write_text(plot(found))
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    for row in found["loops"]:
        print(f"{row['rate_hz']} Hz, {row['cycles']} cycles, {', '.join(row['settings'])}:")
        for name in (
            "compute_us",
            "compute_while_changing_speed_us",
            "lateness_us",
            "empty_loop_lateness_us",
        ):
            spread = row[name]
            print(
                f"  {name:32} median {spread['median']:7.1f}  p99 {spread['p99']:7.1f}  "
                f"p99.9 {spread['p999']:7.1f}  largest {spread['largest']:9.1f}"
            )
    print(f"targets at 1 kHz: {TARGETS_US}: {'reached' if found['reached'] else 'NOT reached'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
