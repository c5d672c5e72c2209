"""Bytes over one serial port: exclusive, with deadlines, and back by itself after a loss.

The only user of pyserial. pyserial finds, locks and configures the port; reading and writing wait
in `poll` on its file descriptor, because pyserial's own time-outs are relative and each change of
one reconfigures the port.
"""

from __future__ import annotations

import errno
import os
import select
import termios
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import serial

from drivers.errors import DriverError

__all__ = [
    "ByteLink",
    "LinkCounters",
    "LinkDown",
    "LinkError",
    "LinkInUse",
    "LinkTimeout",
    "SerialLink",
    "connected_ports",
]

_CHUNK: Final = 4096
_DISCARD_AT_MOST: Final = 16 * _CHUNK
_FIRST_BACK_OFF_S: Final = 0.05
_LONGEST_BACK_OFF_S: Final = 1.0
_PARITIES: Final = {
    "none": serial.PARITY_NONE,
    "even": serial.PARITY_EVEN,
    "odd": serial.PARITY_ODD,
}
_BY_ID: Final = Path("/dev/serial/by-id")
"""Where udev names converters by maker, model and serial number."""

_LOST: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class LinkError(DriverError):
    """A serial port cannot be used now; `port`, `what` and `to_do` say which, why, and the cure."""

    def __init__(self, port: str, what: str, to_do: str) -> None:
        self.port = port
        self.what = what
        self.to_do = to_do
        super().__init__(f"serial port {port}: {what}. {to_do}")


class LinkDown(LinkError):
    """The port cannot be opened, or was lost; a later call opens it again."""


class LinkInUse(LinkDown):
    """Another process holds the port."""


class LinkTimeout(LinkError):
    """The deadline passed before bytes came, or before they could be handed to the port."""


@dataclass
class LinkCounters:
    """What happened on a port since it was made."""

    opened: int = 0
    failed_opens: int = 0
    lost: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    bytes_discarded: int = 0


class ByteLink(Protocol):
    """A line that carries bytes both ways; deadlines are instants of its own clock."""

    @property
    def port(self) -> str:
        """The line's name, for messages."""

    @property
    def baudrate(self) -> int:
        """Bits per second, for the time that a frame takes on the wire."""

    @property
    def generation(self) -> int:
        """How often the line was opened: another value means that the far end may be another."""

    def now_s(self) -> float:
        """The line's clock; monotonic."""

    def write(self, data: bytes, deadline_s: float) -> None:
        """Hand all of `data` to the line.

        Raises:
            LinkTimeout: the deadline passed first.
            LinkDown: there is no line.
        """

    def read(self, deadline_s: float) -> bytes:
        """Wait for at least one byte.

        Raises:
            LinkTimeout: the deadline passed first.
            LinkDown: there is no line.
        """

    def discard_input(self) -> None:
        """Forget what has arrived so far.

        Raises:
            LinkDown: there is no line.
        """


def connected_ports() -> list[str]:
    """Paths of the serial converters that are plugged in, each the same in whichever socket."""
    return sorted(str(path) for path in _BY_ID.glob("*"))


