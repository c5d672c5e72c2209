"""Opens the database: one log of events, several processes, durable before it is acknowledged."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError

from robot_cell.store.errors import JournalUnavailable

BUSY_TIMEOUT_S: Final = 30.0
WRITES: Final = {"robot_cell_writes": True}

_PAUSE_S: Final = (0.0004, 0.003)
"""How long whoever waits for SQLite sleeps before it looks again, at first and at most."""

_CACHE_KB: Final = 512
"""Pages of the file that each connection to SQLite keeps; the system keeps them all, once. Of its
own accord it would be 2 MB, which fill up within an hour, for each connection of a process."""

_GONE_SHARE: Final = 0.7
"""Of the time that a writer waits for its turn: when one that is not heard of loses its own."""

_KEEPALIVE_S: Final = 60

_TURN: Final = 0x63656C6C
"""PostgreSQL's advisory lock of whoever writes; locks are counted within a database."""


def journal_url(where: Path | str) -> URL:
    """The SQLAlchemy URL of a file, or of what is a URL already.

    Raises:
        JournalUnavailable: the file's folder does not exist, or the database is of no kind that
            the journal can live in.
    """
    if isinstance(where, str) and "://" in where:
        try:
            url = make_url(where)
        except ArgumentError:
            raise JournalUnavailable(
                "the journal's URL cannot be read; it looks like "
                "postgresql://user:password@host:5432/database"
            ) from None
        if url.get_backend_name() == "postgresql":
            return url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() != "sqlite":
            raise JournalUnavailable(f"{named(where)}: a journal lives in SQLite or PostgreSQL")
        return url
    path = Path(where)
    if not path.absolute().parent.is_dir():
        raise JournalUnavailable(f"{path}: its folder does not exist; create it first")
    return make_url("sqlite://").set(database=str(path))


def named(where: Path | str) -> str:
    """A journal's place as people may see it: without a password."""
    if isinstance(where, str) and "://" in where:
        return make_url(where).render_as_string(hide_password=True)
    return str(where)


def open_engine(where: Path | str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine for a file or an SQLAlchemy URL.

    Whoever writes is alone: transactions that write wait for their turn at their start, where
    waiting is harmless. So the events have one order, and what is read is never behind a gap.
    """
    url = journal_url(where)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, busy_timeout_s)
    return _open_postgresql(url, busy_timeout_s)


def _open_sqlite(url: URL, busy_timeout_s: float) -> Engine:
    """WAL mode: readers never wait. A commit is on the disk once `LogSync` has waited for it.

    `synchronous=NORMAL` keeps the file whole over a power cut: the log is synchronised before its
    content goes into the database and before it is begun anew.
    """
    engine = create_engine(url, connect_args={"timeout": busy_timeout_s})
    # A new file's name must outlast a power cut as well as what is in it.
    new = url.database is not None and not Path(url.database).exists()

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        _use_wal(cursor, busy_timeout_s)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA wal_autocheckpoint=0")  # `LogSync.carry_over` does it
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        cursor.close()
        if new and url.database is not None:
            _sync_folder(Path(url.database).absolute().parent)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("robot_cell_writes"):
            _await_turn(connection, busy_timeout_s)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _await_turn(connection: Connection, busy_timeout_s: float) -> None:
    """Begin to write once nobody else does.

    SQLite would look again after 1, 2, 5, ... 100 ms; a change of a step takes about one, and who
    came late would always find a place before who sleeps.
    """
    raw = connection.connection.driver_connection
    assert raw is not None
    deadline_s = time.monotonic() + busy_timeout_s
    raw.execute("PRAGMA busy_timeout=0")
    pause_s = _PAUSE_S[0]
    try:
        while True:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            if time.monotonic() > deadline_s:
                break
            time.sleep(random.uniform(0.5, 1.5) * pause_s)
            pause_s = min(1.2 * pause_s, _PAUSE_S[1])
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLAlchemy's errors have its own form
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}")


def _open_postgresql(url: URL, busy_timeout_s: float) -> Engine:
    """A commit is on the server's disk; a read sees the journal as it was at one instant."""
    gone_s = max(3, int(busy_timeout_s * _GONE_SHARE))
    settings = {
        "synchronous_commit": "on",
        "lock_timeout": int(busy_timeout_s * 1000),
        # A client that takes no answer, or is gone without a word: left to itself the server would
        # notice after two hours (PostgreSQL's manual, 20.3.2).
        "tcp_user_timeout": gone_s * 1000,
        "tcp_keepalives_idle": _KEEPALIVE_S,
        "tcp_keepalives_interval": _KEEPALIVE_S // 6,
        "tcp_keepalives_count": 6,
    }
    # From here a server that is not heard of is waited for: a cell whose cable is out goes on where
    # it was once the cable is back.
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    engine = create_engine(
        url,
        connect_args={"options": options, "connect_timeout": 10},
        pool_pre_ping=True,  # the server may have been restarted
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("robot_cell_writes"):
            # Whoever is cut off in mid-transaction has the turn: the server takes it back before
            # the others' patience ends. Readers keep nobody waiting, and may think for long.
            connection.exec_driver_sql(
                "SELECT set_config('idle_in_transaction_session_timeout', "
                f"'{gone_s * 1000}', true), pg_advisory_xact_lock({_TURN})"
            )
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _use_wal(cursor: Any, busy_timeout_s: float) -> None:
    """Switch a new file to WAL; SQLite does not wait when several processes do so at once."""
    deadline = time.monotonic() + busy_timeout_s
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
