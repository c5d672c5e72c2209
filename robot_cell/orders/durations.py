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

from robot_cell.store.working_set import Run

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


def estimates(runs: Iterable[Run]) -> dict[ProgramRun, Estimate]:
    """What is known of each program, from its runs: the newest first."""
    took_s: dict[ProgramRun, list[float]] = defaultdict(list)
    for run in runs:
        of_program = took_s[run.cell, run.program, run.product]
        if len(of_program) < LAST:
            of_program.append((run.end_ns - run.start_ns) * 1e-9)
    return {key: _estimate(seconds) for key, seconds in took_s.items()}


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