class SerialLink:
    """A serial port that is opened when first used, and opened again when it was lost.

    A failed opening is repeated no sooner than after 0.05 s, then 0.1 s and so on up to 1 s; calls
    in between fail at once with the same error, so that nobody waits for a cable.

    Args:
        port: its path. `/dev/serial/by-id/...` stays the same wherever a converter is plugged in.
        baudrate: bits per second.
        parity: `none`, `even` or `odd`.

    One call at a time: another thread's `close` waits for the end of a running one.
    """

    def __init__(self, port: str, baudrate: int = 115_200, parity: str = "none") -> None:
        self._port = port
        self._parity = _PARITIES[parity]
        self._baudrate = baudrate
        self._serial: serial.Serial | None = None
        self._fd = -1
        self._closed = False
        self._one_call = threading.Lock()
        self._retry_at_s = 0.0
        self._back_off_s = _FIRST_BACK_OFF_S
        self._last_error: LinkDown | None = None
        self.counters = LinkCounters()

    @property
    def port(self) -> str:
        """The path of the port."""
        return self._port

    @property
    def baudrate(self) -> int:
        """Bits per second."""
        return self._baudrate

    @property
    def generation(self) -> int:
        """How often the port was opened."""
        return self.counters.opened

    @property
    def is_open(self) -> bool:
        """Whether the port was there when it was last used."""
        return self._serial is not None

    def now_s(self) -> float:
        """Monotonic time."""
        return time.monotonic()

    def open(self) -> None:
        """Open the port now if it is not open and its back-off is over; also after `close`.

        Raises:
            LinkInUse: another process holds it.
            LinkDown: it is not there, or may not be opened.
        """
        with self._one_call:
            self._closed = False
            self._open()

    def _open(self) -> None:
        if self._serial is not None:
            return
        if self._closed:
            raise LinkDown(self._port, "closed by this program", "Open it before using it again.")
        now_s = self.now_s()
        if self._last_error is not None and now_s < self._retry_at_s:
            raise self._last_error.with_traceback(None)
        try:
            opened = serial.Serial(
                self._port, self._baudrate, parity=self._parity, timeout=0, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            self.counters.failed_opens += 1
            self._retry_at_s = now_s + self._back_off_s
            self._back_off_s = min(2.0 * self._back_off_s, _LONGEST_BACK_OFF_S)
            self._last_error = self._why_not_open(error)
            raise self._last_error from error
        # USB converters hold bytes back for 16 ms unless asked not to; other ports cannot.
        with suppress(OSError, ValueError, NotImplementedError):
            opened.set_low_latency_mode(True)
        self._serial = opened
        self._fd = opened.fileno()
        self._back_off_s = _FIRST_BACK_OFF_S
        self._last_error = None
        self.counters.opened += 1

    def close(self) -> None:
        """Let go of the port and its lock, for good unless `open` is called; may be repeated."""
        with self._one_call:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._serial is not None:
            with suppress(OSError):
                self._serial.close()
        self._serial = None
        self._fd = -1

    def write(self, data: bytes, deadline_s: float) -> None:
        """Hand all of `data` to the port.

        Raises:
            LinkTimeout: the port took too few bytes before the deadline.
            LinkDown: the port is not there.
        """
        left = memoryview(data)
        with self._one_call:
            self._open()
            while left:
                self._wait(select.POLLOUT, deadline_s, f"{len(left)} bytes were not sent in time")
                try:
                    sent = os.write(self._fd, left)
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise self._lose(error.strerror) from error
                self.counters.bytes_out += sent
                left = left[sent:]

    def read(self, deadline_s: float) -> bytes:
        """Wait for bytes; at least one, at most what is there.

        Raises:
            LinkTimeout: none came before the deadline.
            LinkDown: the port is not there.
        """
        with self._one_call:
            self._open()
            while True:
                self._wait(select.POLLIN, deadline_s, "no bytes came in time")
                data = self._read_now()
                if data:
                    self.counters.bytes_in += len(data)
                    return data

    def discard_input(self) -> None:
        """Forget what has arrived so far; bounded, even if bytes come without end.

        Raises:
            LinkDown: the port is not there.
        """
        discarded = 0
        with self._one_call:
            self._open()
            while discarded < _DISCARD_AT_MOST:
                data = self._read_now()
                if not data:
                    break
                discarded += len(data)
            self.counters.bytes_discarded += discarded

    def _read_now(self) -> bytes:
        """What is there, or nothing."""
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lose(error.strerror) from error
        # In raw mode (VMIN 0) an empty read says that nothing is there, or that the port hung up.
        if not data and self._poll(0, select.POLLIN) & _LOST:
            raise self._lose("hung up")
        return data

    def _wait(self, event: int, deadline_s: float, what: str) -> None:
        left_s = deadline_s - self.now_s()
        seen = self._poll(left_s, event) if left_s > 0.0 else 0
        if seen & event:
            return
        if seen & _LOST:
            raise self._lose("hung up")
        raise LinkTimeout(self._port, what, "Check that the device is powered and wired.")

    def _poll(self, timeout_s: float, event: int) -> int:
        poller = select.poll()
        poller.register(self._fd, event)
        seen = poller.poll(timeout_s * 1e3)
        return seen[0][1] if seen else 0

    def _lose(self, what: str | None) -> LinkDown:
        self.counters.lost += 1
        self._let_go()
        return LinkDown(
            self._port,
            f"lost ({what})",
            "Check the cable and the converter; it is opened again by itself.",
        )

    def _why_not_open(self, error: Exception) -> LinkDown:
        number = getattr(error, "errno", None)
        if number in (errno.EAGAIN, errno.EBUSY):
            return LinkInUse(
                self._port,
                "another process holds it",
                f"Stop that process (`fuser {self._port}` names it).",
            )
        if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
            return LinkDown(
                self._port,
                "it does not exist",
                "Plug the converter in, or correct the port in the plant file; "
                f"connected now: {', '.join(connected_ports()) or 'none'}.",
            )
        if number == errno.EACCES:
            return LinkDown(
                self._port,
                "may not be opened",
                "Add the user to the group that owns it (`ls -l` shows the group).",
            )
        return LinkDown(self._port, str(error), "Check the port in the plant file.")
