"""When a cell works: shifts in the plant's time zone, and maintenance."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, model_validator

from robot_cell.model.base import Word

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT: Final = time(0)


class Shift(Word):
    """Working time of a cell on some weekdays, in the plant's time zone.

    An `end` of 00:00 is midnight at the end of the day, so 00:00 to 00:00 is the whole day.
    """

    days: tuple[Weekday, ...] = Field(min_length=1)
    start: time
    end: time

    @model_validator(mode="after")
    def _ordered(self) -> Shift:
        if self.end <= self.start and self.end != _MIDNIGHT:
            raise ValueError("a shift ends after it starts; split one that passes midnight")
        if self.start.tzinfo or self.end.tzinfo:
            raise ValueError("a shift's times have no offset: they are in the plant's time zone")
        return self

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The shift on a day, as instants in UTC (so that differences are elapsed time)."""
        last = day + timedelta(days=1) if self.end == _MIDNIGHT else day
        return (
            datetime.combine(day, self.start, zone).astimezone(timezone.utc),
            datetime.combine(last, self.end, zone).astimezone(timezone.utc),
        )


class Maintenance(Word):
    """A time in which a cell does not work although its shift says so."""

    start: AwareDatetime
    end: AwareDatetime
    reason: str = "maintenance"

    @model_validator(mode="after")
    def _ordered(self) -> Maintenance:
        if self.end <= self.start:
            raise ValueError("maintenance ends after it starts")
        return self


class Calendar(Word):
    """When a cell works; no shifts mean always."""

    shifts: tuple[Shift, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()


def unavailable(
    calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Intervals within [start, end) in which a cell with this calendar does not work.

    Returns:
        Disjoint intervals in order that do not touch, as instants in UTC: Python subtracts two
        times of one local zone as wall clocks do, which is an hour wrong across a clock change.
    """
    start, end = start.astimezone(timezone.utc), end.astimezone(timezone.utc)
    closed: list[tuple[datetime, datetime]] = []
    at = start
    for opens, closes in _open(calendar, zone, start, end):
        if opens > at:
            closed.append((at, min(opens, end)))
        at = max(at, closes)
        if at >= end:
            break
    if at < end:
        closed.append((at, end))
    closed += [
        (max(m.start.astimezone(timezone.utc), start), min(m.end.astimezone(timezone.utc), end))
        for m in calendar.maintenance
        if m.end > start and m.start < end
    ]
    merged: list[tuple[datetime, datetime]] = []
    for opens, closes in sorted(c for c in closed if c[0] < c[1]):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], closes))
        else:
            merged.append((opens, closes))
    return merged


def _open(
    calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    if not calendar.shifts:
        return [(start, end)]
    first = start.astimezone(zone).date() - timedelta(days=1)
    days = (end.astimezone(zone).date() - first).days + 2
    return sorted(
        shift.on(day, zone)
        for day in (first + timedelta(days=n) for n in range(days))
        for shift in calendar.shifts
        if WEEKDAYS[day.weekday()] in shift.days
    )
