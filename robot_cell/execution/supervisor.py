"""The watchdog of a cell: a plain process that stops the arms and ends what hangs.

It reads the signs of life of the cell's processes. One that has been silent for longer than it
declared is killed and logged, and the arm's motion is void (`safe_state`); whoever started the
process (launch, systemd) starts it again. When one that moves an arm has ended, the motion of every
arm of the cell is stopped as well; so it is where a cell has several arms and the servo of one
loses it. A process that never came, and one that hangs again and again, are logged for a person to
see to. Standard library only, so that it is up long before the processes that it watches.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from drivers.time_page import process_birth
from robot_cell.execution.arm_state import CONNECTING
from robot_cell.execution.heartbeat import Beat, Heartbeat, HeartbeatPage
from robot_cell.execution.safe_state import stop_motion

PERIOD_S: Final = 0.015
"""It is looked at least so often, and at the instant at which a deadline would have passed.

A loop that stalls right after it has promised to turn every 20 ms is found out 35 ms later.
"""

_MARGIN_S: Final = 0.0005
CONTROLLER: Final = "cell"
DEFAULT_ARMS: Final = ("arm",)
MOVERS: Final = (CONTROLLER, *DEFAULT_ARMS)
"""Processes without which a motion is not to go on: the controller's, and the node of each arm."""

SERVO: Final = "servo"
"""How the names of servos end."""

_PRIORITY: Final = 21
"""One above the servo (`real_time.FIFO_PRIORITY`); it works for a fraction of a millisecond."""

_MCL_CURRENT, _MCL_FUTURE = 1, 2
_BLIND_S: Final = 1.0


@dataclass(frozen=True)
class Policy:
    """How patient the supervisor is.

    Attributes:
        come_within_s: a process that has not come by then is reported, and again each time.
        kill_limit, kill_window_s: a process killed this often within the window is left alone and
            reported: starting it again does not help.
    """

    come_within_s: float = 30.0
    kill_limit: int = 5
    kill_window_s: float = 60.0


@dataclass(frozen=True)
class Kill:
    """A decision: end this very process."""

    beat: Beat
    silent_s: float


@dataclass
class Watch:
    """Decides, from the beats and the time alone, what is wrong; it does nothing itself.

    `judge` is called once a period. After a gap (the machine was asleep, or the supervisor itself
    was starved) nobody is blamed for the silence of that time.
    """

    expected: Sequence[str]
    policy: Policy
    started_s: float
    report: Callable[[str, str], None]
    _last_s: float = field(init=False)
    _excused_until_s: float = field(init=False)
    _reported_s: dict[str, float] = field(default_factory=dict)
    _kills: dict[str, deque[float]] = field(default_factory=dict)
    _killed: set[tuple[int, int]] = field(default_factory=set)
    _given_up: set[str] = field(default_factory=set)
    _came: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._last_s = self.started_s
        self._excused_until_s = self.started_s

    def judge(self, beats: Mapping[str, Beat], now_s: float) -> list[Kill]:
        """Which processes have to be ended now."""
        if now_s - self._last_s > _BLIND_S:
            self._excused_until_s = now_s
            self.report(
                "warning", f"saw nothing for {now_s - self._last_s:.1f} s; nobody is blamed"
            )
        self._last_s = now_s
        for name in self.expected:
            if name not in self._came and name not in beats:
                self._missing(name, now_s)
        self._came.update(beats)
        kills = []
        for name, beat in beats.items():
            silent_s = now_s - max(beat.at_s, self._excused_until_s)
            if silent_s <= beat.deadline_s:
                self._given_up.discard(name)
            elif (beat.pid, beat.born) not in self._killed and beat.alive():
                kill = self._stalled(beat, silent_s, now_s)
                if kill is not None:
                    kills.append(kill)
        return kills

    def _missing(self, name: str, now_s: float) -> None:
        since_s = self._reported_s.get(name, self.started_s)
        if now_s - since_s > self.policy.come_within_s:
            self._reported_s[name] = now_s
            waited_s = now_s - self.started_s
            self.report(
                "error", f"{name} has not given a sign of life in {waited_s:.0f} s; see its log"
            )

    def _stalled(self, beat: Beat, silent_s: float, now_s: float) -> Kill | None:
        kills = self._kills.setdefault(beat.name, deque())
        while kills and kills[0] < now_s - self.policy.kill_window_s:
            kills.popleft()
        if len(kills) >= self.policy.kill_limit:
            if beat.name not in self._given_up:
                self._given_up.add(beat.name)
                self.report(
                    "error",
                    f"{beat.name} hangs again after {len(kills)} restarts within "
                    f"{self.policy.kill_window_s:.0f} s; it is left as it is, see its log",
                )
            return None
        kills.append(now_s)
        self._killed.add((beat.pid, beat.born))
        self.report(
            "error",
            f"{beat.name} (pid {beat.pid}) has been silent for {silent_s:.3f} s while "
            f"{beat.state!r}; it declared {beat.deadline_s:.2f} s: killed, to be started again",
        )
        return Kill(beat, silent_s)


