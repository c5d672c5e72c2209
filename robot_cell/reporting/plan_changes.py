"""What a run lost and how its plan changed, read from the journal's events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from robot_cell.store import EventRecord

LOST: Final = "cell lost"
BACK: Final = "cell back"
REPAIRED: Final = "plan repaired"
IMPROVED: Final = "plan improved"
DRAFTED: Final = "plan drafted"
_NAMED_AT_MOST: Final = 6
_WORTH_TELLING_S: Final = 0.05


@dataclass(frozen=True)
class Happening:
    """One thing that happened to the plant or to its plan.

    Attributes:
        at_s: plant seconds after the start.
        what: `cell lost`, `cell back`, `plan repaired`, `plan improved` or `plan drafted`.
        text: a sentence for people.
        data: the same as values.
    """

    at_s: float
    what: str
    text: str
    data: Any


def happenings(events: Iterable[EventRecord]) -> list[Happening]:
    """What happened, oldest first; other events are left out."""
    known = {
        LOST: _lost, BACK: _back, REPAIRED: _repaired, IMPROVED: _improved, DRAFTED: _drafted,
    }  # fmt: skip
    return [
        Happening(round(event.at_ns * 1e-9, 3), event.what, known[event.what](event.data),
                  event.data)
        for event in events
        if event.what in known
    ]  # fmt: skip


def lost_cells(found: Sequence[Happening]) -> set[str]:
    """Cells that were lost and have not come back."""
    lost: set[str] = set()
    for one in found:
        if one.what == LOST:
            lost.add(one.data["cell"])
        elif one.what == BACK:
            lost.discard(one.data["cell"])
    return lost


def waiting_operations(found: Sequence[Happening]) -> tuple[str, ...]:
    """Operations that have no place in the latest plan."""
    for one in reversed(found):
        if one.what in (REPAIRED, IMPROVED):
            return tuple(one.data["waiting"])
    return ()


def _lost(data: Any) -> str:
    had = [f"{one['operation_id']}: {one['message']}" for one in data["interrupted"]]
    return f"{data['cell']} is lost; " + ("; ".join(had) if had else "it had no work")


def _back(data: Any) -> str:
    return f"{data['cell']} is back"


def _repaired(data: Any) -> str:
    return f"plan {data['revision']}, because {data['because']}: {_change(data)}"


def _improved(data: Any) -> str:
    return f"plan {data['revision']}, better than the repaired one: {_change(data)}"


def _drafted(data: Any) -> str:
    return f"a better plan than {data['revision']} waits for approval: {_change(data)}"


def _change(data: Any) -> str:
    parts = [f"{len(data['moved'])} of {data['open']} operations on another cell"]
    if data["moved"]:
        ways = sorted({f"{m['from_cell']} to {m['to_cell']}" for m in data["moved"]})
        parts[0] += f" ({', '.join(ways)})"
    waiting = data["waiting"]
    if waiting:
        named = ", ".join(waiting[:_NAMED_AT_MOST])
        more = f" and {len(waiting) - _NAMED_AT_MOST} more" if len(waiting) > _NAMED_AT_MOST else ""
        parts.append(f"{len(waiting)} wait for a cell ({named}{more})")
    parts.append(f"end at {data['end_after_s']:.1f} s instead of {data['end_before_s']:.1f} s")
    later_s = data["orders_later_s"]
    if abs(later_s) >= _WORTH_TELLING_S:
        parts.append(
            f"orders end {abs(later_s):.1f} s {'later' if later_s > 0 else 'earlier'} on average"
        )
    return "; ".join(parts)
