"""Lists of ids for `IN`, in few lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

_LENGTHS: Final = (1, 8, 64, 512)


def id_lists(ids: Iterable[str]) -> Iterator[list[str]]:
    """So many ids at once as a statement may have; the last of them is there more than once.

    Each length is a statement of its own, which the driver keeps for each connection: of five
    hundred lengths some megabytes.
    """
    left = iter(ids)
    while some := list(islice(left, _LENGTHS[-1])):
        length = next(one for one in _LENGTHS if one >= len(some))
        yield some + some[-1:] * (length - len(some))
