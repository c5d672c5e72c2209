"""Rows of a CSV file as ERPs and spreadsheets write them."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from robot_cell.orders.columns import COLUMNS, Cell
from robot_cell.orders.header import match_header
from robot_cell.orders.problems import Problems

_DELIMITERS: Final = (",", ";", "\t")
_WIDE: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_csv(path: Path, problems: Problems) -> Iterator[tuple[int, list[Cell]]]:
    """Yield row number and cells in the order of `COLUMNS`.

    The delimiter (comma, semicolon, tab) is told by the header. Bytes that are not UTF-8 come
    through as surrogates, so that the cell that holds them can be named. Empty rows are passed
    over. Rows are numbered by the line on which they start.
    """
    _check_encoding(path, problems)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = 1
        header = file.readline()
        if header.lower().startswith("sep="):  # a hint that Excel writes for itself
            header, first = file.readline(), 2
        delimiter = _delimiter(header)
        reader = csv.reader(itertools.chain([header], file), delimiter=delimiter, strict=True)
        try:
            names = next(reader)
        except (StopIteration, csv.Error) as error:
            problems.add(first, "", header, f"a header with the columns {', '.join(COLUMNS)}")
            raise problems.error() from error
        arrange = match_header(names, first, problems)
        width = len(names)
        row = first + reader.line_num
        try:
            for cells in reader:
                if len(cells) == width:
                    if any(cells):
                        yield row, arrange(cells)
                elif any(cells):
                    problems.add(row, "", delimiter.join(cells), _width(len(cells), width))
                row = first + reader.line_num
        except csv.Error as error:
            expected = f"a row of a CSV file ({error}; is a quote missing?); reading stops here"
            problems.add(row, "", None, expected)


def _width(found: int, width: int) -> str:
    return (
        f"{width} cells as the header has; there are {found}. A value that holds the delimiter "
        "must be in quotes"
    )


def _delimiter(header: str) -> str:
    def columns_found(delimiter: str) -> int:
        try:
            names = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            return 0
        return sum(name.strip().lower() in COLUMNS for name in names)

    return max(_DELIMITERS, key=columns_found)


def _check_encoding(path: Path, problems: Problems) -> None:
    with path.open("rb") as file:
        start = file.read(1024)
    wide = next((name for mark, name in _WIDE if start.startswith(mark)), None)
    if wide is None and b"\0" in start:
        wide = "UTF-16 without a mark, or no text at all"
    if wide:
        problems.add(0, "", None, f"UTF-8 text; this is {wide}: export the file as UTF-8")
        raise problems.error()
    if not start.removeprefix(codecs.BOM_UTF8).strip():
        problems.add(0, "", None, f"a header with the columns {', '.join(COLUMNS)}; it is empty")
        raise problems.error()
