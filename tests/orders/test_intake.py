from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from openpyxl import Workbook

from robot_cell.model import JobOrder, Plant
from robot_cell.orders import BatchError, read_batch
from robot_cell.orders.problems import MAX_LISTED
from tests.promises import Figure

HEADER = "order_id,product,quantity,release,due,priority,customer"
GOOD = "WO-1,housing_s,2,2026-11-23T06:00:00+01:00,2026-11-23T07:00:00+01:00,5,Nordpumpen AG"
FIELDS = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))


def write(folder: Path, content: str | bytes, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def line(**changes: str) -> str:
    return ",".join((FIELDS | changes).values())


def refused(path: Path, plant: Plant) -> BatchError:
    with pytest.raises(BatchError) as error:
        read_batch(path, plant)
    return error.value


@pytest.mark.parametrize("name", ["_erp.csv", ".json", ".xlsx"])
def test_the_example_reads_the_same_in_every_format(
    name: str, plant: Plant, pytestconfig: pytest.Config
) -> None:
    stem = pytestconfig.rootpath / "examples" / "orders_week48"
    batch = read_batch(f"{stem}{name}", plant)
    assert len(batch.orders) == 12
    assert batch.orders == read_batch(f"{stem}.csv", plant).orders
    assert batch.format == name.rpartition(".")[2]


def test_every_order_is_what_the_model_says(plant: Plant, tmp_path: Path) -> None:
    batch = read_batch(write(tmp_path, f"{HEADER}\n{GOOD}\n"), plant)
    assert list(batch.orders) == [JobOrder.model_validate(FIELDS)]


BAD_CELLS = [
    ("order_id", "", "an order id"),
    ("order_id", "WO 1", "an order id"),
    ("order_id", "=WO1", "an order id"),
    ("product", "housing_x", "did you mean housing_s?"),
    ("product", "anvil", "a product of the plant: housing_m, housing_s, valve_block"),
    ("quantity", "0", "a whole number from 1 to 10000"),
    ("quantity", "-3", "a whole number from 1"),
    ("quantity", "1.5", "a whole number"),
    ("quantity", "NaN", "a whole number"),
    ("quantity", "inf", "a whole number"),
    ("quantity", "two", "a whole number"),
    ("quantity", "1.000", "a whole number"),
    ("quantity", "٣", "a whole number"),
    ("quantity", "1" * 400, "a whole number"),
    ("quantity", "10001", "a whole number"),
    ("quantity", "", "a whole number"),
    ("release", "23.11.2026 06:00", "ISO 8601"),
    ("release", "2026-11-23", "ISO 8601"),
    ("release", "2026-02-30T06:00:00Z", "ISO 8601"),
    ("release", "1700000000", "ISO 8601"),
    ("release", "0206-11-23T06:00:00", "a year from 2000 to 2099"),
    ("release", "2026-10-25T02:30:00", "its offset from UTC"),
    ("release", "2026-03-29T02:30:00", "its offset from UTC"),
    ("due", "2026-11-23T06:00:00+01:00", "a time after the release"),
    ("due", "2026-11-23T05:00:00Z", "a time after the release"),
    ("priority", "0", "a whole number from 1 to 9"),
    ("priority", "high", "a whole number from 1 to 9"),
    ("customer", "=HYPERLINK(0)", "does not start with"),
    ("customer", "+49 Pumpen", "does not start with"),
    ("customer", "-1", "does not start with"),
    ("customer", "@SUM(A1)", "does not start with"),
    ("customer", "a\0b", "printable"),
    ("customer", "x" * 201, "200 characters"),
]


@pytest.mark.promise("batch")
@pytest.mark.parametrize(("column", "value", "expected"), BAD_CELLS)
def test_a_bad_cell_is_named(
    column: str, value: str, expected: str, plant: Plant, tmp_path: Path
) -> None:
    # Enough rows before it that what is looked at to tell the encoding is good.
    rows = [line(order_id=f"P-{n}") for n in range(20)]
    rows.append(line(**{"order_id": "WO-2", column: value}))
    path = write(tmp_path, "\n".join([HEADER, *rows, ""]))
    problem = refused(path, plant).problems[0]
    assert problem.column == column
    assert problem.row == 22
    assert problem.value == value
    assert expected in problem.expected
    assert str(path) in str(problem)


@pytest.mark.promise("batch")
def test_every_problem_is_reported_at_once(plant: Plant, tmp_path: Path) -> None:
    rows = [
        line(quantity="0", product="x", due="never"),
        line(order_id="WO-2"),
        line(order_id="WO-2", priority="99"),
    ]
    error = refused(write(tmp_path, "\n".join([HEADER, *rows])), plant)
    assert [(p.row, p.column) for p in error.problems] == [
        (2, "product"),
        (2, "quantity"),
        (2, "due"),
        (4, "priority"),
        (4, "order_id"),
    ]
    assert "row 3 has it too" in error.problems[-1].expected


@pytest.mark.parametrize("text", ["2", "2.0", "2,00", " 2 ", "+2"])
def test_quantities_as_spreadsheets_write_them(text: str, plant: Plant, tmp_path: Path) -> None:
    batch = read_batch(write(tmp_path, f"{HEADER}\n{GOOD}".replace(",2,", f',"{text}",')), plant)
    assert batch.orders[0].quantity == 2


def test_a_time_without_offset_is_in_the_plants_time_zone(plant: Plant, tmp_path: Path) -> None:
    text = f"{HEADER}\n{line(release='2026-07-01 06:00', due='2026-12-01T06:00:00')}"
    order = read_batch(write(tmp_path, text), plant).orders[0]
    assert order.release == datetime(2026, 7, 1, 4, tzinfo=timezone.utc)
    assert order.due == datetime(2026, 12, 1, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_dialects(delimiter: str, newline: str, bom: bytes, plant: Plant, tmp_path: Path) -> None:
    rows = [HEADER.replace(",", delimiter), line(customer='"A, B; ""C"""').replace(",", delimiter)]
    rows[1] = delimiter.join([*GOOD.split(",")[:-1], '"A, B; ""C"""'])
    text = newline.join(["", *rows, "", delimiter * 6, ""]).removeprefix(newline)
    batch = read_batch(write(tmp_path, bom + text.encode()), plant)
    assert [order.customer for order in batch.orders] == ['A, B; "C"']


def test_columns_in_any_order_and_the_last_two_optional(plant: Plant, tmp_path: Path) -> None:
    text = "sep=;\r\nDue;release;quantity;product;order_id\r\n" + ";".join(
        [FIELDS[n] for n in ("due", "release", "quantity", "product", "order_id")]
    )
    order = read_batch(write(tmp_path, text), plant).orders[0]
    assert (order.order_id, order.priority, order.customer) == ("WO-1", 5, "")


HEADERS = [
    (HEADER.replace("due,", ""), "due", "the header lacks it"),
    (HEADER + ",colour", "colour", "one of the columns order_id, product"),
    (HEADER + ",Due", "due", "it is number 5 and 8"),
    (HEADER + ",", "", "one of the columns"),
    ("just some words", "just some words", "one of the columns"),
]


@pytest.mark.parametrize(("header", "column", "expected"), HEADERS)
def test_bad_headers(header: str, column: str, expected: str, plant: Plant, tmp_path: Path) -> None:
    error = refused(write(tmp_path, f"{header}\n{GOOD}\n"), plant)
    assert any(p.row == 1 and p.column == column and expected in p.expected for p in error.problems)


FILES = [
    (b"", "empty"),
    (b"\xef\xbb\xbf", "empty"),
    (b"\n\n", "empty"),
    (HEADER.encode(), "at least one order"),
    (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "this is UTF-16"),
    (f"{HEADER}\n{GOOD}\n".encode("utf-16-le"), "UTF-16 without a mark"),
    (f"{HEADER}\n{GOOD}\n".encode("utf-32"), "this is UTF-32"),
    (f"{HEADER}\n{line(customer='Müller')}\n".encode("latin-1"), "Windows-1252 or Latin-1"),
    (f"{HEADER}\n{line(customer=chr(34) + 'open')}\n".encode(), "is a quote missing?"),
    (f"{HEADER}\n{GOOD},too,many\n".encode(), "7 cells as the header has; there are 9"),
    (f"{HEADER}\nWO-1,housing_s\n".encode(), "7 cells as the header has; there are 2"),
]


@pytest.mark.promise("batch")
@pytest.mark.parametrize(("content", "expected"), FILES)
def test_bad_files(content: bytes, expected: str, plant: Plant, tmp_path: Path) -> None:
    assert expected in str(refused(write(tmp_path, content), plant))


def test_the_cell_with_the_wrong_encoding_is_shown(plant: Plant, tmp_path: Path) -> None:
    content = f"{HEADER}\n{line(customer='Müller')}\n".encode("latin-1")
    [problem] = refused(write(tmp_path, content), plant).problems
    assert (problem.row, problem.column, problem.value) == (2, "customer", "Müller")


@pytest.mark.parametrize("name", ["orders.pdf", "orders", "missing.csv"])
def test_files_that_are_none(name: str, plant: Plant, tmp_path: Path) -> None:
    if not name.startswith("missing"):
        write(tmp_path, GOOD, name)
    assert refused(tmp_path / name, plant).total == 1


# ------------------------------------------------------------------------------------- JSON


def objects(**changes: object) -> str:
    return json.dumps([FIELDS | {"quantity": 2, "priority": 5} | changes])


@pytest.mark.parametrize("pattern", ["%s", '\ufeff{"orders": %s}', ' \n {"orders":%s } \n'])
def test_json_shapes(pattern: str, plant: Plant, tmp_path: Path) -> None:
    path = write(tmp_path, pattern % objects(), "orders.json")
    assert list(read_batch(path, plant).orders) == [JobOrder.model_validate(FIELDS)]


JSON = [
    (objects(quantity=1.5), "quantity", "a whole number"),
    (objects(quantity=float("nan")), "quantity", "a whole number"),
    (objects(quantity=True), "quantity", "a number"),
    (objects(quantity=None), "quantity", "a value; there is none"),
    (objects(product=7), "product", "text in quotes"),
    (objects(colour="red"), "colour", "one of the names order_id"),
    (objects(customer=["a"]), "customer", "text in quotes"),
    ("[1]", "", "an object"),
    ("{}", "", "a list of orders"),
    ("[]", "", "at least one order"),
    ('{"orders": []', "", "} and then the end of the file"),
    ("[" * 100_000, "", "not nested lists"),
    ('[{"order_id": "a", "order_id": "b"}]', "", "'order_id' is there twice"),
    (objects()[:-1], "", "a comma or the end of the list"),
    (objects()[:-9], "", "JSON ("),
    (objects() + "x", "", "the end of the file"),
    (objects()[:-1] + ",]", "", "another order after the comma"),
    (objects()[:-1] + " {}]", "", "a comma or the end of the list"),
]


@pytest.mark.promise("batch")
@pytest.mark.parametrize(("content", "column", "expected"), JSON)
def test_bad_json(content: str, column: str, expected: str, plant: Plant, tmp_path: Path) -> None:
    error = refused(write(tmp_path, content, "orders.json"), plant)
    assert any(p.column == column and expected in p.expected for p in error.problems), str(error)


def test_json_is_read_across_chunks(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot_cell.orders.json_reader._CHUNK", 40)
    orders = [FIELDS | {"order_id": f"WO-{n}"} for n in range(20)]
    path = write(tmp_path, json.dumps({"orders": orders}, indent=2), "orders.json")
    assert [order.order_id for order in read_batch(path, plant).orders] == [
        f"WO-{n}" for n in range(20)
    ]


# ------------------------------------------------------------------------------------- XLSX


def workbook(folder: Path, *rows: list[object]) -> Path:
    book = Workbook()
    assert book.active is not None
    for row in [HEADER.split(","), *rows]:
        book.active.append(row)
    path = folder / "orders.xlsx"
    book.save(path)
    return path


def sheet_row(**changes: object) -> list[object]:
    dates = {"release": datetime(2026, 11, 23, 6), "due": datetime(2026, 11, 23, 7)}
    return list((FIELDS | dates | {"quantity": 2.0, "priority": 5} | changes).values())


def test_xlsx_with_real_dates(plant: Plant, tmp_path: Path) -> None:
    path = workbook(tmp_path, sheet_row(), [None] * 7)
    assert list(read_batch(path, plant).orders) == [JobOrder.model_validate(FIELDS)]


XLSX = [
    ("quantity", "=1+1", "formulas are not computed"),
    ("quantity", "#DIV/0!", "the cell holds an error"),
    ("quantity", True, "text, a number, or a date"),
    ("quantity", 1.5, "a whole number"),
    ("quantity", datetime(2026, 1, 1), "no date"),
    ("due", 12, "ISO 8601"),
    ("due", None, "a value; there is none"),
    ("due", datetime(2026, 11, 23, 5), "a time after the release"),
    ("release", datetime(2026, 10, 25, 2, 30), "its offset from UTC"),
]


@pytest.mark.promise("batch")
@pytest.mark.parametrize(("column", "value", "expected"), XLSX)
def test_bad_xlsx_cells(
    column: str, value: object, expected: str, plant: Plant, tmp_path: Path
) -> None:
    error = refused(workbook(tmp_path, sheet_row(**{column: value})), plant)
    assert [(p.row, p.column) for p in error.problems] == [(2, column)]
    assert expected in error.problems[0].expected


def test_a_workbook_that_is_none(plant: Plant, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "orders.xlsx")
    assert "an Excel workbook" in str(refused(path, plant))


# ----------------------------------------------------------------------------------- a lot

_READ = """
import sys, time
from pathlib import Path
from robot_cell.model import load_plant
from robot_cell.orders import BatchError, read_batch
plant = load_plant(sys.argv[1])
begin = time.process_time()
try:
    print(len(read_batch(sys.argv[2], plant).orders))
except BatchError as error:
    print(error.total, len(error.problems))
# ru_maxrss would count what the test's own process held when this one was started from it.
peak = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
print(time.process_time() - begin, int(peak[0].split()[1]) / 1024)
"""


@pytest.mark.promise("batch")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("good", [True, False])
def test_a_million_rows(
    good: bool, plant: Plant, tmp_path: Path, pytestconfig: pytest.Config, figure: Figure
) -> None:
    path = tmp_path / "orders.csv"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for n in range(1_000_000):
            if good:
                day, minute = n % 28 + 1, n % 60
                file.write(
                    f"WO-{n},housing_s,{n % 90 + 1},2026-11-{day:02}T06:{minute:02}:00+01:00,"
                    f"2026-12-{day:02}T06:{minute:02}:00+01:00,5,Customer {n % 5000}\n"
                )
            else:
                file.write(f"WO {n},housing_{n},0,now {n},then {n},x,={n}\n")
    plant_file = next(iter(plant.cells.values())).arm.urdf.parents[1] / "examples"
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(plant_file / "housing_plant.yaml"), str(path)],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    counted, measured = done.stdout.splitlines()
    seconds, megabytes = map(float, measured.split())
    assert counted == ("1000000" if good else f"7000000 {MAX_LISTED}")
    figure("a million rows took", seconds, "s of processor time", bar=60.0)
    figure("and memory", megabytes, "MB", bar=500.0)