def ended_movers(
    beats: Mapping[str, Beat], seen: dict[str, tuple[int, int]], movers: Sequence[str] = MOVERS
) -> list[str]:
    """Processes that moved an arm and have ended since the last look; `seen` is kept for that."""
    ended = []
    for name in movers:
        beat = beats.get(name)
        if beat is not None and beat.alive():
            seen[name] = (beat.pid, beat.born)
        elif seen.pop(name, None) is not None:
            ended.append(name)
    return ended


def lost_arms(beats: Mapping[str, Beat], seen: set[str]) -> list[str]:
    """Servos that have lost their arms since the last look; `seen` (those with one) is kept."""
    lost = []
    for name, beat in beats.items():
        if not name.endswith(SERVO):
            continue
        if beat.pid and not beat.state.startswith(CONNECTING):
            seen.add(name)
        elif name in seen:
            seen.discard(name)
            lost.append(name)
    return lost


def look_again_s(beats: Iterable[Beat], judged_s: float) -> float:
    """When the next process would be overdue if it gave no sign until then; as CLOCK_MONOTONIC.

    A loop that turns every 2 ms and may be silent for 20 ms costs fifty looks a second, and its
    stall is seen when the 20 ms are over, not up to a period later. Who was overdue when it was
    judged has been dealt with.
    """
    due_s = [beat.at_s + beat.deadline_s for beat in beats if beat.pid]
    return min([judged_s + PERIOD_S, *(at_s + _MARGIN_S for at_s in due_s if at_s >= judged_s)])


def prefer_promptness() -> None:
    """As far as it is permitted: memory stays where it is, and it comes before the servos.

    `real_time.prefer_real_time` does it for those; it is not used here, because it loads numpy.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))


def kill_process(pid: int, born: int) -> bool:
    """End a process for good if it is still the one that was born then; whether it was.

    The pidfd is taken before the check, so the number cannot pass to another process in between.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if process_birth(pid) != born:
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)


def supervise(
    cell: str,
    run_dir: Path,
    expected: Sequence[str],
    policy: Policy,
    arms: Sequence[str] = DEFAULT_ARMS,
) -> int:
    """Watch over a cell until SIGINT or SIGTERM."""
    stop_signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    prefer_promptness()
    path = run_dir / "heartbeats" / f"{cell}.page"
    heartbeat = Heartbeat(path, "supervisor", PERIOD_S, deadline_s=1.0)
    page = HeartbeatPage(path)

    def report(level: str, text: str) -> None:
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        print(f"{at} {level} supervisor of {cell}: {text}", file=sys.stderr, flush=True)

    later: list[tuple[str, str]] = []  # what is said only after it has been acted upon
    watch = Watch(expected, policy, time.monotonic(), lambda *told: later.append(told))
    report("info", f"watching {', '.join(expected)}")
    movers: dict[str, tuple[int, int]] = {}
    connected: set[str] = set()
    wait_s = PERIOD_S
    try:
        while signal.sigtimedwait(stop_signals, wait_s) is None:
            heartbeat.beat("watching")
            beats = page.read()
            beats.pop("supervisor", None)
            now_s = time.monotonic()
            for kill in watch.judge(beats, now_s):
                stop_motion(run_dir, cell)
                if not kill_process(kill.beat.pid, kill.beat.born):
                    later.append(
                        ("info", f"{kill.beat.name} (pid {kill.beat.pid}) had ended by itself")
                    )
            later.extend(
                ("warning", f"{name} has ended: the arm stops on its path")
                for name in ended_movers(beats, movers, (CONTROLLER, *arms))
                if stop_motion(run_dir, cell)
            )
            if len(arms) > 1:
                later.extend(
                    ("warning", f"{name} has lost its arm: every arm of the cell stops")
                    for name in lost_arms(beats, connected)
                    if stop_motion(run_dir, cell)
                )
            for told in later:
                report(*told)
            later.clear()
            wait_s = max(0.0, look_again_s(beats.values(), now_s) - time.monotonic())
        report("info", "ends")
        return 0
    finally:
        page.close()
        heartbeat.close()


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the supervisor of one cell."""
    policy = Policy()
    parser = argparse.ArgumentParser(prog="supervisor", description=main.__doc__)
    parser.add_argument("--cell", required=True, help="name of the cell")
    parser.add_argument("--run-dir", required=True, type=Path, help="run directory of the plant")
    parser.add_argument(
        "--arms",
        type=_names,
        default=DEFAULT_ARMS,
        help="the cell's arms, separated by commas (default: arm)",
    )
    parser.add_argument(
        "--expect",
        type=_names,
        help="processes that must come, separated by commas (default: the arms, fixtures,cell)",
    )
    parser.add_argument(
        "--kill-limit",
        type=int,
        default=policy.kill_limit,
        help=f"kills of a process in {policy.kill_window_s:.0f} s, after which it is left alone",
    )
    parser.add_argument("--come-within", type=float, default=policy.come_within_s, help="seconds")
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--ros-args" in arguments:  # launch adds them to everything that it calls a node
        arguments = arguments[: arguments.index("--ros-args")]
    options = parser.parse_args(arguments)
    return supervise(
        options.cell,
        options.run_dir,
        options.expect or (*options.arms, "fixtures", CONTROLLER),
        Policy(options.come_within, options.kill_limit, policy.kill_window_s),
        options.arms,
    )


if __name__ == "__main__":
    raise SystemExit(main())
