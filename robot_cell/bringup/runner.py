"""Starts the processes of a launch plan, starts them again when they end, and ends them in order.

One thread, no polling: the loop sleeps in `select` on the processes' pidfds, their output and a
pipe that signals write to. Every process runs in a group of its own and dies with this process,
however this process ends.
"""

from __future__ import annotations

import json
import os
import queue
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from robot_cell.bringup.executables import executable_command
from robot_cell.bringup.launch_file import ProcessSpec
from robot_cell.bringup.process import Child, adopt_orphans

TERMINATE_AFTER_S: Final = 1.2
KILL_AFTER_S: Final = 2.2
"""A stop is SIGINT at once, SIGTERM and SIGKILL this long after it: all is over within 3 s."""

BACK_OFF_MAX_S: Final = 2.0
STABLE_AFTER_S: Final = 10.0
"""A process that lived this long is healthy again: its next restart is a first restart."""

RESTART_WINDOW_S: Final = 30.0
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class _Managed:
    spec: ProcessSpec
    command: list[str]
    child: Child | None = None
    started_s: float = 0.0
    due_s: float | None = 0.0
    restarts: int = 0
    in_a_row: int = 0
    recent: deque[float] = field(default_factory=deque)
    exit_code: int | None = None
    off: bool = False


@dataclass
class _Switched:
    """A cell to be switched off or on, and whether that has been done."""

    cell: str
    on: bool
    done: threading.Event = field(default_factory=threading.Event)


