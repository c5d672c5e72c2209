"""What was promised first: when the first plan after an order's batch had it done."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from robot_cell.model import PlannedOperation
from robot_cell.store import Journal
from robot_cell.store.looks import first_revision_after
from robot_cell.store.past import orders_of_batch

KEPT: Final = 20_000
"""So many orders' promises are kept, of the batches that were asked for last; each was read from a
whole plan."""


class FirstPromises:
    """The first promises of orders, read from the journal a batch at a time, and kept for a while.

    A promise never changes once there is a plan.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, dict[str, int]] = OrderedDict()
        self._count = 0

    def of(self, batch_id: int, order_id: str) -> int | None:
        """When the first plan after a batch ends an order of it, plant time in ns."""
        with self._lock:
            known = self._kept.get(batch_id)
            if known is not None:
                self._kept.move_to_end(batch_id)
        if known is None:
            known = self._journal.look(lambda tx: _of_batch(tx, batch_id))
            if known is None:
                return None
            self._keep(batch_id, known)
        return known.get(order_id)

    def _keep(self, batch_id: int, known: dict[str, int]) -> None:
        with self._lock:
            if batch_id in self._kept:
                return
            self._kept[batch_id] = known
            self._count += len(known)
            while self._count > KEPT and len(self._kept) > 1:
                self._count -= len(self._kept.popitem(last=False)[1])


def _of_batch(connection: Connection, batch_id: int) -> dict[str, int] | None:
    """None where nothing was planned since the batch came."""
    first = first_revision_after(connection, batch_id)
    if first is None:
        return None
    ends = planned_ends(first.rows)
    return {one: ends[one] for one in orders_of_batch(connection, batch_id) if one in ends}


def planned_ends(rows: Iterable[PlannedOperation]) -> dict[str, int]:
    """When a plan ends each order, plant time in ns."""
    ends: dict[str, int] = {}
    for row in rows:
        ends[row.order_id] = max(ends.get(row.order_id, 0), row.end_ns)
    return ends
