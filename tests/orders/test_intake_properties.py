"""What is written in any format is read back; what is read, the model accepts."""

from __future__ import annotations

import csv
import json
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from robot_cell.model import JobOrder, Plant
from robot_cell.orders import BatchError, read_batch

NAMES = ("order_id", "product", "quantity", "release", "due", "priority", "customer")
ZONES = st.sampled_from([timezone.utc, timezone(timedelta(hours=5, minutes=30))])

texts = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="=+-@"), max_size=20
).map(lambda text: " ".join(text.split()))
instants = st.datetimes(datetime(2000, 1, 2), datetime(2098, 12, 30), timezones=ZONES)


@st.composite
def batches(draw: st.DrawFn) -> list[JobOrder]:
    ids = draw(
        st.lists(
            st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,15}\Z"),
            min_size=1,
            max_size=5,
            unique=True,
        )
    )
    orders = []
    for order_id in ids:
        release = draw(instants)
        orders.append(
            JobOrder(
                order_id=order_id,
                product=draw(st.sampled_from(["housing_s", "housing_m", "valve_block"])),
                quantity=draw(st.integers(1, 10_000)),
                release=release,
                due=release + timedelta(microseconds=draw(st.integers(1, 10**12))),
                priority=draw(st.integers(1, 9)),
                customer=draw(texts),
            )
        )
    return orders


def cells(order: JobOrder) -> list[str]:
    return [
        value.isoformat() if isinstance(value, datetime) else str(value)
        for value in (getattr(order, name) for name in NAMES)
    ]


def write_csv(path: Path, orders: list[JobOrder], delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(NAMES)
        writer.writerows(cells(order) for order in orders)


def write_xlsx(path: Path, orders: list[JobOrder]) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(NAMES)
    for order in orders:
        book.active.append(cells(order))
    book.save(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders=batches())
def test_round_trip(orders: list[JobOrder], plant: Plant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        for delimiter in ",;\t":
            write_csv(path / "b.csv", orders, delimiter)
            assert list(read_batch(path / "b.csv", plant).orders) == orders
        text = json.dumps([dict(zip(NAMES, cells(order), strict=True)) for order in orders])
        (path / "b.json").write_text(text)
        assert list(read_batch(path / "b.json", plant).orders) == orders
        write_xlsx(path / "b.xlsx", orders)
        assert list(read_batch(path / "b.xlsx", plant).orders) == orders


@pytest.mark.promise("batch")
@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode), json_file=st.booleans()
)
def test_garbage_is_refused_and_nothing_else(data: bytes, json_file: bool, plant: Plant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("b.json" if json_file else "b.csv")
        header = b"" if json_file else ",".join(NAMES).encode() + b"\n"
        path.write_bytes(header + data)
        with pytest.raises(BatchError) as error:
            read_batch(path, plant)
        assert error.value.total == len(error.value.problems) > 0


@settings(max_examples=200, deadline=None)
@given(
    values=st.tuples(
        st.text(max_size=6),
        st.sampled_from(["housing_s", "x"]),
        st.sampled_from(["1", "2.0", "1e3", "0", "10000", "½", "1_0"]),
        st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+0100", "20260101T000000Z"]),
        st.sampled_from(["2026-01-01T00:00:00Z", "2027-01-01 00:00:00.5Z", "2027-W01-1"]),
        st.sampled_from(["5", "10", "9.0"]),
        st.text(max_size=6),
    )
)
def test_what_is_read_the_model_accepts(values: tuple[str, ...], plant: Plant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b.csv"
        with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            csv.writer(file).writerows([NAMES, values])
        try:
            [order] = read_batch(path, plant).orders
        except BatchError:
            return
        assert JobOrder.model_validate(order.model_dump()) == order
