"""What a process does to run in real time, as far as it is permitted (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
from typing import Final

from robot_cell.execution.loop_statistics import FIFO, FROZEN, LOCKED

FIFO_PRIORITY: Final = 20
"""Above everything that is not real-time, below the kernel's own threads (50)."""

KEPT_BYTES: Final = 8 << 20
"""Memory that is mapped before the loop begins: the tables of a motion of three seconds."""

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def prefer_real_time() -> int:
    """Freeze the garbage collector, lock memory and ask for SCHED_FIFO; which were granted.

    Memory is locked as it comes into use: what a process never touches takes no room. What is freed
    is kept for what is needed next: to give it back and to fetch it anew costs a page fault a page.
    """
    _keep_freed_memory()
    gc.collect()
    gc.freeze()
    gc.disable()
    granted = FROZEN
    with contextlib.suppress(OSError, AttributeError):
        if ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
            granted |= LOCKED
    with contextlib.suppress(PermissionError, AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
        granted |= FIFO
    return granted


def _keep_freed_memory() -> None:
    """Tell the C library (glibc; others have no such choice) to keep what is freed, and get some.

    These are the settings that mallopt(3) names for it.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, -1)
        block = bytearray(KEPT_BYTES)
        block[:: mmap.PAGESIZE] = bytes(KEPT_BYTES // mmap.PAGESIZE)  # no page is there untouched
