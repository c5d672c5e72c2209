"""Whether machine code is there, so that nobody is surprised by the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def is_kept(function: Callable[..., Any]) -> bool:
    """Whether a compiled function can be called without compiling it first.

    Its code is in memory or on disk. Where no code can be kept on disk, or nothing is compiled at
    all (``NUMBA_DISABLE_JIT``), there is nothing to wait for.
    """
    if getattr(function, "signatures", ()):
        return True
    cache_file: Any = getattr(getattr(function, "_cache", None), "_cache_file", None)
    return cache_file is None or Path(cache_file._index_path).is_file()


def are_kept(functions: Iterable[Callable[..., Any]]) -> bool:
    """Whether none of them has to be compiled."""
    return all(is_kept(function) for function in functions)
