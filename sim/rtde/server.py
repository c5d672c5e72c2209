"""The RTDE server of the simulated controller: sockets, cycles, and faults of the link.

One thread: between two cycles it waits for bytes, at each cycle the robot goes on by 2 ms and
states are sent. What the bytes mean: `sim/rtde/session.py`.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from sim.rtde.robot import (
    CYCLE_S,
    STARVED_CYCLES,
    Robot,
    RobotMode,
    Runtime,
    SafetyMode,
)
from sim.rtde.session import ProtocolError, Session

_CYCLE_NS: Final = round(CYCLE_S * 1e9)
_ON_TIME_NS: Final = 500_000
_KEPT: Final = 200_000


@dataclass(eq=False)
class Client:
    """One connection, and what it has agreed on."""

    link: socket.socket
    session: Session = field(default_factory=Session)


@dataclass
class Faults:
    """What is wrong with the link, until instants of CLOCK_MONOTONIC in ns."""

    deaf_until_ns: int = 0
    late_until_ns: int = 0
    late_ns: int = 0
    unknown: set[str] = field(default_factory=set)
    in_use: set[str] = field(default_factory=set)


class RtdeServer:
    """A controller that serves any number of clients.

    Attributes:
        robot: the robot behind it.
        latencies_ns: from the sending of a state to the arrival of the setpoint that answers it.
        lateness_ns: of the server's own cycles: what the machine is late by.
        missed_on_time: missed cycles that were not late themselves, nor the one before.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.robot = Robot()
        self.faults = Faults()
        self.latencies_ns: list[int] = []
        self.lateness_ns: list[int] = []
        self.missed_on_time = 0
        self.connections = 0
        self._selector = selectors.SelectSelector()  # epoll waits in whole milliseconds
        self._clients: list[Client] = []
        self._door: socket.socket | None = None
        self._held: list[tuple[int, Client, bytes]] = []
        self._told_ns = 0
        self._up_at_ns = 0
        self._play_after_boot = True
        self.host, self.port = host, port
        self._open()
        self._due_ns = time.monotonic_ns() + _CYCLE_NS
        self._late_ns = 0

    def register(self, file: Any, callback: Any) -> None:
        """Call back when a file has something to be read."""
        self._selector.register(file, selectors.EVENT_READ, callback)

    def turn(self) -> None:
        """Serve until the next cycle, and do that."""
        while True:
            left_ns = self._due_ns - time.monotonic_ns()
            if left_ns <= 0:
                break
            for key, _ in self._selector.select(left_ns * 1e-9):
                key.data()
        now_ns = time.monotonic_ns()
        late_ns = now_ns - self._due_ns
        on_time = max(late_ns, self._late_ns) < _ON_TIME_NS
        self._late_ns = late_ns
        if len(self.lateness_ns) < _KEPT:
            self.lateness_ns.append(late_ns)
        self._due_ns += _CYCLE_NS
        if now_ns - self._due_ns > 50 * _CYCLE_NS:  # the machine slept: nothing is made up for
            self._due_ns = now_ns + _CYCLE_NS
        missed = self.robot.missed
        self._cycle(now_ns)
        self.missed_on_time += on_time and self.robot.missed > missed

    def close(self) -> None:
        """Hang up on everybody."""
        for client in list(self._clients):
            self._drop(client)
        self._shut()
        self._selector.close()

    # -- what is asked from outside ---------------------------------------------------------------

    def ask(self, words: dict[str, Any]) -> dict[str, Any]:
        """Do what a test asks: `do` names it, the rest are its arguments; then how things are."""
        given = dict(words)
        getattr(self, f"do_{given.pop('do')}")(**given)
        return self.report()

    def do_report(self) -> None:
        """Nothing: only the answer is wanted."""

    def do_reboot(self, down_s: float, play: bool = True) -> None:
        """Away at once, there again after `down_s`: then playing, or waiting for a person."""
        for client in list(self._clients):
            self._drop(client)
        self._shut()
        self.robot.boot()
        self._up_at_ns = time.monotonic_ns() + round(down_s * 1e9)
        self._play_after_boot = play

    def do_protective_stop(self) -> None:
        """The arm met something."""
        self.robot.protective_stop()

    def do_unlock(self) -> None:
        """A person has enabled the robot again; the program stays stopped."""
        self.robot.safety = SafetyMode.NORMAL
        self.robot.stop_program()

    def do_play(self, other: bool = False) -> None:
        """A person plays our program, or another one."""
        self.robot.mode = RobotMode.RUNNING
        self.robot.other_program = other
        self.robot.play()

    def do_stop_program(self) -> None:
        """A person stops the program."""
        self.robot.stop_program()

    def do_pause_program(self) -> None:
        """A person pauses the program."""
        self.robot.runtime = Runtime.PAUSED

    def do_slider(self, fraction: float) -> None:
        """A person moves the speed slider."""
        self.robot.slider = fraction

    def do_link(self, lost_s: float) -> None:
        """The cable is out: nothing is sent or heard, and nobody hangs up."""
        self.faults.deaf_until_ns = time.monotonic_ns() + round(lost_s * 1e9)

    def do_late(self, late_s: float, for_s: float) -> None:
        """Each state leaves late, all those that are due at once together."""
        self.faults.late_ns = round(late_s * 1e9)
        self.faults.late_until_ns = time.monotonic_ns() + round(for_s * 1e9)

    def do_hang_up(self) -> None:
        """Every connection ends; the robot goes on."""
        for client in list(self._clients):
            self._drop(client)

    def do_recipe(self, unknown: list[str] = [], in_use: list[str] = []) -> None:  # noqa: B006
        """Variables that this controller does not know, or that somebody else writes."""
        self.faults.unknown, self.faults.in_use = set(unknown), set(in_use)

    def do_watchdog(self, longest_s: float) -> None:
        """The watchdog that the program sets is of another patience from the next time on."""
        self.robot.watchdog_s = longest_s

    def do_message(self, words: str, level: int = 2) -> None:
        """The controller says something."""
        self.robot.messages.append((level, words))

    def do_garbage(self) -> None:
        """What is no RTDE, to everybody."""
        for client in list(self._clients):
            self._send(client, b"\x00\x01garbage")

    def do_reset(self, starved_cycles: int = STARVED_CYCLES) -> None:
        """As it was at first; a program more patient than ours is for clients without priority."""
        for client in list(self._clients):
            self._drop(client)
        self.faults = Faults()
        self.robot = Robot(starved_cycles)
        self.do_forget()

    def do_forget(self) -> None:
        """Count anew."""
        self.latencies_ns.clear()
        self.lateness_ns.clear()
        self.connections = self.missed_on_time = 0
        robot = self.robot
        robot.cycles = robot.followed = robot.missed = robot.starved = 0
        robot.moved = robot.largest_step = 0.0

    def report(self) -> dict[str, Any]:
        """How things are, as JSON has it."""
        robot = self.robot
        return {
            "q": robot.q.tolist(),
            "qd": robot.qd.tolist(),
            "moved": robot.moved,
            "largest_step": robot.largest_step,
            "cycles": robot.cycles,
            "followed": robot.followed,
            "missed": robot.missed,
            "missed_on_time": self.missed_on_time,
            "starved": robot.starved,
            "doing": int(robot.outputs.get("output_int_register_25", -1)),
            "runtime": int(robot.runtime),
            "clients": len(self._clients),
            "connections": self.connections,
            "inputs": robot.inputs,
            "latency_us": spread_us(self.latencies_ns),
            "lateness_us": spread_us(self.lateness_ns),
        }

    # -- a cycle ----------------------------------------------------------------------------------

    def _cycle(self, now_ns: int) -> None:
        if self._up_at_ns:
            if now_ns < self._up_at_ns:
                return
            self._up_at_ns = 0
            self._open()
            if self._play_after_boot:
                self.robot.mode = RobotMode.RUNNING
                self.robot.play()
            else:
                self.robot.mode = RobotMode.POWER_OFF
        robot = self.robot
        robot.cycle()
        messages, robot.messages = robot.messages, []
        if now_ns < self.faults.deaf_until_ns:
            return
        for client in list(self._clients):
            for level, words in messages:
                self._send(client, client.session.text(level, words))
            if client.session.started and robot.cycles % client.session.every == 0:
                self._tell(client, now_ns)
        due, self._held = self._held, []
        for at_ns, client, data in due:
            if at_ns <= now_ns:
                self._send(client, data)
            else:
                self._held.append((at_ns, client, data))

    def _tell(self, client: Client, now_ns: int) -> None:
        data = client.session.state(self.robot.value)
        if now_ns < self.faults.late_until_ns:
            late_ns = self.faults.late_ns
            # All of a stretch of `late_ns` leave together at its end.
            self._held.append(((now_ns // late_ns + 1) * late_ns, client, data))
        else:
            self._told_ns = time.monotonic_ns()
            self._send(client, data)

    # -- sockets ----------------------------------------------------------------------------------

    def _open(self) -> None:
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((self.host, self.port))
        door.listen(8)
        door.setblocking(False)
        self.port = door.getsockname()[1]
        self._door = door
        self._selector.register(door, selectors.EVENT_READ, self._accept)

    def _shut(self) -> None:
        if self._door is not None:
            self._selector.unregister(self._door)
            self._door.close()
            self._door = None

    def _accept(self) -> None:
        if self._door is None or time.monotonic_ns() < self.faults.deaf_until_ns:
            return
        link, _ = self._door.accept()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(link)
        self._clients.append(client)
        self.connections += 1
        self._selector.register(link, selectors.EVENT_READ, lambda: self._hear(client))

    def _drop(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._selector.unregister(client.link)
            client.link.close()

    def _send(self, client: Client, data: bytes) -> None:
        if client not in self._clients:
            return
        with contextlib.suppress(BlockingIOError):  # who does not read loses what comes
            try:
                client.link.sendall(data)
            except ConnectionError:
                self._drop(client)

    def _hear(self, client: Client) -> None:
        if time.monotonic_ns() < self.faults.deaf_until_ns:
            return
        try:
            data = client.link.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        heard_ns = time.monotonic_ns()
        try:
            for kind, payload in client.session.packages(data):
                self._answer(client, kind, payload, heard_ns)
        except ProtocolError:
            self._drop(client)

    def _answer(self, client: Client, kind: str, payload: bytes, heard_ns: int) -> None:
        if kind == "U":
            self._take(client, payload, heard_ns)
            return
        others = {n for one in self._clients if one is not client for n in one.session.inputs}
        in_use = others | self.faults.in_use
        self._send(client, client.session.answer(kind, payload, self.faults.unknown, in_use))

    def _take(self, client: Client, payload: bytes, heard_ns: int) -> None:
        written = client.session.written(payload)
        if written is None:
            self._send(client, client.session.text(1, "a data package of no recipe"))
            return
        if self._told_ns and len(self.latencies_ns) < _KEPT:
            self.latencies_ns.append(heard_ns - self._told_ns)
            self._told_ns = 0
        self.robot.write(written)


def spread_us(values_ns: list[int]) -> dict[str, float]:
    """Count, median, p99 and largest of durations, in µs."""
    if not values_ns:
        return {"count": 0}
    us = np.array(values_ns) * 1e-3
    return {
        "count": len(us),
        "p50": round(float(np.median(us)), 1),
        "p99": round(float(np.quantile(us, 0.99)), 1),
        "p999": round(float(np.quantile(us, 0.999)), 1),
        "max": round(float(us.max()), 1),
    }
