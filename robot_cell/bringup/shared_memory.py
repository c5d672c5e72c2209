"""Takes away what killed ROS 2 processes leave behind in shared memory.

Fast DDS keeps a segment per participant and one per port, each with a lock file that its owner
holds (`flock`) for as long as it lives. A process that is killed leaves all of it. A segment is
removed only if its lock is free and no living process has it mapped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

SHM: Final = Path("/dev/shm")
_SEGMENT_PREFIXES: Final = ("fastdds_", "fastrtps_")
_TRACING_PREFIX: Final = "lttng-ust-wait-"
_LOCK_SUFFIXES: Final = ("_el", "_sl")


def entries(folder: Path = SHM) -> frozenset[str]:
    """What is in shared memory now."""
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def sweep(before: Collection[str], folder: Path = SHM) -> list[str]:
    """Remove ownerless segments of Fast DDS, and of its tracing those that are not in `before`.

    Returns:
        The names that were removed.
    """
    names = entries(folder)
    mapped = _mapped(folder)
    bases = {
        name
        for name in names
        if name.startswith(_SEGMENT_PREFIXES) and not name.endswith(_LOCK_SUFFIXES)
    }
    bases |= {
        name[: -len(suffix)]
        for name in names
        for suffix in _LOCK_SUFFIXES
        if name.startswith(_SEGMENT_PREFIXES) and name.endswith(suffix)
    }
    removed: list[str] = []
    for base in bases:
        locks = [base + suffix for suffix in _LOCK_SUFFIXES if base + suffix in names]
        if base in mapped or any(_held(folder / lock) for lock in locks):
            continue
        removed += [name for name in (base, *locks, f"sem.{base}_mutex") if _unlink(folder / name)]
    removed += [
        name
        for name in names
        if name.startswith(_TRACING_PREFIX)
        and name not in before
        and name not in mapped
        and _unlink(folder / name)
    ]
    return sorted(removed)


def _mapped(folder: Path) -> set[str]:
    found: set[str] = set()
    prefix = f"{folder}/"
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                for line in (process / "maps").read_text(errors="replace").splitlines():
                    at = line.find(prefix)
                    if at >= 0:
                        found.add(line[at + len(prefix) :].removesuffix(" (deleted)"))
    return found


def _held(lock: Path) -> bool:
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
