"""When cells do not work: asked with every page, and the same for a long time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from robot_cell.gateway.shapes import Closed
from robot_cell.gateway.views import instant_ms
from robot_cell.model import Cell, Plant, unavailable

AHEAD: Final = timedelta(days=7)
ANEW: Final = timedelta(hours=1)
"""How often the times are worked out again, plant time."""


class ClosedTimes:
    """The closed times of a plant's cells, from its start to a week from now."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._made: tuple[datetime, datetime] | None = None
        self._times: dict[str, list[Closed]] = {}

    def all(self, now_ns: int | None, start: datetime | None, cell: str) -> list[Closed]:
        """Those of a cell since the plant's start; none before the plant has told it."""
        if start is None:
            return []
        now = start + timedelta(microseconds=(now_ns or 0) // 1000)
        if (
            self._made is None
            or self._made[0] != start
            or not (timedelta(0) <= now - self._made[1] < ANEW)
        ):
            until = now + AHEAD + ANEW
            self._times = {
                name: _closed(self._plant, one, start, until)
                for name, one in self._plant.cells.items()
            }
            self._made = start, now
        return self._times[cell]

    def ahead(self, now_ns: int | None, start: datetime | None, cell: str) -> list[Closed]:
        """Those that are not over; a week's at least."""
        if start is None or now_ns is None:
            return []
        now_ms = instant_ms(start) + now_ns // 1_000_000
        return [one for one in self.all(now_ns, start, cell) if one["end_ms"] > now_ms]


def _closed(plant: Plant, cell: Cell, begin: datetime, until: datetime) -> list[Closed]:
    return [
        {
            "start_ms": instant_ms(closes),
            "end_ms": instant_ms(opens),
            "reason": next(
                (
                    one.reason
                    for one in cell.calendar.maintenance
                    if one.start < opens and one.end > closes
                ),
                "no shift",
            ),
        }
        for closes, opens in unavailable(cell.calendar, plant.zone, begin, until)
    ]
