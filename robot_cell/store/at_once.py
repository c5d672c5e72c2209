"""Thousands of rows, in a process in which other threads work as well.

SQLite's driver lets go of the interpreter and takes it again at every row, and waits for those
threads each time: the database writes all rows into one, or each column of a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Dialect, Select, Text, TypeDecorator, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def rows_at_once(
    connection: Connection, query: Select[Any], given: Mapping[str, Any] | None = None
) -> Sequence[Sequence[Any]]:
    """All rows of a query for texts and whole numbers, in no order.

    `query` is one of a module, which stays the same; `given` are its parameters.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(query, given).all()
    found: list[list[Any]] = orjson.loads(connection.execute(_as_one(query), given).scalar_one())
    return found


@lru_cache(maxsize=64)
def _as_one(query: Select[Any]) -> Select[Any]:
    """A query for one row with all rows of another in it."""
    rows = query.subquery()
    return select(func.json_group_array(func.json_array(*rows.c)))


class _Listed(TypeDecorator[list[Any]]):
    """A list, which SQLite gives as JSON."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[Any]:
        """The list."""
        del dialect
        found: list[Any] = orjson.loads(value) if isinstance(value, str) else value
        return found


class gathered(FunctionElement[list[Any]]):  # noqa: N801 - an SQL function, as those of `func` are
    """A column of a group as a list: whole numbers or texts, all columns in the same order."""

    type = _Listed()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)


@compiles(gathered)
def _by_array(element: gathered, compiler: SQLCompiler, **kw: Any) -> str:
    return f"array_agg({compiler.process(element.clauses, **kw)})"


@compiles(gathered, "sqlite")
def _by_json(element: gathered, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **kw)})"
