"""Several threads' changes in one transaction: one wait for the disk instead of one each.

Nothing is acknowledged before the disk has it. Whoever comes while another commits waits for its
turn, and then takes along everybody who has come in the meantime. Nobody waits for company: a lone
change is committed at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Engine

from robot_cell import failpoints
from robot_cell.store.log import Transaction
from robot_cell.store.log_sync import LogSync

MAX_GROUP: Final = 256
"""No more than this in one transaction, so that nobody waits long for the others' work."""

CARRY_OVER_EVENTS: Final = 256
"""After so many events SQLite's log is carried over into the database: some 5 MB of it."""

_T = TypeVar("_T")


@dataclass(slots=True)
class _Change:
    work: Callable[[Transaction], Any]
    done: bool = False
    result: Any = None
    error: BaseException | None = None


class GroupCommit:
    """The one way to write: `run` returns when what it was given is durable, or was refused."""

    def __init__(self, engine: Engine, log: LogSync | None) -> None:
        """`log` is waited for after each commit; None for a database that does so itself."""
        self._engine = engine
        self._log = log
        self._waiting: list[_Change] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def run(self, work: Callable[[Transaction], _T]) -> _T:
        """Do a piece of work in a transaction; it may be begun again if others of its group fail.

        Raises:
            Exception: what the work raised, or the database at the commit; nothing is stored then.
        """
        change = _Change(work)
        with self._lock:
            self._waiting.append(change)
        with self._turn:
            while not change.done:  # more than a group may have been waiting
                with self._lock:
                    group = self._waiting[:MAX_GROUP]
                    del self._waiting[:MAX_GROUP]
                self._commit(group)
        if change.error is not None:
            raise change.error
        result: _T = change.result
        return result

    def _commit(self, group: list[_Change]) -> None:
        try:
            with self._engine.begin() as connection:
                if self._log is not None:
                    self._log.make_room()
                transaction = Transaction(connection)
                results = [change.work(transaction) for change in group]
                failpoints.reach("journal.changed")
        except BaseException as error:
            if len(group) > 1 and isinstance(error, Exception):
                for change in group:  # one of them fails: which one, and for whom it matters not
                    self._commit([change])
                return
            for change in group:
                change.done, change.error = True, error
            return
        carry_over = transaction.passed(CARRY_OVER_EVENTS)
        failed: BaseException | None = None
        try:
            failpoints.reach("journal.committed")
            # Also if nothing was written: what was read may be another's, who is still waiting.
            if self._log is not None:
                self._log.wait()
                if carry_over:
                    self._log.carry_over(self._engine)
        except BaseException as error:
            failed = error
        for change, result in zip(group, results, strict=True):
            change.done, change.result, change.error = True, result, failed
