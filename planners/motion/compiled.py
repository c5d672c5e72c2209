"""The one place of this room that asks numba to compile: typed, kept on disk, without the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Machine code for `function` at its first call with each set of argument types."""
    return cast(Kernel, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
