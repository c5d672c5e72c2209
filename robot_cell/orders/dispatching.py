"""What may start now: the published schedule's order, the recipe, releases and calendars.

The schedule decides which cell does what and in which order; the clock of the shop floor decides
when: an operation starts as soon as its turn has come and everything it needs is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from robot_cell.model import PlannedOperation


@dataclass(frozen=True)
class WorkState:
    """What must be known of the work: statuses, what comes before what, and releases.

    Attributes:
        status: of every operation, by operation id.
        before: operations that must be complete first, by operation id.
        release_ns: plant time before which an order's work may not start.
        closed: for each cell, disjoint ordered intervals [start, end) in which nothing may run.
    """

    status: Mapping[str, str]
    before: Mapping[str, Sequence[str]]
    release_ns: Mapping[str, int]
    closed: Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Decision:
    """What to start now, and when something else can start because of time alone."""

    start: tuple[PlannedOperation, ...]
    wake_ns: int | None


def decide(
    schedule: Iterable[PlannedOperation],
    work: WorkState,
    idle_cells: Collection[str],
    now_ns: int,
) -> Decision:
    """Look at each idle cell's next operation in the schedule's order."""
    start: list[PlannedOperation] = []
    wakes: list[int] = []
    asked: set[str] = set()
    for row in sorted(schedule, key=lambda row: (row.start_ns, row.operation_id)):
        if row.cell not in idle_cells or row.cell in asked:
            continue
        if work.status.get(row.operation_id) != "planned":
            continue
        statuses = [work.status.get(other) for other in work.before[row.operation_id]]
        if any(status in ("failed", "cancelled", "uncertain") for status in statuses):
            continue  # its unit will never come; the next one must not wait for it
        asked.add(row.cell)
        if any(status != "complete" for status in statuses):
            continue
        open_ns = _opens(
            work.closed.get(row.cell, ()),
            max(now_ns, work.release_ns[row.order_id]),
            row.end_ns - row.start_ns,
        )
        if open_ns <= now_ns:
            start.append(row)
        else:
            wakes.append(open_ns)
    return Decision(tuple(start), min(wakes) if wakes else None)


def _opens(closed: Sequence[tuple[int, int]], at_ns: int, duration_ns: int) -> int:
    """Earliest instant from `at_ns` on at which so long a piece of work fits."""
    for start, end in closed:
        if end <= at_ns:
            continue
        if start >= at_ns + duration_ns:
            break
        at_ns = end
    return at_ns
