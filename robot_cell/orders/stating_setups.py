"""Setups between products in the numbers of a scheduling problem."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from planners.scheduling import Cell
from robot_cell.model import Plant
from robot_cell.orders.horizon import closed_cells
from robot_cell.orders.setups import SetUp, SetupTimes


class CellSetups:
    """The setup families of the products that are planned, and what cells are set up for.

    A product is a family. One more stands for a cell as it is now: from it the setup for which the
    cell is being set up takes only what is left of it.

    Args:
        start: instant of plant time 0.
        now_ms: plant time; no setup that has not begun begins before.
    """

    def __init__(self, plant: Plant, start: datetime, now_ms: int, set_up: SetUp) -> None:
        self._plant, self._start, self._now_ms, self._set_up = plant, start, now_ms, set_up
        self._times = SetupTimes.of(plant)
        self._families: dict[str, int] = {}

    def family(self, product: str) -> int:
        """The family of a product; 0 for all in a plant without setups."""
        if not self._times.by_cell:
            return 0
        return self._families.setdefault(product, len(self._families))

    def ms(self, cell: str, before: str, product: str) -> int:
        """Setup of a cell from one product to another, ms."""
        return self._times.ms(cell, before, product)

    def first_ms(self, cell: str, product: str) -> int:
        """What is left of the setup of a cell, as it is now, for a product, ms."""
        before = self._set_up.last_product.get(cell)
        whole_ms = self._times.ms(cell, before, product)
        begun = self._set_up.setting_up.get(cell)
        if not whole_ms or begun is None or (begun.before, begun.product) != (before, product):
            return whole_ms
        since_ms = -(-begun.since_ns // 1_000_000)
        index = list(self._plant.cells).index(cell)
        until_ms = since_ms + whole_ms
        if closed_cells(self._plant, self._start, since_ms, until_ms)[index].unavailable:
            return whole_ms  # it is done in one piece, so begun anew when the cell opens
        return max(0, until_ms - self._now_ms)

    def longest_ms(self, cell: str, product: str) -> int:
        """The longest setup of a cell for a product, ms."""
        times = self._times.by_cell.get(cell, {}).values()
        return max((to.get(product, 0) for to in times), default=0)

    def with_setups(self, cell: Cell) -> Cell:
        """A cell with its setups between the families that there are; call it after `family`."""
        if cell.name not in self._times.by_cell:
            return cell
        products = list(self._families)
        rows = [
            (*(self._times.ms(cell.name, before, product) for product in products), 0)
            for before in products
        ]
        rows.append((*(self.first_ms(cell.name, product) for product in products), 0))
        if not any(map(any, rows)):
            return cell
        known = cell.name in self._set_up.last_product
        return replace(cell, setups=tuple(rows), initial_family=len(products) if known else None)
