"""How long cells are set up between products, in the units of planning and dispatching."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from robot_cell.model import Plant


@dataclass(frozen=True, slots=True)
class SettingUp:
    """A cell that is being set up, or is set up and has not begun.

    Attributes:
        before: the product that it has begun last.
        product: for which it is set up.
        since_ns: plant time at which that began.
    """

    before: str
    product: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class SetUp:
    """For what cells are set up now.

    Attributes:
        last_product: what each cell has begun last.
        setting_up: cells that are being set up for something else. What is not in it begins to be
            set up now at the earliest.
    """

    last_product: Mapping[str, str] = field(default_factory=dict)
    setting_up: Mapping[str, SettingUp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetupTimes:
    """Setup times of a plant, rounded up to whole ms: plans and dispatching agree.

    Attributes:
        by_cell: cell, product before, product -> ms. Cells without setups are not in it.
    """

    by_cell: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, plant: Plant) -> SetupTimes:
        """What a plant file says."""
        return cls(
            {
                name: {
                    before: {product: math.ceil(s * 1000.0 - 1e-6) for product, s in times.items()}
                    for before, times in cell.setups_s.items()
                }
                for name, cell in plant.cells.items()
                if cell.setups_s
            }
        )

    def ms(self, cell: str, before: str | None, product: str | None) -> int:
        """Time to set a cell up for a product after another, ms; 0 where either is not known."""
        if before is None or product is None:
            return 0
        return self.by_cell.get(cell, {}).get(before, {}).get(product, 0)

    def ns(self, cell: str, before: str | None, product: str | None) -> int:
        """The same in ns."""
        return self.ms(cell, before, product) * 1_000_000


class Turn(NamedTuple):
    """An operation's turn on its cell; sorted, in the order of cells and turns.

    Attributes:
        waits: whether it has not begun: what has begun comes before.
        start: when it began or is planned, in any unit.
        key: what it is called.
    """

    cell: str
    waits: bool
    start: float
    key: str
    product: str


def setups_before(turns: Iterable[Turn], times: SetupTimes) -> dict[str, int]:
    """The setups, in ms, right before operations, by their keys; those without are left out."""
    if not times.by_cell:
        return {}
    ordered = sorted(turn for turn in turns if turn.cell in times.by_cell)
    return {
        turn.key: takes_ms
        for before, turn in pairwise(ordered)
        if before.cell == turn.cell
        and (takes_ms := times.ms(turn.cell, before.product, turn.product))
    }


def with_setups(plant: Plant) -> list[str]:
    """The cells that are set up between products."""
    return [name for name, cell in plant.cells.items() if cell.setups_s]
