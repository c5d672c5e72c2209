"""One line of a schedule, as it is published, stored and shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedOperation:
    """One operation of one work unit on a cell, from start to end in plant time (ns)."""

    operation_id: str
    order_id: str
    unit: int
    operation: str
    cell: str
    program: str
    start_ns: int
    end_ns: int
