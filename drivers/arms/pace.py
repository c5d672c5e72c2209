"""Absolute deadlines, for arms that have no clock of their own to wait for."""

from __future__ import annotations

import ctypes
import time
from typing import Final

_MONOTONIC: Final = 1
_ABSOLUTE: Final = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


_libc = ctypes.CDLL(None)


class Pace:
    """Wakes its caller every `period_ns` of CLOCK_MONOTONIC; lateness never adds up.

    A period that has been missed as a whole is left out: a loop that hung does not catch up in a
    burst of setpoints.
    """

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.due_ns = time.monotonic_ns()
        self.missed = 0
        self._until = _Timespec()

    def begin(self) -> None:
        """The next deadline is one period from now."""
        self.due_ns = time.monotonic_ns()

    def wait(self) -> int:
        """Sleep until the next deadline; the instant of waking, ns."""
        self.due_ns += self.period_ns
        behind_ns = time.monotonic_ns() - self.due_ns
        if behind_ns >= self.period_ns:
            left_out = behind_ns // self.period_ns
            self.missed += left_out
            self.due_ns += left_out * self.period_ns
        until = self._until
        until.seconds, until.nanoseconds = divmod(self.due_ns, 1_000_000_000)
        # Returns at once where the deadline has passed, and early when a signal comes.
        while _libc.clock_nanosleep(_MONOTONIC, _ABSOLUTE, ctypes.byref(until), None) != 0:
            pass
        return time.monotonic_ns()
