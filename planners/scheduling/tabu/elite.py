"""The best plans that differ from each other: what restarts begin from, shared by all threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from planners.scheduling.tabu.arrays import Given, Int32
from planners.scheduling.tabu.relinking import distance

NEAR = 0.02
"""Plans that differ in less than this share of the operations count as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Elite:
    """A plan: its value, all operations in a topological order, the alternative of each."""

    value: float
    order: Int32
    alternatives: Int32


class ElitePool:
    """At most ``size`` plans, the best first; safe to use from several threads."""

    def __init__(self, given: Given, size: int) -> None:
        self._given = given
        self._size = size
        self._plans: list[Elite] = []
        self._lock = threading.Lock()
        self._place = np.zeros(len(given.alt_ptr) - 1, dtype=np.int32)
        self._last = np.zeros(len(given.available), dtype=np.int32)

    @property
    def is_full(self) -> bool:
        """Whether a new plan drives out another."""
        return len(self._plans) >= self._size

    def plans(self) -> list[Elite]:
        """All plans, the best first."""
        with self._lock:
            return list(self._plans)

    def offer(self, plan: Elite) -> None:
        """Take a plan in if it is better than what is like it, and than the worst."""
        with self._lock:
            alike = [other for other in self._plans if self._are_near(plan, other)]
            if any(other.value <= plan.value for other in alike):
                return
            kept = [other for other in self._plans if other not in alike]
            self._plans = sorted([*kept, plan], key=lambda elite: elite.value)[: self._size]

    def _are_near(self, a: Elite, b: Elite) -> bool:
        cells = self._given.alt_cell
        apart = distance(
            a.order, cells[a.alternatives], b.order, cells[b.alternatives], self._place, self._last
        )
        return apart < max(1, NEAR * len(a.order))
