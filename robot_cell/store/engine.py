"""Opens the database: one file, several processes, on the disk before it is acknowledged."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url

from robot_cell.store.errors import JournalUnavailable

BUSY_TIMEOUT_S: Final = 30.0
WRITES: Final = {"robot_cell_writes": True}


def open_engine(where: Path | str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine for a file or an SQLAlchemy URL.

    SQLite runs in WAL mode (readers never wait) with `synchronous=FULL` (a commit is on the disk
    when it returns). Transactions that write begin with BEGIN IMMEDIATE: they wait for their turn
    at their start, where waiting is harmless, and not half-way, where SQLite would refuse.
    """
    if isinstance(where, str) and "://" in where:
        url = make_url(where)
    else:
        path = Path(where)
        if not path.absolute().parent.is_dir():
            raise JournalUnavailable(f"{path}: its folder does not exist; create it first")
        url = make_url("sqlite://").set(database=str(path))
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("robot_cell_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
