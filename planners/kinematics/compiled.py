"""The one place that asks numba to compile: typed, cached on disk, without Python's lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(function: Kernel) -> Kernel:
    """Machine code for `function` at its first call with each set of argument types.

    Division by zero gives inf or nan, as in numpy. numba keeps the code on disk and compiles anew
    when the file of the function itself changes. Kernels here call kernels of other files and use
    their constants, so the code is kept for the sources of the whole package instead.
    """
    dispatcher: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    # numba offers no public way to say what a cached function depends on.
    dispatcher._cache._cache_file._source_stamp = _sources()
    return cast(Kernel, dispatcher)


@cache
def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
