"""What can go wrong with the journal, each with what to do about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from robot_cell.errors import RobotCellError


class JournalError(RobotCellError):
    """The journal could not do what it was asked for; nothing of it was stored."""


class JournalFull(JournalError):  # noqa: N818 - named after the state of the journal
    """There is no room left; running work may finish, new orders are refused."""


class JournalLocked(JournalError):  # noqa: N818
    """Another process held the journal for longer than the busy time-out; ask again."""


class JournalCorrupt(JournalError):  # noqa: N818
    """The file is damaged or is no journal; keep it for analysis and restore a backup."""


class JournalUnavailable(JournalError):  # noqa: N818
    """The file cannot be opened, read or written."""


class OtherVersion(JournalError):  # noqa: N818
    """The journal was written by another version of robot_cell."""


class OrderConflict(JournalError):  # noqa: N818
    """An order id is known with other content.

    Attributes:
        conflicts: per order id, the names of the fields that differ.
    """

    def __init__(self, conflicts: dict[str, tuple[str, ...]]) -> None:
        self.conflicts = conflicts
        first = ", ".join(f"{o} ({', '.join(f)})" for o, f in list(conflicts.items())[:10])
        more = f" and {len(conflicts) - 10} more" if len(conflicts) > 10 else ""
        super().__init__(
            f"known with other content: {first}{more}. An accepted order is never changed: "
            "cancel it and submit the new content under a new id. Nothing of the batch was stored."
        )


class BatchTooLarge(JournalError):  # noqa: N818
    """A batch would create more operations than one transaction may hold."""


class UnknownOrder(JournalError):  # noqa: N818
    """There is no order with this id."""


class UnknownOperation(JournalError):  # noqa: N818
    """There is no operation with this id."""


class UnknownStep(JournalError):  # noqa: N818
    """There is no step with this id."""


class WrongStatus(JournalError):  # noqa: N818
    """An operation or step is not in a status from which this is possible.

    Attributes:
        subject: the operation id or step id.
        status: the status that it has.
    """

    def __init__(self, subject: str, status: str, wanted: str) -> None:
        self.subject, self.status = subject, status
        super().__init__(f"{subject} is {status}; {wanted}")


class StaleToken(JournalError):  # noqa: N818
    """A cell acts under a lease that has passed to somebody else: it must stop and ask again."""

    def __init__(self, operation_id: str, token: int, current: int) -> None:
        self.operation_id, self.token, self.current = operation_id, token, current
        super().__init__(
            f"{operation_id}: token {token} is void, the lease has token {current}; "
            "stop the operation and ask the scheduler again"
        )


# Result codes, https://www.sqlite.org/rescode.html (Python names them from 3.11 on).
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = (
    3,
    5,
    6,
    8,
    10,
    11,
    13,
    14,
    26,
)
_BY_CODE: tuple[tuple[tuple[int, ...], type[JournalError], str], ...] = (
    (
        (_FULL,),
        JournalFull,
        "no room left: free space on its disk; new orders are refused until then",
    ),
    (
        (_BUSY, _LOCKED),
        JournalLocked,
        "another process holds it: ask again; if that lasts, find the process with fuser",
    ),
    (
        (_CORRUPT, _NOTADB),
        JournalCorrupt,
        "damaged, or not a journal: keep the file and its -wal for analysis, restore a backup",
    ),
    (
        (_IOERR,),
        JournalUnavailable,
        "reading or writing failed: check its disk; nothing of this request was stored",
    ),
    (
        (_CANTOPEN, _READONLY, _PERM),
        JournalUnavailable,
        "it cannot be opened for writing: check that its folder exists and who may write there",
    ),
)


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the database's errors into the journal's; `where` names the journal."""
    try:
        yield
    except DBAPIError as error:
        # The low byte is the primary code (https://www.sqlite.org/rescode.html, clause 2).
        code = getattr(error.orig, "sqlite_errorcode", -1) & 0xFF
        for codes, kind, what in _BY_CODE:
            if code in codes:
                raise kind(f"{where}: {what} ({error.orig})") from error
        raise JournalError(f"{where}: the database refused ({error.orig})") from error
