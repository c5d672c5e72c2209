"""How far ahead the calendars have to be known so that all work surely fits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from planners.scheduling import FOREVER_MS, Cell
from robot_cell.model import Plant, unavailable

_WEEK_MS: Final = 7 * 24 * 3_600_000


def closed_cells(plant: Plant, start: datetime, from_ms: int, to_ms: int) -> tuple[Cell, ...]:
    """The plant's cells with the times within [from_ms, to_ms) in which they do not work."""

    def at(ms: int) -> datetime:
        return start + timedelta(milliseconds=ms)

    def ms(instant: datetime) -> int:
        return (instant - start) // timedelta(milliseconds=1)

    zone: ZoneInfo = plant.zone
    return tuple(
        Cell(
            name,
            tuple(
                # Rounded outwards: what is closed for a part of a millisecond is closed.
                (ms(opens), -(-((closes - start) // timedelta(microseconds=1)) // 1000))
                for opens, closes in unavailable(cell.calendar, zone, at(from_ms), at(to_ms))
            ),
        )
        for name, cell in plant.cells.items()
    )


def windows(cell: Cell, from_ms: int, to_ms: int) -> list[int]:
    """Lengths of the times in which a cell is open."""
    lengths: list[int] = []
    at = from_ms
    for start, end in cell.unavailable:
        if end <= at:
            continue
        if start > at:
            lengths.append(min(start, to_ms) - at)
        at = max(at, end)
    if at < to_ms:
        lengths.append(to_ms - at)
    return lengths


def suffices(cell: Cell, from_ms: int, to_ms: int, durations_ms: Sequence[int]) -> bool:
    """Whether a cell could do all this work one after the other, however badly it is cut.

    In each open time at most the length of the longest operation is lost at its end.
    """
    if not durations_ms:
        return True
    longest = max(durations_ms)
    usable = sum(max(0, length - longest + 1) for length in windows(cell, from_ms, to_ms))
    return usable >= sum(durations_ms)


def sufficient_end_ms(
    plant: Plant,
    start: datetime,
    from_ms: int,
    latest_ms: int,
    durations_by_cell: Sequence[Sequence[int]],
) -> int | None:
    """An end of the horizon by which all work surely fits after the last release, if there is one.

    Every cell is asked whether it could do everything that it may have to do; None says that some
    cell could not within `FOREVER_MS`.
    """
    length = _WEEK_MS
    while True:
        end = min(latest_ms + length, FOREVER_MS)
        cells = closed_cells(plant, start, from_ms, end)
        if all(
            suffices(cell, latest_ms, end, durations)
            for cell, durations in zip(cells, durations_by_cell, strict=True)
        ):
            return end
        if end == FOREVER_MS:
            return None
        length *= 4
