"""How much of what is over the gateway keeps at hand, and which orders that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from robot_cell.store import OperationRecord, OrderRecord
from robot_cell.store.past import AT_WORK, STOPS_A_UNIT

DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True)
class Window:
    """What is kept besides open orders: those that were over last, whole.

    Attributes:
        operations: so many at most, with those of open orders: what a page draws smoothly.
        least: but so many of what is over, however much is open.
        ns: how long ago it may have been over, plant time.
    """

    operations: int = 10_000
    least: int = 2_000
    ns: int = 31 * DAY_NS

    def over(self, opened: int) -> int:
        """How many operations of what is over are kept beside so many of open orders."""
        return max(self.least, self.operations - opened)


class Over:
    """The orders at hand that are over, with when that was and how many operations they have."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._ends: dict[str, tuple[int, int]] = {}
        self._operations = 0

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._ends

    def note(self, order: OrderRecord, records: Sequence[OperationRecord]) -> None:
        """Look again whether an order is over."""
        order_id = order.order.order_id
        self.forget([order_id])
        if not is_open(records):
            self._ends[order_id] = (over_ns(order, records), len(records))
            self._operations += len(records)

    def forget(self, ids: Iterable[str]) -> None:
        """Some orders are not at hand any more."""
        for one in ids:
            _, count = self._ends.pop(one, (0, 0))
            self._operations -= count

    def surplus(self, operations: int, now_ns: int) -> list[str]:
        """What is to be let go, the oldest first: a tenth of the window at once, so seldom.

        `operations` are those at hand, open or over; `now_ns` is plant time of the newest event.
        """
        most = self._window.over(operations - self._operations)
        since_ns = now_ns - self._window.ns
        too_many = self._operations - most
        if too_many <= most // 10 and all(ended[0] >= since_ns for ended in self._ends.values()):
            return []
        found: list[str] = []
        for order_id, (ended_ns, count) in sorted(
            self._ends.items(), key=lambda o: (o[1][0], o[0])
        ):
            if too_many <= 0 and ended_ns >= since_ns:
                break
            found.append(order_id)
            too_many -= count
        return found


def is_open(records: Iterable[OperationRecord]) -> bool:
    """Whether something of an order is at work, waits for a person or can still be begun."""
    listed = list(records)
    stopped = {o.unit for o in listed if o.status in STOPS_A_UNIT}
    return any(
        o.status in AT_WORK or (o.status == "planned" and o.unit not in stopped) for o in listed
    )


def over_ns(order: OrderRecord, records: Iterable[OperationRecord]) -> int:
    """When the last was done about an order, plant time."""
    ends = [o.actual_end_ns for o in records if o.actual_end_ns is not None]
    return max([*ends, order.cancelled_ns or 0])
