"""What a process does to run in real time, as far as it is permitted (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from typing import Final

from robot_cell.execution.loop_statistics import FIFO, FROZEN, LOCKED

FIFO_PRIORITY: Final = 20
"""Above everything that is not real-time, below the kernel's own threads (50)."""

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def prefer_real_time() -> int:
    """Freeze the garbage collector, lock memory and ask for SCHED_FIFO; which were granted.

    Memory is locked as it comes into use: what a process never touches takes no room.
    """
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
