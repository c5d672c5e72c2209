"""Wakes simulators that wait for leave to go on: a datagram to whoever looks at the time page.

The page alone would have to be polled. A poke carries nothing and may be lost or come for nothing:
the page stays the truth, and who waits looks at it again after a few milliseconds anyhow.
Addresses are abstract Unix sockets (unix(7)), named after the page, so nothing is left behind.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from drivers.time_page import TimePage

_AT_ONCE = 64


def _address(page: TimePage, index: int) -> str:
    device, inode = page.identity
    return f"\0robot_cell.{device:x}.{inode:x}.{index}"


class Bell:
    """Where one simulator is woken; without a name of its own (taken) it is just silent."""

    def __init__(self, page: TimePage, index: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with contextlib.suppress(OSError):
            self._socket.bind(_address(page, index))

    def fileno(self) -> int:
        """For select: readable after a poke."""
        return self._socket.fileno()

    def clear(self) -> None:
        """Forget the pokes so far; look at the page after this, not before."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                self._socket.recv(1)

    def close(self) -> None:
        """Be woken no longer."""
        self._socket.close()

    __del__ = close


class Poker:
    """Wakes simulators by the indices of their slots."""

    def __init__(self, page: TimePage) -> None:
        self._page = page
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def poke(self, simulators: Iterable[int]) -> None:
        """Wake these, as far as they are there and have not been poked enough already."""
        for index in simulators:
            with contextlib.suppress(OSError):
                self._socket.sendto(b"!", _address(self._page, index))

    def close(self) -> None:
        """Wake nobody any more."""
        self._socket.close()

    __del__ = close
