"""What each column of a batch may hold. Each reader of a value says what it expected instead."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from robot_cell.model.job_order import check_plain_text

REQUIRED: Final = ("order_id", "product", "quantity", "release", "due")
COLUMNS: Final = (*REQUIRED, "priority", "customer")

EXPECTED_TIME: Final = "an ISO 8601 date and time, such as 2026-11-23T06:00:00+01:00"
_MAX_PROPOSALS: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ORDER_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_WHOLE: Final = re.compile(r"[+]?(\d{1,9})([.,]0{1,2})?", re.ASCII)
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_YEARS: Final = range(2000, 2100)


class Reported(Enum):
    """Stands for a cell that could not be read at all, and about which that has been said."""

    ALREADY = 0


REPORTED: Final = Reported.ALREADY
Cell = str | datetime | Reported | None
"""What a reader finds in a cell: text, a date (Excel), nothing."""


class Refused(ValueError):  # noqa: N818
    """A value is not what it should be; the text says what was expected."""


def order_id(text: str) -> str:
    """An order id: 1 to 64 letters, digits, dots, dashes and underscores."""
    if not _ORDER_ID.fullmatch(text):
        raise Refused(
            "an order id of 1 to 64 letters, digits, . _ or -, starting with one of the first"
        )
    return text


def product(known: Iterable[str]) -> Callable[[str], str]:
    """A reader of products of the plant; it proposes the nearest name."""
    names = {name: name for name in known}
    listed = ", ".join(sorted(names))
    proposals = itertools.count()

    def read(text: str) -> str:
        found = names.get(text)
        if found is None:
            near: list[str] = []
            if next(proposals) < _MAX_PROPOSALS:
                near = difflib.get_close_matches(text.lower().replace(" ", "_"), names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise Refused(f"a product of the plant: {listed}{hint}")
        return found

    return read


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers; `2`, `2.0` and `2,0` are two.

    Three zeros after a point or comma are refused: `1.000` is a thousand to some and one to others.
    """

    def read(text: str) -> int:
        match = _WHOLE.fullmatch(text)
        value = int(match[1]) if match else low - 1
        if not low <= value <= high:
            raise Refused(f"a whole number from {low} to {high}")
        return value

    return read


def instant(zone: ZoneInfo) -> Callable[[str], int]:
    """A reader of times as microseconds since 1970; without an offset they are in `zone`."""

    def read(text: str) -> int:
        if not _TIME.fullmatch(text):
            raise Refused(EXPECTED_TIME)
        try:
            value = datetime.fromisoformat(text.replace(",", "."))
        except ValueError as error:
            raise Refused(f"{EXPECTED_TIME} ({error})") from None
        return instant_us(value, zone)

    return read


def instant_us(value: datetime, zone: ZoneInfo) -> int:
    """Microseconds since 1970 of a time that is in `zone` if it names no offset."""
    if value.year not in _YEARS:
        raise Refused(f"a year from {_YEARS.start} to {_YEARS.stop - 1}")
    if value.tzinfo is None:
        earlier = value.replace(tzinfo=zone, fold=0)
        if earlier.utcoffset() != value.replace(tzinfo=zone, fold=1).utcoffset():
            raise Refused(
                f"a time with its offset from UTC: the clocks of {zone.key} change at this hour, "
                "so that it is there twice or not at all"
            )
        value = earlier
    return (value.astimezone(timezone.utc) - _EPOCH) // timedelta(microseconds=1)


def customer(text: str) -> str:
    """Free text of up to 200 characters that no spreadsheet would run."""
    if len(text) > 200:
        raise Refused("at most 200 characters")
    try:
        return check_plain_text(text)
    except ValueError as error:
        raise Refused(str(error)) from None
