"""Rows of an Excel workbook, read one at a time; values only, nothing that computes."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from robot_cell.orders.columns import REPORTED, Cell
from robot_cell.orders.header import match_header
from robot_cell.orders.problems import Problems

_MAX_UNPACKED: Final = 2 << 30
"""Bytes; a workbook that unpacks to more is taken for a zip bomb (10^6 orders take 0.6 GB)."""


def read_xlsx(path: Path, problems: Problems) -> Iterator[tuple[int, list[Cell]]]:
    """Yield row number and cells in the order of `COLUMNS`: text, numbers as text, and dates.

    The orders are on the only sheet, or on the one that is named `orders`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > _MAX_UNPACKED:
            problems.add(0, "", None, f"a workbook; this one unpacks to {unpacked} bytes")
            raise problems.error()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which are not read
            book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        problems.add(0, "", None, f"an Excel workbook (.xlsx); it cannot be opened ({error})")
        raise problems.error() from error
    try:
        names = book.sheetnames
        name = (
            names[0] if len(names) == 1 else next((n for n in names if n.lower() == "orders"), None)
        )
        if name is None:
            problems.add(0, "", ", ".join(names), "one sheet, or one that is named orders")
            raise problems.error()
        sheet = book[name]
        sheet.reset_dimensions()  # what a file says about its size need not be true
        yield from _rows(sheet.iter_rows(), problems)
    finally:
        book.close()


def _rows(rows: Iterator[tuple[Any, ...]], problems: Problems) -> Iterator[tuple[int, list[Cell]]]:
    header = next(rows, ())
    names = [str(cell.value) if cell.value is not None else "" for cell in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        problems.add(1, "", None, "a header in the first row; it is empty")
        raise problems.error()
    arrange = match_header(names, 1, problems)
    for row, cells in enumerate(rows, start=2):
        if all(cell.value is None for cell in cells):
            continue
        values: list[Cell] = [
            _value(cell, row, names[index] if index < len(names) else "", problems)
            for index, cell in enumerate(cells)
        ]
        for value in values[len(names) :]:
            if value is not None and value is not REPORTED:
                problems.add(row, "", value, "nothing to the right of the header's last column")
        values += [None] * (len(names) - len(values))
        yield row, arrange(values)


def _value(cell: Any, row: int, column: str, problems: Problems) -> Cell:
    value = cell.value
    kind = getattr(cell, "data_type", "n")
    if kind == "f":
        problems.add(row, column, value, "a value; formulas are not computed (paste as values)")
        return REPORTED
    if kind == "e":
        problems.add(row, column, value, "a value; the cell holds an error")
        return REPORTED
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool | date | time | timedelta):
        problems.add(row, column, value, "text, a number, or a date with a time")
        return REPORTED
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
