"""The motion epoch of a cell: one number that all of its processes read, and that only grows.

Every stop, every fault, every change of mode and every start of the cell's controller begins a
new one; what was asked in an older epoch is void. The page is a file of the run directory, so the
number outlives its writer.

A goal for an arm carries the epoch in which it was permitted. `FollowJointTrajectory` has no field
for it, and a trajectory in joint space no use for `header.frame_id`: it is written there. A
vendor's controller passes over it, and is fenced by the cancelled goal alone.

Beside it stands until when a motion may go on that runs only while somebody holds a button.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

_WORD: Final = struct.Struct("<Q")
_HELD_AT: Final = _WORD.size
_PREFIX: Final = "epoch:"


def written(epoch: int) -> str:
    """An epoch as the `frame_id` of a goal."""
    return f"{_PREFIX}{epoch}"


def read(frame_id: str) -> int | None:
    """The epoch that a goal carries; None if it carries none, as the goals of other clients."""
    number = frame_id.removeprefix(_PREFIX)
    if number == frame_id or not (number.isascii() and number.isdecimal()):
        return None
    return int(number)


class EpochPage:
    """The mapped number of a cell; the cell's controller is its only writer."""

    def __init__(self, run_dir: Path, cell: str) -> None:
        path = run_dir / "epochs" / f"{cell}.page"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size < mmap.PAGESIZE:
                os.ftruncate(file, mmap.PAGESIZE)
            self._map = mmap.mmap(file, mmap.PAGESIZE)
        finally:
            os.close(file)

    def current(self) -> int:
        """The epoch that holds now; 0 before the first controller."""
        return int(_WORD.unpack_from(self._map, 0)[0])

    def enter(self, epoch: int) -> None:
        """Begin an epoch; an older one than the present changes nothing."""
        _WORD.pack_into(self._map, 0, max(epoch, self.current()))

    def hold_until(self, monotonic_ns: int) -> None:
        """From now on a motion goes on until that instant of CLOCK_MONOTONIC at most; 0: freely."""
        _WORD.pack_into(self._map, _HELD_AT, monotonic_ns)

    def overdue(self) -> bool:
        """Whether what moves was to be held to run, and no longer is."""
        until_ns = int(_WORD.unpack_from(self._map, _HELD_AT)[0])
        return 0 < until_ns < time.monotonic_ns()

    def close(self) -> None:
        """Unmap the page; the number stays."""
        self._map.close()
