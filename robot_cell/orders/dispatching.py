"""What may start now: the published schedule's order, the recipe, releases and calendars.

The schedule decides which cell does what and in which order; the clock of the shop floor decides
when: an operation starts as soon as its turn has come, its cell is set up for its product, and
everything it needs is there. A cell is set up from when it is idle and that product's turn has
come, in open time; should another product's turn come before it has begun, it is set up anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from robot_cell.model import PlannedOperation
from robot_cell.orders.setups import SettingUp, SetupTimes


@dataclass(frozen=True)
class WorkState:
    """What must be known of the work: statuses, what comes before what, and releases.

    Attributes:
        status: of every operation, by operation id.
        before: operations that must be complete first, by operation id.
        release_ns: plant time before which an order's work may not start.
        closed: for each cell, disjoint ordered intervals [start, end) in which nothing may run.
        product: of an order, by order id; may be left out in a plant without setups.
        last_product: what each cell has begun last.
        setups: how long cells are set up.
    """

    status: Mapping[str, str]
    before: Mapping[str, Sequence[str]]
    release_ns: Mapping[str, int]
    closed: Mapping[str, Sequence[tuple[int, int]]]
    product: Mapping[str, str] = field(default_factory=dict)
    last_product: Mapping[str, str] = field(default_factory=dict)
    setups: SetupTimes = field(default_factory=SetupTimes)


@dataclass(frozen=True)
class Decision:
    """What to start now, and when something else can start because of time alone.

    Attributes:
        setting_up: the cells that are set up meanwhile; the next decision wants to know of them.
    """

    start: tuple[PlannedOperation, ...]
    wake_ns: int | None
    setting_up: Mapping[str, SettingUp] = field(default_factory=dict)


def decide(
    schedule: Iterable[PlannedOperation],
    work: WorkState,
    idle_cells: Collection[str],
    now_ns: int,
    setting_up: Mapping[str, SettingUp] | None = None,
) -> Decision:
    """Look at each idle cell's next operation in the schedule's order.

    `setting_up` is what the decision before said of it.
    """
    setups = dict(setting_up or {})
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
        set_up_ns = _set_up(work, row, now_ns, setups)
        if any(status != "complete" for status in statuses):
            continue
        open_ns = _opens(
            work.closed.get(row.cell, ()),
            max(now_ns, work.release_ns[row.order_id], set_up_ns),
            row.end_ns - row.start_ns,
        )
        if open_ns <= now_ns:
            start.append(row)
            setups.pop(row.cell, None)
        else:
            wakes.append(open_ns)
    return Decision(tuple(start), min(wakes) if wakes else None, setups)


def _set_up(
    work: WorkState, row: PlannedOperation, now_ns: int, setups: dict[str, SettingUp]
) -> int:
    """From when on the cell of a row whose turn has come is set up for it; keeps `setups`."""
    before, product = work.last_product.get(row.cell), work.product.get(row.order_id)
    takes_ns = work.setups.ns(row.cell, before, product)
    if not takes_ns or before is None or product is None:
        setups.pop(row.cell, None)
        return now_ns
    begun = setups.get(row.cell)
    if begun is None or (begun.before, begun.product) != (before, product):
        begun = setups[row.cell] = SettingUp(before, product, now_ns)
    return _opens(work.closed.get(row.cell, ()), begun.since_ns, takes_ns) + takes_ns


def _opens(closed: Sequence[tuple[int, int]], at_ns: int, duration_ns: int) -> int:
    """Earliest instant from `at_ns` on at which so long a piece of work fits."""
    for start, end in closed:
        if end <= at_ns:
            continue
        if start >= at_ns + duration_ns:
            break
        at_ns = end
    return at_ns
