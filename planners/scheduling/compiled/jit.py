"""The one decorator for compiled functions: no interpreter lock, machine code kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

_FOLDER = Path(__file__).parent


def _drop_stale_code() -> None:
    """Forget machine code that is older than any source here.

    numba looks only at the file of the function itself, but callees are compiled into it.
    """
    newest = max(path.stat().st_mtime for path in _FOLDER.glob("*.py"))
    for index in (_FOLDER / "__pycache__").glob("*.nbi"):
        try:
            if index.stat().st_mtime < newest:
                index.unlink(missing_ok=True)
        except OSError:  # another process was faster, or the folder is not ours to change
            continue


_drop_stale_code()


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, or load what an earlier process compiled.

    Without numba's run-time (`_nrt`) nothing here can allocate, and nothing counts references:
    counting those of the tables at every call took four fifths of the time.
    """
    wrapped: Callable[P, R] = numba.njit(cache=True, nogil=True, _nrt=False)(function)
    return wrapped
