"""A pool's process ends with whoever started it, even where that is killed.

Left alone it would wait for work for ever: it holds both ends of the pipe that work comes through.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def end_with_owner() -> None:
    """In a process of a pool, as its initializer or in it: end when the owner has ended."""
    owner = multiprocessing.parent_process()
    if owner is None:
        return  # called by the owner itself

    def watch() -> None:
        wait([owner.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="owner", daemon=True).start()
