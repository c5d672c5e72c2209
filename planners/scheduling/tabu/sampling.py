"""How many critical operations a step looks at: learnt while searching, from what each choice gave.

A few operations of a long critical path are nearly as good as all, and cost less; on short paths
the best move is worth its price. No rule by size held on all public instances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

ALL = 0
CHOICES = (ALL, 12, 5)
LARGE = 800
"""From this number of operations on, the first run takes a sample."""

EXPLORE = 5
"""One run in so many is made with a choice by lot."""


@dataclass
class Sampling:
    """What the runs of one thread reached with each choice."""

    operations: int
    reached: dict[int, list[float]] = field(default_factory=lambda: {c: [] for c in CHOICES})

    def first(self) -> int:
        """The choice for the first run."""
        return CHOICES[1] if self.operations >= LARGE else ALL

    def record(self, choice: int, value: float) -> None:
        """Note what a run with a choice has reached."""
        self.reached.setdefault(choice, []).append(value)

    def next(self, roll: Callable[[int], int]) -> int:
        """The choice for the next run; ``roll(n)`` is a number in ``0..n - 1``."""
        untried = [choice for choice in CHOICES if not self.reached[choice]]
        if untried:
            return untried[0]
        if roll(EXPLORE) == 0:
            return CHOICES[roll(len(CHOICES))]
        return min(CHOICES, key=lambda c: sum(self.reached[c]) / len(self.reached[c]))
