from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from robot_cell.model import Calendar, unavailable

BERLIN = ZoneInfo("Europe/Berlin")
UTC = timezone.utc
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


def calendar(
    *shifts: tuple[list[str], str, str], maintenance: tuple[tuple[str, str], ...] = ()
) -> Calendar:
    return Calendar.model_validate(
        {
            "shifts": [{"days": d, "start": s, "end": e} for d, s, e in shifts],
            "maintenance": [{"start": s, "end": e} for s, e in maintenance],
        }
    )


def test_nights_and_weekends_are_closed() -> None:
    start = datetime(2026, 11, 27, 12, tzinfo=BERLIN)  # a Friday
    closed = unavailable(
        calendar((WEEKDAYS, "06:00", "22:00")), BERLIN, start, start + timedelta(days=3)
    )
    assert closed == [
        (datetime(2026, 11, 27, 22, tzinfo=BERLIN), datetime(2026, 11, 30, 6, tzinfo=BERLIN))
    ]


def test_the_night_of_a_clock_change_has_its_real_length() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=BERLIN)  # clocks go back on the 25th
    [(opens, closes)] = unavailable(
        calendar((["sat", "sun"], "06:00", "22:00")), BERLIN, start, start + timedelta(hours=20)
    )
    assert closes - opens == timedelta(hours=9)


def test_midnight_ends_a_shift() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    whole = calendar((["mon", "tue"], "00:00", "00:00"))
    closed = unavailable(whole, ZoneInfo("UTC"), start, start + timedelta(days=3))
    assert closed == [(start + timedelta(days=2), start + timedelta(days=3))]


def test_maintenance_and_no_shifts() -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    services = (
        ("2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z"),
        ("2026-11-23T02:00:00Z", "2026-11-23T03:00:00Z"),
    )
    closed = unavailable(
        calendar(maintenance=services),
        ZoneInfo("UTC"),
        start,
        start + timedelta(hours=2, minutes=30),
    )
    assert closed == [(start + timedelta(hours=1), start + timedelta(hours=2, minutes=30))]


@pytest.mark.parametrize(
    ("start", "end"), [("22:00", "06:00"), ("06:00", "06:00"), ("06:00Z", "08:00Z")]
)
def test_shifts_that_are_none(start: str, end: str) -> None:
    with pytest.raises(ValidationError):
        calendar((["mon"], start, end))


times = st.times().map(lambda t: t.replace(microsecond=0))


@given(
    shifts=st.lists(st.tuples(st.sampled_from(WEEKDAYS), times, times), max_size=4),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    hours=st.integers(1, 24 * 30),
    probes=st.lists(st.floats(0.0, 0.999), max_size=10),
)
def test_every_instant_is_open_or_closed_as_the_shifts_say(
    shifts: list[tuple[str, object, object]], start: datetime, hours: int, probes: list[float]
) -> None:
    good = [(d, s, e) for d, s, e in shifts if s < e]
    made = Calendar.model_validate(
        {"shifts": [{"days": [d], "start": s, "end": e} for d, s, e in good]}
    )
    end = start + timedelta(hours=hours)
    closed = unavailable(made, BERLIN, start, end)
    assert all(a < b for a, b in closed)
    assert all(first[1] < second[0] for first, second in pairwise(closed))
    for share in probes:
        at = start + share * (end - start)
        local = at.astimezone(BERLIN)
        if local.utcoffset() != (local + timedelta(hours=24)).utcoffset() or (
            local.utcoffset() != (local - timedelta(hours=24)).utcoffset()
        ):
            continue  # on the day of a clock change a local time may be there twice
        day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][local.weekday()]
        wall = local.time()
        is_open = not good or any(d == day and s <= wall < e for d, s, e in good)
        assert is_open != any(a <= at < b for a, b in closed)
