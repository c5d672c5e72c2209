"""Reads a batch file: CSV, JSON or XLSX in, checked job orders out, or every error at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

from robot_cell.model import JobOrder, Plant
from robot_cell.orders import columns
from robot_cell.orders.columns import REPORTED, Cell
from robot_cell.orders.csv_reader import read_csv
from robot_cell.orders.json_reader import read_json, read_json_text
from robot_cell.orders.order_table import OrderTable
from robot_cell.orders.problems import Problems

Format = Literal["csv", "json", "xlsx"]
Row = tuple[int, Sequence[Cell]]
"""Row number, and the cells in the order of `columns.COLUMNS`."""

_CACHE_SIZE: Final = 100_000
_T = TypeVar("_T")


@dataclass(frozen=True)
class Batch:
    """A checked batch; `orders` is a sequence in the order of the file, with times in UTC."""

    orders: Sequence[JobOrder]
    source: str
    format: Format


def read_batch(path: Path | str, plant: Plant) -> Batch:
    """Read and check a batch file; its kind is told by its name's ending.

    Raises:
        BatchError: with every problem found; nothing of the file may be used then.
    """
    path = Path(path)
    problems = Problems(str(path))
    kind = _format(path, problems)
    rows: Iterator[Row]
    try:
        size = path.stat().st_size
    except OSError as error:
        problems.add(0, "", None, f"a readable file ({error.strerror})")
        raise problems.error() from error
    if path.is_dir() or size == 0:
        problems.add(0, "", None, "a batch of orders; this is empty or a folder")
        raise problems.error()
    try:
        if kind == "csv":
            rows = read_csv(path, problems)
        elif kind == "json":
            rows = read_json(path, problems)
        else:
            # openpyxl takes 0.2 s and 20 MB to import, for files that few plants use.
            from robot_cell.orders.xlsx_reader import read_xlsx

            rows = read_xlsx(path, problems)
        orders = _check(rows, plant, problems)
    except OSError as error:
        problems.add(0, "", None, f"a readable file ({error.strerror})")
        raise problems.error() from error
    if not orders and not problems.total:
        problems.add(0, "", None, "at least one order; there is none")
    if problems.total:
        raise problems.error()
    return Batch(orders, str(path), kind)


def orders_from_json(text: str, plant: Plant, source: str) -> Sequence[JobOrder]:
    """Read and check a batch that came as JSON text through another door than a file.

    Raises:
        BatchError: with every problem found; nothing of the text may be used then.
    """
    problems = Problems(source)
    orders = _check(read_json_text(StringIO(text), problems), plant, problems)
    if not orders and not problems.total:
        problems.add(0, "", None, "at least one order; there is none")
    if problems.total:
        raise problems.error()
    return orders


def _format(path: Path, problems: Problems) -> Format:
    kinds: dict[str, Format] = {".csv": "csv", ".txt": "csv", ".json": "json", ".xlsx": "xlsx"}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        problems.add(0, "", path.name, "a file name that ends with .csv, .json or .xlsx")
        raise problems.error()
    return kind


def _cached(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """Remember what was read or refused: most columns of a large batch repeat a few values."""
    known: dict[str, _T] = {}
    refused: dict[str, str] = {}

    def cached(text: str) -> _T:
        if text in known:
            return known[text]
        if text in refused:
            raise columns.Refused(refused[text])
        try:
            value = read(text)
        except columns.Refused as error:
            if len(refused) < _CACHE_SIZE:
                refused[text] = str(error)
            raise
        if len(known) < _CACHE_SIZE:
            known[text] = value
        return value

    return cached


def _check(rows: Iterator[Row], plant: Plant, problems: Problems) -> OrderTable:
    """Check every cell; a row counts when all its cells are good."""
    read_product = _cached(columns.product(plant.products))
    read_quantity = _cached(columns.whole_number(1, 10_000))
    read_priority = _cached(columns.whole_number(1, 9))
    read_instant = _cached(columns.instant(plant.zone))
    read_customer = _cached(_as_is(columns.customer))
    date_cell = partial(columns.instant_us, zone=plant.zone)
    table = OrderTable()
    first_row: dict[str, int] = {}

    def text(row: int, column: str, cell: Cell, read: Callable[[str], _T]) -> _T | None:
        if not isinstance(cell, str):
            if isinstance(cell, datetime):
                problems.add(row, column, cell.isoformat(), "no date")
            elif cell is not REPORTED:
                problems.add(row, column, None, "a value; there is none")
            return None
        cell = cell.strip()
        try:
            return read(cell)
        except columns.Refused as error:
            undecodable = not cell.isascii() and _undecodable(cell)
            problems.add(row, column, *(undecodable or (cell, str(error))))
            return None

    def time(row: int, column: str, cell: Cell) -> int | None:
        if not isinstance(cell, datetime):
            return text(row, column, cell, read_instant)
        try:
            return date_cell(cell)
        except columns.Refused as error:
            problems.add(row, column, cell.isoformat(), str(error))
            return None

    for row, (id_, product_, quantity_, release_, due_, priority_, customer_) in rows:
        order_id = text(row, "order_id", id_, columns.order_id)
        product = text(row, "product", product_, read_product)
        quantity = text(row, "quantity", quantity_, read_quantity)
        release = time(row, "release", release_)
        due = time(row, "due", due_)
        priority = text(row, "priority", priority_, read_priority) if priority_ else 5
        customer = text(row, "customer", customer_, read_customer) if customer_ else ""
        if order_id is not None:
            other = first_row.setdefault(order_id, row)
            if other != row:
                problems.add(row, "order_id", order_id, f"an id of its own; row {other} has it too")
        if release is not None and due is not None and due <= release:
            problems.add(row, "due", str(due_), f"a time after the release, {release_}")
        if not problems.total:
            values = (order_id, product, quantity, release, due, priority, customer)
            table.append(*cast(tuple[str, str, int, int, int, int, str], values))
    return table


def _as_is(read: Callable[[str], str]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not text.isascii() and _undecodable(text):
            raise columns.Refused("")
        return read(text)

    return checked


def _undecodable(text: str) -> tuple[str, str] | None:
    """If bytes were not UTF-8 (they came through as surrogates): how they would read, and why."""
    if not any("\udc80" <= letter <= "\udcff" for letter in text):
        return None
    guess = text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return guess, "UTF-8 text; this looks like Windows-1252 or Latin-1: export the file as UTF-8"
