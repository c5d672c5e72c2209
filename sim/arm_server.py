"""The simulator's end of a simulated arm: accepts one driver, tells states, takes setpoints."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.arm_protocol import Decoder, Kind, ProtocolViolation, encode

_CHUNK: Final = 65536
_RANGE_RAD: Final = 1e-6
_JUMP_FACTOR: Final = 1.5
_JUMP_RAD: Final = 0.002
_ALL: Final = np.logical_and.reduce


class Servos(Protocol):
    """An arm's servos in the physics."""

    @property
    def setpoint(self) -> NDArray[np.float64]:
        """(n,) rad, where they were told to be last."""

    def arm_state(self) -> NDArray[np.float64]:
        """(3, n): positions, velocities and torques."""


class ArmServer:
    """One listening socket, at most one driver; the newest connection wins.

    A setpoint may not jump: where the arm would have to move faster than 1.5 times its limit, or
    leave its range, it faults and holds, as a real controller does.

    Args:
        path: of the socket; replaced if it is there.
        limits: (n, 3): lower and upper position (rad), velocity (rad/s; 0 if unlimited).
    """

    def __init__(
        self,
        path: Path,
        joints: Sequence[str],
        limits: NDArray[np.float64],
        *,
        period_ns: int,
        rows: int,
    ) -> None:
        self.path = path
        self._joints = tuple(joints)
        low, high, speed = limits.T
        self._low, self._high = low - _RANGE_RAD, high + _RANGE_RAD
        step = _JUMP_FACTOR * speed * period_ns * 1e-9 / rows + _JUMP_RAD
        self._allowed = np.where(speed > 0.0, step, np.inf)
        self._rows = rows
        self._period_ns = period_ns
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(path))
        self._door.listen(4)
        self._door.setblocking(False)
        self._link: socket.socket | None = None
        self._decoder = Decoder()
        self._asked_ns = -1
        self._asked_s = 0.0
        self._streaming = False
        self._setpoints: NDArray[np.float64] | None = None
        self._refused: str | None = None
        self._path = np.empty((rows + 1, len(self._joints)))
        self.connections = 0
        self.stops = 0
        self.faults: list[str] = []

    def filenos(self) -> list[int]:
        """The descriptors to wait on."""
        return [self._door.fileno()] + ([self._link.fileno()] if self._link else [])

    @property
    def connected(self) -> bool:
        """Whether a driver is there."""
        return self._link is not None

    def waiting_s(self) -> float | None:
        """For how long the driver has owed setpoints; None if it owes none."""
        if self._link is None or self._asked_ns < 0:
            return None
        return time.monotonic() - self._asked_s

    def tell(self, time_ns: int, state: NDArray[np.float64]) -> None:
        """Send the state of a tick; the driver owes setpoints from here on."""
        self._setpoints = None
        if self._link is not None:
            if self._streaming:
                self._asked_ns, self._asked_s = time_ns, time.monotonic()
            self._send(encode(Kind.STATE, time_ns, state))

    def take(self) -> NDArray[np.float64] | None:
        """The setpoints (k, n) for the coming tick; None to hold."""
        setpoints, self._setpoints = self._setpoints, None
        return setpoints

    def serve(self, ready: Collection[int], time_ns: int, servos: Servos) -> None:
        """Accept and read where one of `filenos` is ready; never blocks."""
        if self._door.fileno() in ready:
            self._accept(time_ns, servos)
        elif self._link is None or self._link.fileno() not in ready:
            return
        if self._link is None:
            return
        try:
            data = self._link.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop()
            return
        try:
            for message in self._decoder.feed(data):
                if message.kind is Kind.STOP:
                    self._stop()
                elif message.kind is Kind.SETPOINTS:
                    self._setpoint(message.time_ns, message.values, servos.setpoint)
                else:
                    raise ProtocolViolation(f"a driver does not send {message.kind.name}")
        except ProtocolViolation as error:
            self._fault("PROTOCOL", str(error))

    def refuse(self, why: str | None) -> None:
        """Take no driver, for a reason (code, space, text), or take one again (None)."""
        self._refused = why
        if why is not None and self._link is not None:
            code, _, what = why.partition(" ")
            self._fault(code, what)

    def drop(self) -> None:
        """Let go of the driver; the arm holds."""
        if self._link is not None:
            self._link.close()
        self._link = None
        self._asked_ns = -1
        self._streaming = False
        self._setpoints = None

    def close(self) -> None:
        """Close and remove the socket."""
        self.drop()
        self._door.close()
        self.path.unlink(missing_ok=True)

    def _accept(self, time_ns: int, servos: Servos) -> None:
        try:
            link, _ = self._door.accept()
        except BlockingIOError:
            return
        self.drop()
        link.setblocking(False)
        self._link = link
        self._decoder = Decoder()
        if self._refused is not None:
            self._send(encode(Kind.FAULT, time_ns, text=self._refused))
            self.drop()
            return
        self._streaming = True
        self.connections += 1
        text = "\n".join([str(self._period_ns), str(self._rows), *self._joints])
        self._send(encode(Kind.HELLO, time_ns, servos.arm_state(), text))

    def _setpoint(
        self, time_ns: int, values: NDArray[np.float64], held: NDArray[np.float64]
    ) -> None:
        if values.shape != (self._rows, len(self._joints)):
            self._fault("SETPOINTS", f"expected {self._rows} rows of {len(self._joints)} numbers")
            return
        if self._streaming and time_ns != self._asked_ns:
            return  # an answer to a state that was overtaken by a stop
        inside = (values >= self._low) & (values <= self._high)  # false for NaN
        if not _ALL(inside, axis=None):
            self._fault("RANGE", f"setpoint outside the range of {self._first(~inside)}")
            return
        path = self._path
        path[0], path[1:] = held, values
        steps = np.abs(path[1:] - path[:-1])
        small = steps <= self._allowed
        if not _ALL(small, axis=None):
            self._fault("JUMP", f"setpoint of {self._first(~small)} jumps by {steps.max():.4f} rad")
            return
        self._setpoints = values
        self._streaming = True
        self._asked_ns = -1

    def _stop(self) -> None:
        self.stops += 1
        self._streaming = False
        self._asked_ns = -1
        self._setpoints = None

    def _fault(self, code: str, what: str) -> None:
        self.faults.append(f"{code} {what}")
        self._send(encode(Kind.FAULT, 0, text=f"{code} {what}"))
        self.drop()

    def _send(self, data: bytes) -> None:
        if self._link is None:
            return
        try:
            self._link.sendall(data)
        except OSError:  # gone, or it has not read for a thousand states
            with suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)
            self.drop()

    def _first(self, bad: NDArray[np.bool_]) -> str:
        return self._joints[int(np.flatnonzero(bad.any(axis=0))[0])]
