"""When a cell is busy, and the earliest gap into which an operation still fits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

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
        # At the end of all time nothing begins, not even what takes none.
        return start if start < FOREVER_MS and start + duration_ms <= FOREVER_MS else None

    def earliest(
        self, ready_ms: int, duration_ms: int, interruptible: bool
    ) -> tuple[int, int] | None:
        """First start and its end; an interruptible operation goes on after what is in the way."""
        if not interruptible:
            start = self.earliest_start(ready_ms, duration_ms)
            return None if start is None else (start, start + duration_ms)
        start = self.earliest_start(ready_ms, 1)
        if start is None:
            return None
        end = start + duration_ms
        for i in range(bisect_right(self._ends, start), len(self._starts)):
            if self._starts[i] >= end:
                break
            end += self._ends[i] - self._starts[i]
        return (start, end) if end <= FOREVER_MS else None

    def occupy(self, start_ms: int, end_ms: int) -> None:
        """Mark an interval that is known to be free as busy."""
        starts, ends = self._starts, self._ends
        i = bisect_left(starts, start_ms)
        touches_before = i > 0 and ends[i - 1] == start_ms
        touches_after = i < len(starts) and starts[i] == end_ms
        # Intervals that touch are joined: a full cell is one interval, and gaps are found at once.
        if touches_before and touches_after:
            ends[i - 1] = ends.pop(i)
            del starts[i]
        elif touches_before:
            ends[i - 1] = end_ms
        elif touches_after:
            starts[i] = start_ms
        else:
            starts.insert(i, start_ms)
            ends.insert(i, end_ms)
