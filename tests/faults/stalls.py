"""Stalls a loop that had promised to turn, and sees how soon its cell is safe: many times.

The loop is a process that beats as a servo does, and does nothing else, so that a stall costs
milliseconds to make. The supervisor is the real one. What is timed is the chain that ends the
motion: from the stall to the moment at which the motion order is void on the page that drivers
read, and at which the process is dead, and its connection to the arm with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_cell.execution.heartbeat import Heartbeat, HeartbeatPage
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.servo import STALL_S

PERIOD_S = 0.002
OBSERVER_PRIORITY = 22
"""Above supervisor and servo: what is timed must not wait for whoever holds the watch."""


@dataclass(frozen=True)
class Stalled:
    """Seconds from the stall until the order was void, and until the process was dead."""

    void_s: float
    dead_s: float


def _turn(path: Path) -> None:
    """The life of a stand-in for a servo: a sign of life every 2 ms."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    heartbeat = Heartbeat(path, "servo", PERIOD_S, STALL_S)
    due_s = time.monotonic()
    while True:
        heartbeat.beat("running", STALL_S)
        due_s = max(due_s + PERIOD_S, time.monotonic())
        time.sleep(max(0.0, due_s - time.monotonic()))


@contextlib.contextmanager
def _observing() -> Iterator[bool]:
    """The observer's own delays kept out; whether that is permitted."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(OBSERVER_PRIORITY))
        permitted = True
    except OSError:
        permitted = False
    try:
        yield permitted
    finally:
        os.sched_setscheduler(0, *before)


@contextlib.contextmanager
def supervisor(run_dir: Path, cell: str) -> Iterator[None]:
    """The supervisor of a cell, which never gives up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.execution.supervisor", "--cell", cell, "--run-dir",
         str(run_dir), "--expect", "servo", "--kill-limit", "1000000"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(10.0)


def stall_once(run_dir: Path, cell: str, horizon: Horizon, number: int) -> Stalled | None:
    """Let a loop begin, take a motion order, and stall.

    None if a starved machine has made it stall before, when the order was not there to be voided.
    """
    path = run_dir / "heartbeats" / f"{cell}.page"
    pid = os.fork()
    if pid == 0:
        try:
            _turn(path)
        finally:
            os._exit(1)
    pidfd = os.pidfd_open(pid)
    page = HeartbeatPage(path)
    try:
        until_s = time.monotonic() + 30.0
        while True:  # until the supervisor has seen it turn
            beats = page.read()
            servo, watch = beats.get("servo"), beats.get("supervisor")
            if servo and watch and servo.pid == pid and watch.at_s > servo.at_s - STALL_S / 2:
                break
            assert time.monotonic() < until_s
            time.sleep(0.001)
        horizon._words[0] = number
        time.sleep(0.003 + 0.001 * (number % 7))  # at any phase of the loop
        with _observing():
            if _ended(pidfd):
                return None
            os.kill(pid, signal.SIGSTOP)
            began_s = time.monotonic()
            void_s = dead_s = 0.0
            while not (void_s and dead_s):
                now_s = time.monotonic()
                assert now_s - began_s < 10.0, f"order void: {void_s}, process gone: {dead_s}"
                if not void_s and horizon.stopped() == number:
                    void_s = now_s - began_s
                if not dead_s and _ended(pidfd, 0.0002):
                    dead_s = time.monotonic() - began_s
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(pidfd)
        page.close()
    return Stalled(void_s, dead_s)


def _ended(pidfd: int, within_s: float = 0.0) -> bool:
    return bool(select.select([pidfd], [], [], within_s)[0])


def stall(run_dir: Path, count: int, cell: str = "cell_a") -> list[Stalled]:
    """So many stalls, one after the other."""
    horizon = Horizon(run_dir / "horizons" / f"{cell}.page", 6, create=True)
    with supervisor(run_dir, cell):
        stalls = (stall_once(run_dir, cell, horizon, number) for number in range(1, 2 * count + 1))
        return list(itertools.islice((one for one in stalls if one is not None), count))


def figures(took_s: Sequence[float]) -> dict[str, float]:
    """Median, p99 and largest, in ms."""
    taken_ms = 1e3 * np.array(took_s)
    return {
        "median": float(np.median(taken_ms)),
        "p99": float(np.quantile(taken_ms, 0.99)),
        "largest": float(taken_ms.max()),
    }
