"""The one place that asks numba to compile: typed, kept on disk, without Python's lock.

numba keeps machine code next to the sources, and three things about that can run the code of
yesterday, which reads and writes beyond the arrays of today:

* It looks at the file of the function only, yet the functions and constants of other files are
  compiled in. Here the code is kept under a digest of every file of `planners` that the function's
  own file imports, directly or not.
* Two processes that find other sources, or other argument types, number their files alike, and
  one may overwrite what the other's index points to. Here sources do not share files, and the two
  files of a function are written under a lock.
* A process that read its sources before they were changed may write its code after that. Here it
  keeps nothing if a source is not what it was when the process began.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import IndexDataCacheFile

import planners

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_ROOT = Path(planners.__file__).parent
_IMPORT = re.compile(r"^(?:from|import) planners((?:\.\w+)*)(?: import (\w+(?:, \w+)*))?", re.M)
_DIGITS = 16


def compiled(function: Kernel) -> Kernel:
    """Machine code for `function` at its first call with each set of argument types.

    Division by zero gives inf or nan, as in numpy.
    """
    return _kept(numba.njit(cache=True, nogil=True, error_model="numpy")(function), function)


def compiled_inline(function: Kernel) -> Kernel:
    """Likewise, and a part of whatever compiled code calls it: for what takes a few nanoseconds."""
    options: dict[str, Any] = {"forceinline": True, "error_model": "numpy"}
    return _kept(numba.njit(cache=True, nogil=True, **options)(function), function)


def compiled_lean(function: Kernel) -> Kernel:
    """Likewise without numba's run-time: nothing may allocate, and no references are counted.

    Counting those of tables that travel in tuples took four fifths of the time at every call. The
    caller holds the tables until the call is over.
    """
    return _kept(numba.njit(cache=True, nogil=True, _nrt=False)(function), function)


def compiled_into(function: Kernel) -> Kernel:
    """Likewise, and a part of whatever calls it: passing many tables costs more than small work.

    On ft10 a step of the tabu search takes 44 us as usual, 12 us lean and 3 us without calls.
    """
    options: dict[str, Any] = {"forceinline": True, "_nrt": False}
    return _kept(numba.njit(cache=True, nogil=True, **options)(function), function)


def sources(file: Path, root: Path = _ROOT) -> tuple[Path, ...]:
    """The file and every file below `root` (the package `planners`) that it imports, in order.

    Importing from a package counts as importing all of it.
    """
    found: set[Path] = set()
    left = [file]
    while left:
        path = left.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for module, names in _IMPORT.findall(path.read_text(encoding="utf-8")):
            place = root.joinpath(*module.split(".")[1:])
            left.append(place.with_suffix(".py"))
            if place.is_dir() and place != root:
                left.extend(place.glob("*.py"))
            elif place == root:
                left.extend(root / f"{name}.py" for name in names.split(", "))
    return tuple(sorted(found))


def digest(files: tuple[Path, ...]) -> str:
    """A name for what is in the files, and for this numba and Python."""
    hashed = hashlib.sha256(f"{numba.__version__} {sys.implementation.cache_tag}".encode())
    for path in files:
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:_DIGITS]


class KernelFile(IndexDataCacheFile):  # type: ignore[misc]
    """Index and machine code of one function as compiled from one state of its sources."""

    def __init__(self, folder: Path, name: str, files: tuple[Path, ...], stamp: str) -> None:
        super().__init__(str(folder), f"{name}-{stamp}", stamp)
        self._folder = folder
        self._name = name
        self._files = files

    def save(self, key: object, data: object) -> None:
        """Keep machine code, unless it was made from what is no longer there."""
        with (self._folder / f"{self._name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._is_current():
                super().save(key, data)
                self._forget_others()

    def _is_current(self) -> bool:
        try:
            began = planners.BEGAN_NS
            changed = any(path.stat().st_mtime_ns > began for path in self._files)
            return not changed and digest(self._files) == self._source_stamp
        except OSError:
            return False

    def _forget_others(self) -> None:
        own = f"{self._name}-{self._source_stamp}."
        for pattern in (f"{self._name}-*.nbi", f"{self._name}-*.nbc"):
            for path in self._folder.glob(pattern):
                if not path.name.startswith(own):
                    path.unlink(missing_ok=True)


@cache
def _stamped(file: Path) -> tuple[tuple[Path, ...], str]:
    files = sources(file)
    return files, digest(files)


def _kept(dispatcher: Any, function: Kernel) -> Kernel:
    # numba offers no public way to say what a cached function depends on. With NUMBA_DISABLE_JIT
    # there is no dispatcher, and where no folder can be written, no cache.
    kept: Any = getattr(dispatcher, "_cache", None)
    if getattr(kept, "_cache_file", None) is not None:
        files, stamp = _stamped(Path(function.__code__.co_filename).resolve())
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        kept._cache_file = KernelFile(Path(kept.cache_path), name, files, stamp)
    return cast(Kernel, dispatcher)
