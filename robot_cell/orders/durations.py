"""How long programs really take: what was recorded corrects what was planned.

The estimate is robust: the median of the last runs, and its spread from the median absolute
deviation (Hampel, J. American Statistical Association 69, 1974). A run that was held for an hour
changes neither. It is made from the journal's records each time, so the journal keeps it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from robot_cell.store import OperationRecord

LAST: Final = 20
"""Runs that are looked at: a cell that has changed is believed after half as many."""

LEAST: Final = 3
"""With fewer runs the planned duration holds."""

_NORMAL: Final = 1.4826
"""Standard deviation of a normal distribution per median absolute deviation."""

ProgramRun = tuple[str, str, str]
"""Cell, program, product."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a program takes on a cell, from so many runs."""

    median_s: float
    spread_s: float
    runs: int


def estimates(
    records: Iterable[OperationRecord], products: Mapping[str, str]
) -> dict[ProgramRun, Estimate]:
    """What is known of each program that was run.

    Args:
        records: of operations; only complete ones count.
        products: product of each order.
    """
    runs: dict[ProgramRun, list[tuple[int, float]]] = defaultdict(list)
    for record in records:
        start_ns, end_ns = record.actual_start_ns, record.actual_end_ns
        if record.status != "complete" or start_ns is None or end_ns is None:
            continue
        if record.cell and record.program and record.order_id in products:
            key = (record.cell, record.program, products[record.order_id])
            runs[key].append((end_ns, (end_ns - start_ns) * 1e-9))
    return {key: _estimate([s for _, s in sorted(found)[-LAST:]]) for key, found in runs.items()}


def _estimate(seconds: list[float]) -> Estimate:
    middle = median(seconds)
    return Estimate(middle, _NORMAL * median(abs(s - middle) for s in seconds), len(seconds))


def corrected(
    planned: Callable[[str, str, str], float], found: Mapping[ProgramRun, Estimate]
) -> Callable[[str, str, str], float]:
    """The planned duration, or the recorded one where there are enough records."""

    def duration_s(cell: str, program: str, product: str) -> float:
        estimate = found.get((cell, program, product))
        if estimate is None or estimate.runs < LEAST or estimate.median_s <= 0.0:
            return planned(cell, program, product)
        return estimate.median_s

    return duration_s
