"""Versions of what is at hand: what has changed since one that somebody knows."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from robot_cell.gateway import shapes

KEPT_CHANGES: Final = 3000
"""How many changes are remembered for whoever comes back; five minutes of ten a second."""

MANY: Final = 500
"""More changed operations than this are not sent to everybody: who wants them asks."""


@dataclass(frozen=True)
class Change:
    """Which operations changed, or were let go, from one version to the next."""

    before: int
    version: int
    ids: frozenset[str]


class Versions:
    """Counts changes, and remembers which operations they were about.

    Attributes:
        boot: another for every start of a gateway.
        now: the version that there is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self.boot = secrets.token_urlsafe(9)
        self.now = 0

    def changed(self, ids: Iterable[str]) -> None:
        """Some operations are others now, or gone: that is a new version, if there are any."""
        if changed := frozenset(ids):
            with self._lock:
                self._changes.append(Change(self.now, self.now + 1, changed))
                self.now += 1

    def forget(self) -> None:
        """Nobody knows a version from before now."""
        with self._lock:
            self._changes.clear()

    def since(
        self, version: int, boot: str, at_hand: Callable[[], Mapping[str, shapes.Operation]]
    ) -> shapes.Operations:
        """The operations that changed after a version, or all where that is not known any more.

        `at_hand` tells those at hand; of what changed and is not among them, the ids are told.
        """
        with self._lock:
            now, found = self.now, list(self._changes)
        # Asked for after the version: they may be newer than it is told, and never older.
        operations = at_hand()
        known = boot == self.boot and (
            version == now or any(change.before == version for change in found)
        )
        if not known:
            return {
                "boot": self.boot, "version": now, "full": True,
                "operations": list(operations.values()), "gone": [],
            }  # fmt: skip
        ids = {one for change in found if change.before >= version for one in change.ids}
        return {
            "boot": self.boot,
            "version": now,
            "full": False,
            "operations": [operations[one] for one in ids if one in operations],
            "gone": [one for one in ids if one not in operations],
        }
