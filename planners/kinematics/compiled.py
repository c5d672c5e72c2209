"""The one place that asks numba to compile: typed, cached on disk, without Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Machine code for `function` at its first call with each set of argument types.

    Division by zero gives inf or nan, as in numpy.
    """
    dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast(Kernel, dispatcher)
