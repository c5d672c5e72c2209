"""Long spans of time in parts: as much is read at once as a few thousand operations are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from robot_cell.gateway.kpis import Elements, tell_slowness
from robot_cell.gateway.spans import Span

MOST_ENDED: Final = 5_000
"""So many operations that have ended are looked at at once."""


def parts_of(
    edges: Sequence[int], count: Callable[[Span], int], most: int = MOST_ENDED
) -> Iterator[Span]:
    """Parts of a span, in order, in none of which more has ended than that, where edges let it.

    Args:
        edges: where it may be cut, rising; the first is its begin and the last its end.
        count: how many operations have ended in a part.
        most: how many may have.
    """
    if len(edges) <= 2 or count((edges[0], edges[-1])) <= most:
        yield edges[0], edges[-1]
        return
    middle = len(edges) // 2
    yield from parts_of(edges[: middle + 1], count, most)
    yield from parts_of(edges[middle:], count, most)


def joined(one: Elements, after: Elements) -> Elements:
    """The elements of two spans that follow on each other: what goes on over the cut is one."""
    found = Elements()
    found.add(one)
    found.add(after)
    if one.units is not None or after.units is not None:
        found.units = (one.units or 0) + (after.units or 0)
    for cause in dict.fromkeys((*one.losses, *after.losses)):
        first, then = one.losses.get(cause, (0, 0)), after.losses.get(cause, (0, 0))
        opens, goes_on = one.edges.get(cause, (False, False))
        went_on, closes = after.edges.get(cause, (False, False))
        found.losses[cause] = first[0] + then[0], first[1] + then[1] - (goes_on and went_on)
        found.edges[cause] = opens, closes
    tell_slowness(found)
    return found
