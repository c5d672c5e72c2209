"""The one place that asks numba to compile: typed, cached on disk, without Python's lock."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

import planners

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_ROOT = Path(planners.__file__).parent


def compiled(function: Kernel) -> Kernel:
    """Machine code for `function` at its first call with each set of argument types.

    Division by zero gives inf or nan, as in numpy. numba keeps the code on disk and compiles anew
    when the file of the function itself changes. Kernels here call kernels of other files and use
    their constants, so the code is kept for the function's file and all that it imports of ours.
    """
    dispatcher: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    # numba offers no public way to say what a cached function depends on.
    module = sys.modules[function.__module__]
    assert module.__file__ is not None
    dispatcher._cache._cache_file._source_stamp = _stamp(Path(module.__file__))
    return cast(Kernel, dispatcher)


def _stamp(path: Path) -> str:
    """Digest of a file of this package and of every file of it that it imports, directly or not."""
    files, todo = {path}, [path]
    while todo:
        new = [used for used in _imported(todo.pop()) if used not in files]
        files.update(new)
        todo += new
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    found: list[Path] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("planners."):
            parts = node.module.split(".")[1:]
            names = [_ROOT.joinpath(*parts, alias.name).with_suffix(".py") for alias in node.names]
            names.append(_ROOT.joinpath(*parts).with_suffix(".py"))
            # This file only asks for the compilation: it changes no code.
            found += [name for name in names if name.is_file() and name != Path(__file__)]
    return tuple(found)
