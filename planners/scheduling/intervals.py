"""Times, sets of times, and how both are checked: integer milliseconds, half-open intervals."""

from __future__ import annotations

from planners.scheduling.errors import ProblemError

FOREVER_MS = 10 * 365 * 24 * 3_600_000
"""The end of time (ten years). A calendar that is closed until then never opens again."""

Intervals = tuple[tuple[int, int], ...]
"""Half-open ``[start, end)`` in ms; merged ones are sorted, disjoint, and do not touch."""


def check_time(
    value: object, what: str, *, job: str | None = None, operation: str | None = None
) -> None:
    """Raise `ProblemError` unless the value is whole milliseconds within ``0..FOREVER_MS``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProblemError(
            f"{what} must be whole milliseconds, not {value!r}", job=job, operation=operation
        )
    if not 0 <= value <= FOREVER_MS:
        raise ProblemError(
            f"{what} is {value} ms, outside 0..{FOREVER_MS}", job=job, operation=operation
        )


def checked_intervals(intervals: Intervals, what: str) -> Intervals:
    """The same set of times, merged.

    Raises:
        ProblemError: An interval is empty, reversed or outside ``0..FOREVER_MS``.
    """
    for start, end in intervals:
        for value in (start, end):
            check_time(value, what)
        if start >= end:
            raise ProblemError(f"{what}: [{start}, {end}) is empty or reversed")
    return merge_intervals(intervals)


def merge_intervals(intervals: Intervals) -> Intervals:
    """The same set of times as sorted, disjoint intervals that do not touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)
