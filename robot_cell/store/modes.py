"""The unit mode of each cell, which outlives its controller."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from robot_cell.model.packml import Mode, parse_mode
from robot_cell.store.log import Transaction
from robot_cell.store.tables import facts

PREFIX: Final = "mode/"
"""Of the fact that has a cell's mode."""


def change(transaction: Transaction, cell: str, mode: Mode, who: str, at_ns: int) -> None:
    """Note that a cell has gone over to another mode."""
    transaction.record("mode_changed", at_ns, who, {"cell": cell, "mode": mode.label})


def modes(connection: Connection) -> dict[str, Mode]:
    """The cells whose mode was ever changed, each with its mode; all others are in production."""
    query = select(facts.c.name, facts.c.value).where(facts.c.name.startswith(PREFIX))
    return {
        row.name.removeprefix(PREFIX): parse_mode(row.value) or Mode.PRODUCTION
        for row in connection.execute(query)
    }
