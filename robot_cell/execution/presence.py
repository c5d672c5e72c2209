"""Which cells have lost their controller: told from the signs of life of its process.

The page of a cell's heartbeats names the process of its controller by number and birth, so a dead
controller is told for sure from a slow one; one that hangs is ended by the cell's supervisor first.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from robot_cell.execution.heartbeat import Beat, HeartbeatPage

CONTROLLER: Final = "cell"
"""What the cell controller is called on its cell's page."""


class Presence:
    """Looks after the controllers of cells.

    Args:
        run_dir: of the plant; its `heartbeats` have a page per cell.
        cells: their names.
    """

    def __init__(self, run_dir: Path, cells: Iterable[str]) -> None:
        self._pages = {
            cell: HeartbeatPage(run_dir / "heartbeats" / f"{cell}.page") for cell in cells
        }
        self._seen: dict[str, tuple[int, int]] = {}
        self._dead: dict[str, tuple[int, int]] = {}

    def look(self) -> list[str]:
        """Cells whose controller has ended since the last look."""
        lost = []
        for cell, page in self._pages.items():
            beat = page.read().get(CONTROLLER)
            if beat is not None and beat.alive():
                self._seen[cell] = (beat.pid, beat.born)
                continue
            seen = self._seen.get(cell) or _named(beat)
            if seen is not None and self._dead.get(cell) != seen:
                self._dead[cell] = seen
                lost.append(cell)
        return lost

    def present(self, cell: str) -> bool:
        """Whether the cell's controller lives now."""
        beat = self._pages[cell].read().get(CONTROLLER)
        return beat is not None and beat.alive()

    def close(self) -> None:
        """Give the pages back."""
        for page in self._pages.values():
            page.close()


def _named(beat: Beat | None) -> tuple[int, int] | None:
    return None if beat is None else (beat.pid, beat.born)