class Runner:
    """Runs the processes of a plan until they have ended or a stop is asked for.

    Args:
        specs: what to run.
        log_dir: one `NAME.log` per process; `processes.json` next to it says how they are.
        restart_limit: give the whole plan up when one process had to be restarted more often than
            this within 30 s; None never gives up.
        environment: of the processes; that of this process unless given.

    Raises:
        ExecutableNotFoundError: before anything has been started.
    """

    def __init__(
        self,
        specs: Iterable[ProcessSpec],
        log_dir: Path,
        *,
        restart_limit: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._managed = [
            _Managed(spec, [*executable_command(spec.package, spec.executable), *spec.arguments])
            for spec in specs
        ]
        self._log_dir = log_dir
        self._restart_limit = restart_limit
        self._selector = selectors.DefaultSelector()
        self._stop_asked_s: float | None = None
        self._stop_stage = 0
        self._failed = False
        self._switched: queue.SimpleQueue[_Switched] = queue.SimpleQueue()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)

    def run(self) -> int:
        """Run to the end; 0 when everything ended as it should, or was asked to."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        adopt_orphans()
        before = self._catch_signals()
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        try:
            while self._step():
                pass
        finally:
            for managed in self._managed:
                if managed.child is not None:
                    managed.child.signal_group(signal.SIGKILL)
                    self._reap(managed)
            self._release_signals(before)
            self._selector.close()
            self._wake_read.close()
            self._wake_write.close()
        return 1 if self._failed else 0

    def stop(self) -> None:
        """Ask for the end; safe from a signal handler and from another thread."""
        if self._stop_asked_s is None:
            self._stop_asked_s = time.monotonic()
        self._wake()

    def power(self, cell: str, *, on: bool) -> None:
        """Kill a cell's processes as a power cut would, or start them again; from another thread.

        The processes of a cell are those whose names begin with it. What is off is not started
        again by itself.
        """
        asked = _Switched(cell, on)
        self._switched.put(asked)
        self._wake()
        while not asked.done.wait(0.1):
            if self._stop_asked_s is not None:
                return

    def _wake(self) -> None:
        try:
            self._wake_write.send(b"\0")
        except OSError:
            return  # the pipe is full of wake-ups already, or the loop has ended

    # -- one turn of the loop -------------------------------------------------------------------

    def _step(self) -> bool:
        now_s = time.monotonic()
        if self._stop_asked_s is not None:
            self._escalate(now_s)
            if all(managed.child is None for managed in self._managed):
                return False
        else:
            self._switch_cells(now_s)
            for managed in self._managed:
                if managed.due_s is not None and managed.due_s <= now_s:
                    self._start(managed, now_s)
            if all(m.child is None and m.due_s is None and not m.off for m in self._managed):
                return False
        for key, _ in self._selector.select(self._timeout_s()):
            if key.data is None:
                self._wake_read.recv(4096)
                continue
            managed, what = key.data
            if managed.child is None:
                continue
            if what == "output":
                self._show(managed)
                if managed.child.pipe_ended:
                    self._selector.unregister(key.fileobj)
            else:
                self._ended(managed)
        return True

    def _timeout_s(self) -> float | None:
        if self._stop_asked_s is not None:
            stages = (0.0, TERMINATE_AFTER_S, KILL_AFTER_S)
            if self._stop_stage >= len(stages):
                return None
            due = [self._stop_asked_s + stages[self._stop_stage]]
        else:
            due = [m.due_s for m in self._managed if m.due_s is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _escalate(self, now_s: float) -> None:
        assert self._stop_asked_s is not None
        waited_s = now_s - self._stop_asked_s
        children = [m.child for m in self._managed if m.child is not None]
        if self._stop_stage == 0:
            for child in children:
                child.interrupt()
            self._stop_stage = 1
        elif self._stop_stage == 1 and waited_s >= TERMINATE_AFTER_S:
            for child in children:
                child.signal_group(signal.SIGTERM)
            self._stop_stage = 2
        elif self._stop_stage == 2 and waited_s >= KILL_AFTER_S:
            for managed in self._managed:
                if managed.child is not None:
                    _say(f"{managed.spec.name} did not end when asked to: killed")
                    managed.child.signal_group(signal.SIGKILL)
            self._stop_stage = 3

    def _switch_cells(self, now_s: float) -> None:
        """Do what `power` asked for."""
        while not self._switched.empty():
            asked = self._switched.get_nowait()
            mine = [m for m in self._managed if m.spec.name.startswith(f"{asked.cell}.")]
            _say(f"{asked.cell} goes {'on' if asked.on else 'off'}: {len(mine)} processes")
            for managed in mine:
                managed.off = not asked.on
                managed.due_s = now_s if asked.on else None
                if managed.child is not None and not asked.on:
                    managed.child.signal_group(signal.SIGKILL)
            for managed in mine:
                if asked.on and managed.child is None:
                    self._start(managed, now_s)
                elif not asked.on and managed.child is not None:
                    self._reap(managed)
            self._publish()
            asked.done.set()

    # -- one process ----------------------------------------------------------------------------

    def _start(self, managed: _Managed, now_s: float) -> None:
        spec = managed.spec
        managed.due_s = None
        try:
            child = Child(
                managed.command,
                self._environment | dict(spec.env),
                self._log_dir / f"{spec.name}.log",
                shown=spec.output != "log",
            )
        except OSError as error:
            _say(f"{spec.name} cannot be started: {error}")
            self._give_up()
            return
        managed.child, managed.started_s = child, now_s
        self._selector.register(child.pidfd, selectors.EVENT_READ, (managed, "end"))
        if child.pipe is not None:
            self._selector.register(child.pipe, selectors.EVENT_READ, (managed, "output"))
        self._publish()

    def _show(self, managed: _Managed, *, rest: bool = False) -> None:
        assert managed.child is not None
        for line in managed.child.read_lines(rest=rest):
            print(f"[{managed.spec.name}] {line.decode(errors='replace')}", flush=True)

    def _reap(self, managed: _Managed) -> int:
        assert managed.child is not None
        child = managed.child
        code = child.reap()
        self._show(managed, rest=True)
        for fd in (child.pidfd, child.pipe):
            if fd is not None and fd in self._selector.get_map():
                self._selector.unregister(fd)
        child.close()
        managed.child = None
        managed.exit_code = code
        return code

    def _ended(self, managed: _Managed) -> None:
        code = self._reap(managed)
        now_s = time.monotonic()
        spec = managed.spec
        if self._stop_asked_s is not None:
            self._publish()
            return
        how = f"ended with code {code}" if code >= 0 else f"was ended by {_signal_name(-code)}"
        if not spec.respawn:
            if code != 0:
                _say(f"{spec.name} {how}; its log: {self._log_dir / (spec.name + '.log')}")
                self._give_up()
            self._publish()
            return
        managed.in_a_row = 0 if now_s - managed.started_s > STABLE_AFTER_S else managed.in_a_row + 1
        delay_s = min(
            spec.respawn_delay_s * 2 ** max(0, min(managed.in_a_row, 8) - 1),
            max(BACK_OFF_MAX_S, spec.respawn_delay_s),
        )
        managed.recent.append(now_s)
        while managed.recent[0] < now_s - RESTART_WINDOW_S:
            managed.recent.popleft()
        if self._restart_limit is not None and len(managed.recent) > self._restart_limit:
            _say(
                f"{spec.name} {how} for the {len(managed.recent)}th time within "
                f"{RESTART_WINDOW_S:.0f} s: given up; its log: "
                f"{self._log_dir / (spec.name + '.log')}"
            )
            self._give_up()
            return
        _say(f"{spec.name} {how}; it starts again in {delay_s:.1f} s")
        managed.restarts += 1
        managed.due_s = now_s + delay_s
        self._publish()

    def _give_up(self) -> None:
        self._failed = True
        self.stop()

    def _publish(self) -> None:
        """Say how the processes are, in a file that is always whole."""
        path = self._log_dir.parent / "processes.json"
        views: list[dict[str, Any]] = [
            {
                "name": managed.spec.name,
                "pid": managed.child.pid if managed.child is not None else None,
                "restarts": managed.restarts,
                "exit_code": managed.exit_code,
            }
            for managed in self._managed
        ]
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"runner": os.getpid(), "processes": views}))
        part.replace(path)

    # -- signals --------------------------------------------------------------------------------

    def _catch_signals(self) -> dict[int, Any]:
        def handler(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        return {number: signal.signal(number, handler) for number in _STOP_SIGNALS}

    def _release_signals(self, before: dict[int, Any]) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _say(text: str) -> None:
    print(f"[launch] {text}", file=sys.stderr, flush=True)
