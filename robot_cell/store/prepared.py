"""Statements that stand between every two steps of every cell, without SQLAlchemy's way to them.

On the way to SQLite's driver SQLAlchemy spends ten times what the statement itself takes, and all
processes wait for it: it is spent under the write lock. Only for columns whose values the driver
takes as they are, or as JSON. Other databases get the statement as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement, Executable

_SQLITE: Final = sqlite.dialect(paramstyle="named")


class Prepared:
    """A statement whose SQLite text is made once.

    Args:
        statement: what is executed.
        columns: of an insert, those that it is given.
        json: values that are stored as JSON.
    """

    def __init__(
        self,
        statement: Executable,
        columns: Sequence[str] | None = None,
        json: Sequence[str] = (),
    ) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        compiled = statement.compile(dialect=_SQLITE, column_keys=columns and list(columns))
        self._text = str(compiled)
        self._json = json
        self._fixed = {name: v for name, v in compiled.params.items() if v is not None}

    def row(self, connection: Connection, values: dict[str, Any]) -> Sequence[Any] | None:
        """The first row, None if there is none."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, values).first()
        found = _driver(connection).execute(self._text, self._fixed | values).fetchone()
        return found if found is None else tuple(found)

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Execute it with each of these."""
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, rows)
        else:
            _driver(connection).executemany(self._text, [self._plain(row) for row in rows])

    def _plain(self, values: dict[str, Any]) -> dict[str, Any]:
        written = {name: dumps(values[name]) for name in self._json}
        return {**self._fixed, **values, **written}


def _driver(connection: Connection) -> Any:
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver
