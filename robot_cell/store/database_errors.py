"""What the databases' errors mean for the journal, and what to do about each."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import DBAPIError

from robot_cell.store.errors import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalUnavailable,
)

_Meaning = tuple[type[JournalError], str]

_FULL: Final[_Meaning] = (
    JournalFull,
    "no room left: free space on its disk; new orders are refused until then",
)
_LOCKED: Final[_Meaning] = (
    JournalLocked,
    "another process holds it: ask again; if that lasts, find the process (fuser for a file, "
    "pg_locks for PostgreSQL)",
)
_CORRUPT: Final[_Meaning] = (
    JournalCorrupt,
    "damaged, or not a journal: keep the file and its -wal for analysis, restore a backup",
)
_IO: Final[_Meaning] = (
    JournalUnavailable,
    "reading or writing failed: check its disk; nothing of this request was stored",
)
_CLOSED: Final[_Meaning] = (
    JournalUnavailable,
    "it cannot be opened for writing: check that it exists and who may write there",
)
_GONE: Final[_Meaning] = (
    JournalUnavailable,
    "its server does not answer: check that it runs and can be reached",
)

# The low byte of an extended result code is the primary code (https://www.sqlite.org/rescode.html,
# clause 2).
_SQLITE: Final[dict[int, _Meaning]] = {
    3: _CLOSED,  # PERM
    5: _LOCKED,  # BUSY
    6: _LOCKED,
    8: _CLOSED,  # READONLY
    10: _IO,  # IOERR
    11: _CORRUPT,
    13: _FULL,
    14: _CLOSED,  # CANTOPEN
    26: _CORRUPT,  # NOTADB
}

# The longest beginning that fits counts (PostgreSQL's manual, appendix A).
_POSTGRESQL: Final[dict[str, _Meaning]] = {
    "08": _GONE,
    "25006": _CLOSED,  # read only
    "25P03": _GONE,  # not heard of in mid-transaction: the server has ended it
    "28": _CLOSED,  # authorisation
    "3D": _CLOSED,  # no such database
    "42501": _CLOSED,  # insufficient privilege
    "53": _GONE,  # too many connections, out of memory
    "53100": _FULL,
    "55P03": _LOCKED,  # lock_timeout
    "57": _GONE,  # shutdown, crash
    "58": _IO,
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
}


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the database's errors into the journal's; `where` names the journal."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        meaning = _meaning(error)
        said = error.orig if isinstance(error, DBAPIError) else error
        if meaning is None:
            raise JournalError(f"{where}: the database refused ({said})") from error
        kind, what = meaning
        raise kind(f"{where}: {what} ({said})") from error


def _meaning(error: DBAPIError | sqlite3.Error) -> _Meaning | None:
    origin = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(origin, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    state = getattr(origin, "sqlstate", None)
    if state:
        fitting = [begin for begin in _POSTGRESQL if state.startswith(begin)]
        return _POSTGRESQL[max(fitting, key=len)] if fitting else None
    # psycopg has no SQLSTATE for a server that cannot be reached at all.
    return _GONE if type(origin).__name__ == "OperationalError" else None
