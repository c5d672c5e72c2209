"""Which cell of a row is which column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from robot_cell.orders.columns import COLUMNS, REQUIRED, Cell
from robot_cell.orders.problems import Problems


def match_header(
    names: Sequence[str], row: int, problems: Problems
) -> Callable[[Sequence[Cell]], list[Cell]]:
    """Find the known columns among the names of a header, in any order.

    Returns:
        A function that brings a row's cells into the order of `COLUMNS`, None where the file has
        no such column.

    Raises:
        BatchError: a column is unknown, missing, or there twice.
    """
    places: dict[str, int] = {}
    known = ", ".join(COLUMNS)
    for index, name in enumerate(names):
        column = name.strip().lower()
        if column not in COLUMNS:
            problems.add(row, name.strip(), name, f"one of the columns {known}")
        elif column in places:
            expected = f"each column once; it is number {places[column] + 1} and {index + 1}"
            problems.add(row, column, name, expected)
        else:
            places[column] = index
    for column in REQUIRED:
        if column not in places:
            problems.add(row, column, None, f"the column {column}; the header lacks it")
    if problems.total:
        raise problems.error()
    order = [places.get(column, -1) for column in COLUMNS]

    def arrange(cells: Sequence[Cell]) -> list[Cell]:
        return [cells[place] if place >= 0 else None for place in order]

    return arrange
