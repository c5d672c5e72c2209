"""When a cell is busy, and the earliest gap into which an operation still fits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from planners.scheduling.problem import FOREVER_MS


class Timeline:
    """The busy intervals of one cell: sorted, disjoint, half-open, in ms."""

    def __init__(self, blocked: tuple[tuple[int, int], ...]) -> None:
        self._starts = [start for start, _ in blocked]
        self._ends = [end for _, end in blocked]

    def earliest_start(self, ready_ms: int, duration_ms: int) -> int | None:
        """First start from ``ready_ms`` on that is free for ``duration_ms``; None if none is."""
        start = ready_ms
        # Ends are sorted as well as starts: the first interval that could be in the way is the
        # first that ends after the wanted start.
        for i in range(bisect_right(self._ends, start), len(self._starts)):
            if start + duration_ms <= self._starts[i]:
                return start
            start = self._ends[i]
        return start if start + duration_ms <= FOREVER_MS else None

    def occupy(self, start_ms: int, end_ms: int) -> None:
        """Mark an interval that is known to be free as busy."""
        i = bisect_left(self._starts, start_ms)
        self._starts.insert(i, start_ms)
        insort(self._ends, end_ms)
