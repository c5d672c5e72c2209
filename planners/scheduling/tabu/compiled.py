"""Compiles the kernel's functions: machine code on disk, and no lock while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile with numba at the first call; cached on disk, releases the interpreter's lock."""
    jitted: _Function = numba.njit(cache=True, nogil=True, _nrt=False, forceinline=True)(function)
    return jitted
