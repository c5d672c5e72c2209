"""Thousands of rows, in a process in which other threads work as well.

SQLite's driver lets go of the interpreter and takes it again at every row, and waits for those
threads each time: the database writes all rows into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Select, func, select


def rows_at_once(connection: Connection, query: Select[Any]) -> Sequence[Sequence[Any]]:
    """All rows of a query for texts and whole numbers, in no order."""
    if connection.dialect.name != "sqlite":
        return connection.execute(query).all()
    rows = query.subquery()
    query = select(func.json_group_array(func.json_array(*rows.c)))
    found: list[list[Any]] = orjson.loads(connection.execute(query).scalar_one())
    return found
