"""Lists of ids for `IN`, in few lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

_LENGTHS: Final = (1, 8, 64, 512)
FEW: Final = 64
"""So many orders are read at once with all their operations."""


def id_lists(ids: Iterable[str], most: int = _LENGTHS[-1]) -> Iterator[list[str]]:
    """So many ids at once as a statement may have; the last of them is there more than once.

    Each length is a statement of its own, which the driver keeps for each connection: of five
    hundred lengths some megabytes.
    """
    left = iter(ids)
    while some := list(islice(left, most)):
        length = next(one for one in _LENGTHS if one >= len(some))
        yield some + some[-1:] * (length - len(some))
