"""The setups before operations, as the plan has them and as they went."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from robot_cell.model import PlannedOperation
from robot_cell.orders.setups import SetupTimes, Turn, setups_before
from robot_cell.store import OperationRecord

_ENDED_BADLY = ("failed", "cancelled", "uncertain")


def setups_s(
    records: Collection[OperationRecord], products: Mapping[str, str], times: SetupTimes
) -> dict[str, float]:
    """Seconds of setup before operations, by operation id; those without are left out.

    What was cancelled, and what follows work that failed, has no turn.
    """
    stopped = {(o.order_id, o.unit) for o in records if o.status in _ENDED_BADLY}
    turns = [
        Turn(o.cell, True, o.planned_start_ns, o.operation_id, products[o.order_id])
        for o in records
        if o.cell is not None
        and o.actual_start_ns is None
        and o.planned_start_ns is not None
        and (o.order_id, o.unit) not in stopped
        and o.order_id in products
    ]
    return _seconds([*_begun(records, products), *turns], times)


def planned_setups_s(
    rows: Iterable[PlannedOperation],
    products: Mapping[str, str],
    times: SetupTimes,
    begun: Iterable[OperationRecord] = (),
) -> dict[str, float]:
    """The same for the rows of a plan, after what has begun already."""
    turns = [
        Turn(row.cell, True, row.start_ns, row.operation_id, products[row.order_id])
        for row in rows
        if row.order_id in products
    ]
    return _seconds([*_begun(begun, products), *turns], times)


def _begun(records: Iterable[OperationRecord], products: Mapping[str, str]) -> Iterator[Turn]:
    for o in records:
        if o.cell is not None and o.actual_start_ns is not None and o.order_id in products:
            yield Turn(o.cell, False, o.actual_start_ns, o.operation_id, products[o.order_id])


def _seconds(turns: Iterable[Turn], times: SetupTimes) -> dict[str, float]:
    return {key: ms * 1e-3 for key, ms in setups_before(turns, times).items()}
