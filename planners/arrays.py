"""The one array type of the planners: float64, shape named in each docstring."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def plain(values: Array) -> Array:
    """The values as a contiguous, writable array: the one kind that kernels are compiled for."""
    array = np.ascontiguousarray(values, dtype=float)
    return array if array.flags.writeable else array.copy()
