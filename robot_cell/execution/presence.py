"""Which cells have lost their controller: told from the signs of life of its process.

The page of a cell's heartbeats names the process of its controller by number and birth, so a dead
controller is told for sure from a slow one; one that hangs is ended by the cell's supervisor first.
Where the cell's other processes live, the controller is being started again, and goes on by itself
from the journal. A cell of which none lives for a while (whoever starts them would have done so by
then), or whose controller does not come back, is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from robot_cell.execution.heartbeat import Beat, HeartbeatPage

CONTROLLER: Final = "cell"
"""What the cell controller is called on its cell's page."""

BACK_WITHIN_S: Final = 60.0
"""How long a controller may take to be started again, wall time."""

ALL_DEAD_S: Final = 5.0
"""How long a cell may be without any process, wall time: launch starts them again within 2 s."""

Change = Literal["ended", "lost"]


@dataclass
class _Seen:
    """A cell's controller: the last one that lived, and what was told of its end."""

    alive: tuple[int, int] | None = None
    dead: tuple[int, int] | None = None
    since_s: float = 0.0
    any_alive_s: float = 0.0
    told_lost: bool = False


class Presence:
    """Looks after the controllers of cells.

    Args:
        run_dir: of the plant; its `heartbeats` have a page per cell.
        cells: their names.
        now_s: monotonic wall time.
    """

    def __init__(
        self, run_dir: Path, cells: Iterable[str], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._pages = {
            cell: HeartbeatPage(run_dir / "heartbeats" / f"{cell}.page") for cell in cells
        }
        self._seen = {cell: _Seen() for cell in self._pages}
        self._now_s = now_s

    def look(self) -> list[tuple[str, Change]]:
        """What has become of cells since the last look: a controller has ended, a cell is lost."""
        changes: list[tuple[str, Change]] = []
        for cell, page in self._pages.items():
            beats = page.read()
            change = self._judge(self._seen[cell], beats.pop(CONTROLLER, None), beats.values())
            if change is not None:
                changes.append((cell, change))
        return changes

    def _judge(self, seen: _Seen, beat: Beat | None, others: Iterable[Beat]) -> Change | None:
        if beat is not None and beat.alive():
            seen.alive = (beat.pid, beat.born)
            return None
        last = seen.alive or (None if beat is None else (beat.pid, beat.born))
        if last is None:
            return None
        now_s = self._now_s()
        fresh = seen.dead != last
        if fresh:
            seen.dead, seen.told_lost = last, False
            seen.since_s = seen.any_alive_s = now_s
        if seen.told_lost:
            return None
        if any(other.alive() for other in others):
            seen.any_alive_s = now_s
        if now_s - seen.any_alive_s > ALL_DEAD_S or now_s - seen.since_s > BACK_WITHIN_S:
            seen.told_lost = True
            return "lost"
        return "ended" if fresh else None

    def present(self, cell: str) -> bool:
        """Whether the cell's controller lives now."""
        beat = self._pages[cell].read().get(CONTROLLER)
        return beat is not None and beat.alive()

    def close(self) -> None:
        """Give the pages back."""
        for page in self._pages.values():
            page.close()
