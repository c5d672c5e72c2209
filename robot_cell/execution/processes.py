"""Which processes of a cell have ended, and come back: told from their signs of life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from robot_cell.execution.heartbeat import Beat

BACK_WITHIN_S: Final = 10.0
"""How long one may take to be started again: launch does it within 2 s."""

Change = Literal["ended", "missing", "back"]


@dataclass
class _Seen:
    lived: bool = False
    ended_s: float | None = None
    missing: bool = False


class ProcessWatch:
    """Tells each change once; what has never lived is not missed here (the supervisor does that).

    Args:
        names: of the processes on their cell's page.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._seen = {name: _Seen() for name in names}

    def look(self, beats: Mapping[str, Beat], now_s: float) -> list[tuple[str, Change]]:
        """What has changed since the last look."""
        changes: list[tuple[str, Change]] = []
        for name, seen in self._seen.items():
            beat = beats.get(name)
            if beat is not None and beat.pid and beat.alive():
                if seen.ended_s is not None:
                    changes.append((name, "back"))
                self._seen[name] = _Seen(lived=True)
            elif seen.lived and beat is not None and beat.pid:
                # One without a number has left by itself: the plant is being ended.
                if seen.ended_s is None:
                    seen.ended_s = now_s
                    changes.append((name, "ended"))
                elif not seen.missing and now_s - seen.ended_s > BACK_WITHIN_S:
                    seen.missing = True
                    changes.append((name, "missing"))
        return changes
