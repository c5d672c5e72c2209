"""The driver of a simulated arm: the servo loop's end of the simulator's socket."""

from __future__ import annotations

import socket
import time
from collections import deque
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arms import (
    ArmFault,
    ArmNotConnected,
    ArmState,
    ArmTimeout,
    SetpointsRefused,
)
from sim.arm_protocol import Decoder, Kind, Message, ProtocolViolation, encode

_RETRY_S: Final = 0.02
_GREETING_NS: Final = -1
"""Setpoints written before the first state answer nothing; the arm holds anyhow."""

_CHUNK: Final = 65536


class MujocoArm:
    """An arm that lives in the simulator (`drivers.arms.ArmDriver`).

    Time may stand still while the plant's controllers think: `read` then raises ArmTimeout, and
    reading again is all there is to do.

    Args:
        address: path of the simulator's socket, `<run_dir>/sockets/<cell>.arm`.
    """

    def __init__(self, address: str) -> None:
        self._path = Path(address)
        self._arm = self._path.stem
        self._link: socket.socket | None = None
        self._decoder = Decoder()
        self._inbox: deque[Message] = deque()
        self._joints: tuple[str, ...] = ()
        self._period_ns = 0
        self._rows = 0
        self._state_ns = 0

    @property
    def joint_names(self) -> tuple[str, ...]:
        """In the order of every array."""
        return self._joints

    @property
    def period_ns(self) -> int:
        """Time between two states."""
        return self._period_ns

    @property
    def setpoints_per_period(self) -> int:
        """How many setpoints `write` takes."""
        return self._rows

    def connect(self, timeout_s: float) -> ArmState:
        """Connect, or connect again; the measured state to start from.

        Raises:
            ArmNotConnected: nobody answered in time.
        """
        self.close()
        until_s = time.monotonic() + timeout_s
        while True:
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                link.settimeout(max(0.001, until_s - time.monotonic()))
                link.connect(str(self._path))
                self._link = link
                return self._greeted(until_s)
            except OSError as error:
                link.close()
                if time.monotonic() + _RETRY_S > until_s:
                    raise self._lost(f"nobody answers at {self._path} ({error})") from error
                time.sleep(_RETRY_S)

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the state of the next tick.

        Raises:
            ArmTimeout: none came in time; time may be standing still.
            ArmNotConnected: the connection was lost.
            ArmFault: the simulated controller refused setpoints.
        """
        message = self._receive(time.monotonic() + timeout_s, timeout_s)
        if message.kind is not Kind.STATE:
            self.close()
            raise self._lost(f"the simulator sent {message.kind.name}")
        self._state_ns = message.time_ns
        return _state(message)

    def write(self, setpoints: NDArray[np.float64]) -> None:
        """Answer the last state with setpoints (k, n) in rad; row j (from 1) is for j / k of a period later.

        Raises:
            SetpointsRefused: wrong shape, or not finite.
            ArmNotConnected: the connection was lost.
        """
        if setpoints.shape != (self._rows, len(self._joints)):
            raise SetpointsRefused(
                self._arm,
                f"setpoints of shape {setpoints.shape}, expected {(self._rows, len(self._joints))}",
                "Nothing was sent.",
            )
        if not np.isfinite(setpoints).all():
            raise SetpointsRefused(self._arm, "a setpoint is not finite", "Nothing was sent.")
        self._send(encode(Kind.SETPOINTS, self._state_ns, setpoints))

    def stop(self) -> None:
        """Hold the measured pose; needs no further setpoints.

        Raises:
            ArmNotConnected: the connection was lost; the arm holds anyhow.
        """
        self._send(encode(Kind.STOP, self._state_ns))

    def close(self) -> None:
        """Let go of the connection; the arm holds."""
        if self._link is not None:
            self._link.close()
        self._link = None
        self._decoder = Decoder()
        self._inbox.clear()

    def _greeted(self, until_s: float) -> ArmState:
        hello = self._receive(until_s, max(0.0, until_s - time.monotonic()))
        lines = hello.text.split("\n")
        joints = tuple(lines[2:])
        if hello.kind is not Kind.HELLO or hello.values.shape != (3, len(joints)):
            self.close()
            raise self._lost("whoever answers is not a simulated arm")
        self._period_ns, self._rows, self._joints = int(lines[0]), int(lines[1]), joints
        self._state_ns = _GREETING_NS
        return _state(hello)

    def _receive(self, until_s: float, timeout_s: float) -> Message:
        while not self._inbox:
            link = self._connected()
            try:
                link.settimeout(max(0.0001, until_s - time.monotonic()))
                data = link.recv(_CHUNK)
            except TimeoutError as error:
                raise ArmTimeout(self._arm, timeout_s) from error
            except OSError as error:
                self.close()
                raise self._lost(str(error)) from error
            if not data:
                self.close()
                raise self._lost("the simulator closed the connection")
            try:
                self._inbox.extend(self._decoder.feed(data))
            except ProtocolViolation as error:
                self.close()
                raise self._lost(f"not a simulated arm: {error}") from error
        message = self._inbox.popleft()
        if message.kind is Kind.FAULT:
            self.close()
            code, _, what = message.text.partition(" ")
            raise ArmFault(self._arm, code, what, "Connect again, and start from the measured pose.")
        return message

    def _send(self, data: bytes) -> None:
        link = self._connected()
        try:
            link.settimeout(1.0)
            link.sendall(data)
        except OSError as error:
            if self._fault_waits(link):
                return  # the next read tells why the simulator hung up
            self.close()
            raise self._lost(str(error)) from error

    @staticmethod
    def _fault_waits(link: socket.socket) -> bool:
        try:
            return bool(link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def _connected(self) -> socket.socket:
        if self._link is None:
            raise self._lost("there is no connection")
        return self._link

    def _lost(self, what: str) -> ArmNotConnected:
        return ArmNotConnected(self._arm, what, "Check that sim_node runs; then connect again.")


def _state(message: Message) -> ArmState:
    positions, velocities, efforts = message.values
    return ArmState(message.time_ns, positions, velocities, efforts)
