"""Backup of a journal in a file while it is written to, and going on from a backup.

PostgreSQL has its own means (docs/journal.md); going on from a backup is the same for both.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from robot_cell.store.errors import JournalError, JournalUnavailable
from robot_cell.store.log import Transaction
from robot_cell.store.tables import facts, operations, steps

MARGIN: Final = 1_000_000
"""How many step ids and tokens a plant can have given after the backup was made, at most."""


def copy(source: Path, target: Path) -> None:
    """Copy a journal as it is at one instant; who reads or writes it need not wait.

    Raises:
        JournalUnavailable: there is no such journal, or the target is there already or cannot be
            written; nothing is left of it.
    """
    if not source.is_file():
        raise JournalUnavailable(f"{source}: there is no journal")
    if target.exists():
        raise JournalUnavailable(f"{target}: is there already; a backup replaces nothing")
    part = target.with_name(target.name + ".part")
    try:
        with (
            contextlib.closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
            ) as old,
            contextlib.closing(sqlite3.connect(part)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        _sync(part)
        part.rename(target)
        _sync(target.absolute().parent)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise JournalUnavailable(
            f"{target}: the backup failed ({error}); nothing is left of it"
        ) from error


def go_on(transaction: Transaction, who: str) -> int:
    """Make a restored journal ready for work: old ids that devices and cells know are not reused.

    What happened after the backup is not in it. A device keeps the id of the last step that it was
    given, a cell the highest token; had the plant the same ids twice, they would answer for the
    wrong step, and refuse the new lease.
    """
    connection = transaction.connection
    step = int(connection.scalar(select(func.coalesce(func.max(steps.c.step_id), 0))) or 0)
    floor = connection.scalar(select(facts.c.value).where(facts.c.name == "step_floor"))
    step = max(step, int(floor or 0))  # the last may have been given by hand
    token = int(connection.scalar(select(func.coalesce(func.max(operations.c.token), 0))) or 0)
    data = {"step_floor": step + MARGIN, "token_floor": token + MARGIN}
    return transaction.record("restored", 0, who, data)


def restore(backup: Path, target: Path) -> None:
    """Put a backup in the place of a journal that is not there any more.

    Raises:
        JournalError: there is a journal at the target, or the log of one.
    """
    for name in (target.name, f"{target.name}-wal", f"{target.name}-shm"):
        if target.with_name(name).exists():
            raise JournalError(
                f"{target.with_name(name)}: is in the way; stop the plant and move it (with its "
                "-wal and -shm) aside first"
            )
    copy(backup, target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
