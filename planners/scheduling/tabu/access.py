"""Reads and writes single numbers of the kernel's arrays, without the detour for negative indices.

An index from the end is legal in Python, so compiled code asks at every access whether the index
is negative. Links between operations may be (NONE, MANY), yet are followed only after that was
asked; an unsigned index says so, and halves the cost of passing over a plan (5.8 to 2.7 ns an
operation). Uncompiled, an index that is negative after all raises.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.arrays import SHIFT, Int32


@compiled
def of(rows: Int32, v: int, column: int) -> int:
    """A number in the row of operation v."""
    return int(rows[(np.uint64(v) << np.uint64(SHIFT)) + np.uint64(column)])


@compiled
def put(rows: Int32, v: int, column: int, number: int) -> None:
    """Write a number into the row of operation v."""
    rows[(np.uint64(v) << np.uint64(SHIFT)) + np.uint64(column)] = number


@compiled
def nth(array: npt.NDArray[np.integer], i: int) -> int:
    """The i-th number of an array."""
    return int(array[np.uint64(i)])
