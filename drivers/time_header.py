"""The head of the page of `drivers.time_page`: what holds for the whole plant."""

from __future__ import annotations

import struct
from typing import Final

MAGIC: Final = 0x35454D4954435230  # "0RCTIME5", little endian
HEADER_BYTES: Final = 128

H_MAGIC, H_SLOTS, H_START, H_SPEED, H_EXPECTED, H_HELD, H_BEGUN = range(7)
"""Indices of the 64-bit words."""


class TimeHeader:
    """The words of the head by name.

    Args:
        words: of the page.
    """

    def __init__(self, words: memoryview[int]) -> None:
        self._words = words

    @property
    def start_unix_ns(self) -> int:
        """The instant of plant time 0, nanoseconds since the Unix epoch."""
        return self._words[H_START]

    @start_unix_ns.setter
    def start_unix_ns(self, value: int) -> None:
        self._words[H_START] = value

    @property
    def speed(self) -> float:
        """Plant seconds per wall second; 0 is as fast as the machine allows."""
        return struct.unpack("<d", struct.pack("<q", self._words[H_SPEED]))[0]  # type: ignore[no-any-return]

    @speed.setter
    def speed(self, value: float) -> None:
        self._words[H_SPEED] = struct.unpack("<q", struct.pack("<d", value))[0]

    @property
    def expected(self) -> int:
        """How many participants must have come before the first tick."""
        return self._words[H_EXPECTED]

    @expected.setter
    def expected(self, value: int) -> None:
        self._words[H_EXPECTED] = value

    @property
    def held(self) -> bool:
        """True while somebody has stopped time for the whole plant."""
        return bool(self._words[H_HELD])

    @held.setter
    def held(self, value: bool) -> None:
        self._words[H_HELD] = int(value)

    @property
    def slot_count(self) -> int:
        """Number of slots handed out so far."""
        return self._words[H_SLOTS]

    @property
    def begun(self) -> bool:
        """Whether all expected participants have come: the first tick was allowed."""
        return bool(self._words[H_BEGUN])

    @begun.setter
    def begun(self, value: bool) -> None:
        self._words[H_BEGUN] = int(value)
