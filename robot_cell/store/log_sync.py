"""Waits until what a transaction wrote into SQLite's log is on the disk, without the write lock.

SQLite with `synchronous=FULL` waits for the disk while it holds the lock that all processes want,
so there are never more commits than the disk takes one after the other. Here a commit only writes
the log, and who made it synchronises the log afterwards, before it acknowledges: the waits of
several processes overlap, and the kernel makes one flush of the disk's cache of many. The log is
written in the order of the commits, so what is synchronised includes all that was read for it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from robot_cell.store.errors import JournalUnavailable

ROOM_BYTES: Final = 8 << 20
"""What the log is given at once: more than it has when its content goes into the database."""

_READERS_MS: Final = 50
"""How long carrying over waits for who reads what is in the log, while nobody can write."""


def log_of(engine: Engine) -> LogSync | None:
    """The log of an engine's file; None for a server, which waits for its disk itself."""
    file = engine.url.database
    if engine.url.get_backend_name() != "sqlite" or not file:
        return None
    return LogSync(Path(file).absolute())


class LogSync:
    """The log of one journal file, as one process sees it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + "-wal")
        self._lock = threading.Lock()
        self._handle: int | None = None
        self._failed = False
        self._roomy = False

    def make_room(self) -> None:
        """Let the file have its size beforehand; called by who alone may write.

        A file that grows has its new size written to the file system's own journal at each
        synchronisation: three times as long as the content alone. What is behind the last commit
        in a log is not read. A disk without the room does without.
        """
        if self._roomy:
            return
        self._roomy = True
        with contextlib.suppress(OSError), self._lock:
            missing = ROOM_BYTES - self._path.stat().st_size
            if missing > 0:
                os.posix_fallocate(self._current(), ROOM_BYTES - missing, missing)

    def wait(self) -> None:
        """Return when all that has been committed until now outlasts a power cut.

        Raises:
            JournalUnavailable: the disk could not. What was committed may be lost in a power cut,
                and a second try proves nothing: the system reports such a failure once. So every
                later call fails as well, until the journal is opened again.
        """
        with self._lock:
            if self._failed:
                raise self._unavailable("an earlier synchronisation failed")
            try:
                os.fdatasync(self._current())
            except OSError as error:
                self._failed = True
                raise self._unavailable(str(error)) from error

    def carry_over(self, engine: Engine) -> None:
        """Carry the log over into the database, so that it is begun anew and does not grow.

        SQLite would try it at each commit as soon as the log is long, and with several processes at
        work never come to an end, because meanwhile the next one has committed. So it is done
        seldom, and everybody waits for it once. A reader may be in the way; then it is done in
        part, and again next time.
        """
        with (
            contextlib.suppress(sqlite3.Error, SQLAlchemyError),
            contextlib.closing(engine.raw_connection()) as pooled,
        ):
            connection: Any = pooled.driver_connection
            ((before,),) = connection.execute("PRAGMA busy_timeout").fetchall()
            connection.execute(f"PRAGMA busy_timeout={_READERS_MS}")
            try:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout={before}")

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def _current(self) -> int:
        """A handle of the log; SQLite makes a new file after the last connection has gone."""
        there = self._path.stat()
        if self._handle is not None:
            mine = os.fstat(self._handle)
            if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
                return self._handle
            os.close(self._handle)
            self._handle = None
        self._handle = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        return self._handle

    def _unavailable(self, why: str) -> JournalUnavailable:
        return JournalUnavailable(
            f"{self._path}: the disk did not take what was written ({why}): it may be lost in a "
            "power cut; check the disk, then start this process again"
        )
