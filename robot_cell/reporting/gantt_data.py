"""What a Gantt chart shows, independent of where it comes from (a plan, a run, a journal)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

ORDER_COLOURS = (
    "#4e79a7",
    "#e0893a",
    "#59a14f",
    "#b07aa1",
    "#d9626b",
    "#479d97",
    "#c4a233",
    "#8a6d5b",
    "#7288c9",
    "#8fae3c",
    "#c76f9e",
    "#6f7f8c",
)
"""Quiet colours of like lightness, after the Tableau 10 palette; readable under black or white."""

AXIS_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * m for m in (1, 2, 5, 10, 15, 30)),
    *(3600 * h for h in (1, 2, 3, 6, 12)),
    *(86400 * d for d in (1, 2, 7, 14, 28, 91, 364)),
)
"""Distances of axis marks that people read without effort."""


@dataclass(frozen=True, slots=True)
class GanttBar:
    """One operation of one work unit on one cell. Times are seconds after the chart's start.

    ``setup_s`` is the length of the setup right before the planned start; ``frozen`` work can no
    longer change.
    """

    cell: str
    order_id: str
    unit: int
    operation: str
    program: str
    product: str
    planned_start_s: float
    planned_end_s: float
    actual_start_s: float | None = None
    actual_end_s: float | None = None
    status: str = "planned"
    setup_s: float = 0.0
    frozen: bool = False

    @property
    def lateness_s(self) -> float | None:
        """Actual end less planned end; None while the operation has not ended."""
        return None if self.actual_end_s is None else self.actual_end_s - self.planned_end_s


@dataclass(frozen=True, slots=True)
class GanttData:
    """A chart: a row per cell, a bar per operation, closed times and due dates.

    Attributes:
        title: Heading.
        start: Instant of second 0, with the plant's time zone; all times are shown in that zone.
        cells: Names of the rows from top to bottom.
        bars: The operations.
        unavailable_s: Closed intervals per cell, seconds after the start.
        due_s: Due date per order, seconds after the start.
        customers: Customer per order, where known.

    Raises:
        ValueError: The start has no time zone, or a bar names a cell that is not listed.
    """

    title: str
    start: datetime
    cells: tuple[str, ...]
    bars: tuple[GanttBar, ...]
    unavailable_s: Mapping[str, tuple[tuple[float, float], ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    due_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    customers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise ValueError(f"the start of a chart needs a time zone: {self.start.isoformat()}")
        for bar in self.bars:
            if bar.cell not in self.cells:
                raise ValueError(f"{bar} names cell {bar.cell!r}; the chart has {self.cells}")

    @property
    def orders(self) -> tuple[str, ...]:
        """Orders by the planned start of their first operation."""
        by_start = sorted(self.bars, key=lambda bar: (bar.planned_start_s, bar.order_id))
        return tuple(dict.fromkeys(bar.order_id for bar in by_start))

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last second with a bar on it; due dates and closed times do not stretch it."""
        begins = [bar.planned_start_s - bar.setup_s for bar in self.bars]
        ends = [bar.planned_end_s for bar in self.bars]
        begins += [bar.actual_start_s for bar in self.bars if bar.actual_start_s is not None]
        ends += [bar.actual_end_s for bar in self.bars if bar.actual_end_s is not None]
        if not begins:
            return (0.0, 60.0)
        return (min(begins), max(*ends, min(begins) + 1.0))

    @property
    def has_actual(self) -> bool:
        """Whether anything has started."""
        return any(bar.actual_start_s is not None for bar in self.bars)

    def colours(self) -> dict[str, str]:
        """Colour per order; they repeat after twelve."""
        return {order: ORDER_COLOURS[i % len(ORDER_COLOURS)] for i, order in enumerate(self.orders)}

    def at(self, seconds: float) -> datetime:
        """Instant of a second of the chart, in the plant's time zone."""
        instant = self.start.timestamp() + seconds
        return datetime.fromtimestamp(instant, tz=self.start.tzinfo)

    def order_end_s(self, order: str) -> float:
        """When the last operation of an order ends: actual where known, else planned."""
        return max(
            bar.planned_end_s if bar.actual_end_s is None else bar.actual_end_s
            for bar in self.bars
            if bar.order_id == order
        )


def axis_marks(data: GanttData, span_s: tuple[float, float], at_most: int) -> list[float]:
    """Seconds of at most so many axis marks, on round clock times of the plant."""
    begin, end = span_s
    step = next((s for s in AXIS_STEPS_S if (end - begin) / s < at_most), AXIS_STEPS_S[-1])
    midnight = data.at(begin).replace(hour=0, minute=0, second=0, microsecond=0)
    first = (midnight - data.start).total_seconds()
    if midnight.utcoffset() != data.start.utcoffset():
        first = midnight.timestamp() - data.start.timestamp()
    count = int((begin - first) // step)
    marks = []
    while (mark := first + count * step) <= end:
        if mark >= begin:
            marks.append(mark)
        count += 1
    return marks


def duration_text(seconds: float) -> str:
    """A length of time as people say it: ``48 s``, ``3:05 min``, ``2:07 h``, ``1 d 04:00 h``."""
    sign = "−" if seconds < 0 else ""
    whole = timedelta(seconds=round(abs(seconds)))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, secs = divmod(rest, 60)
    if whole.days:
        return f"{sign}{whole.days} d {hours:02}:{minutes:02} h"
    if hours:
        return f"{sign}{hours}:{minutes:02} h"
    if minutes:
        return f"{sign}{minutes}:{secs:02} min"
    return f"{sign}{secs} s"


def order_ends_s(data: GanttData) -> dict[str, float]:
    """When the last operation of each order ends: actual where known, else planned."""
    ends: dict[str, float] = {}
    for bar in data.bars:
        end = bar.planned_end_s if bar.actual_end_s is None else bar.actual_end_s
        ends[bar.order_id] = max(end, ends.get(bar.order_id, end))
    return ends


def late_orders(data: GanttData) -> dict[str, float]:
    """Seconds by which an order ends after its due date, for the orders that do."""
    ends = order_ends_s(data)
    return _positive(
        (order, ends[order] - data.due_s[order]) for order in ends if order in data.due_s
    )


def _positive(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    return {name: value for name, value in pairs if value > 0}
