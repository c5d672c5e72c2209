"""Looks at the plant in short intervals and keeps what has changed (report by exception)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from robot_cell.errors import RobotCellError
from robot_cell.gateway.element_sums import Used
from robot_cell.gateway.energies import energy_j
from robot_cell.gateway.figures import recent
from robot_cell.gateway.kpis import kpi_of
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.sparkplug.outbox import Outbox
from robot_cell.gateway.sparkplug.payload import Value
from robot_cell.gateway.sparkplug.session import NODE, Metric, Sample
from robot_cell.gateway.sparkplug.told import (
    cell_values,
    joint_values,
    kpi_values,
    order_values,
    plant_values,
)
from robot_cell.programs import ProgramKey
from robot_cell.programs.library import keys_of

KPIS_EVERY_S: Final = 10.0
_log: Final = structlog.get_logger("gateway.sparkplug")


@dataclass
class Now:
    """The newest values of each entity, and the last sample that is part of them.

    Attributes:
        lost: cells whose controller is gone.
    """

    values: dict[str, dict[str, Value]] = field(default_factory=dict)
    sample_id: int = 0
    lost: frozenset[str] = frozenset()
    there: asyncio.Event = field(default_factory=asyncio.Event)


class Sampler:
    """Fills an outbox.

    Args:
        on_sample: called in the event loop after each look.
    """

    def __init__(
        self,
        gateway: Gateway,
        metrics: Mapping[str, tuple[Metric, ...]],
        outbox: Outbox,
        every_s: float,
        joints_every_s: float,
        on_sample: Callable[[], None],
    ) -> None:
        self._gateway, self._outbox, self._on_sample = gateway, outbox, on_sample
        self._every_s, self._joints_every_s = every_s, joints_every_s
        self._metrics = {
            entity: {one.name: one for one in all_} for entity, all_ in metrics.items()
        }
        self._joints_s = self._kpis_s = float("-inf")
        self._orders = -1
        self._broken = ""
        self.now = Now()

    async def run(self) -> None:
        """Look until cancelled, and then once more: what is not told any more is kept."""
        try:
            await self._run()
        finally:
            with contextlib.suppress(RobotCellError, sqlite3.Error):
                await self._look(last=True)

    async def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            try:
                await self._look()
                self._broken = ""
            except (RobotCellError, sqlite3.Error) as error:
                if str(error) != self._broken:
                    self._broken = str(error)
                    _log.error("the plant cannot be told of", reason=self._broken)
            except Exception:
                _log.exception("the plant could not be looked at")
            due_s = max(due_s + self._every_s, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    async def _look(self, *, last: bool = False) -> None:
        found, lost = await asyncio.to_thread(self._read)
        at_ms = time.time_ns() // 1_000_000
        samples = []
        for entity, values in found.items():
            changed = self._changed(entity, values)
            if changed:
                samples.append(Sample(entity, at_ms, changed))
        if samples:
            sample_id = await asyncio.to_thread(self._outbox.add, samples)
            # In one step of the event loop: a birth tells all samples up to `sample_id`.
            for one in samples:
                self.now.values.setdefault(one.entity, {}).update(one.values)
            self.now.sample_id = sample_id
        self.now.lost = lost
        self.now.there.set()
        self._on_sample()
        if not last:
            self._gateway.energies.ask(self._ordered())

    def _changed(self, entity: str, values: Mapping[str, Value]) -> dict[str, Value]:
        known, metrics = self.now.values.get(entity, {}), self._metrics[entity]
        return {
            name: value
            for name, value in values.items()
            if name in metrics
            and (name not in known or _differ(value, known[name], metrics[name].deadband))
        }

    def _read(self) -> tuple[dict[str, dict[str, Value]], frozenset[str]]:
        gateway, clock_s = self._gateway, time.monotonic()
        gateway.mirror.refresh(not_older_than_s=self._every_s / 2)
        lost = gateway.mirror.lost
        found = {NODE: plant_values(gateway, self._outbox.dropped())}
        if gateway.mirror.orders_version != self._orders:
            self._orders = gateway.mirror.orders_version
            found[NODE] |= order_values(gateway)
        energies = self._energies_j()
        for cell in gateway.plant.cells:
            if cell not in lost:
                found[cell] = cell_values(gateway, cell, energies[cell])
        if clock_s - self._joints_s >= self._joints_every_s:
            self._joints_s = clock_s
            for cell in found.keys() - {NODE}:
                found[cell] |= joint_values(gateway, cell)
        if clock_s - self._kpis_s >= KPIS_EVERY_S:
            self._kpis_s = clock_s
            for entity, values in self._kpis().items():
                found.setdefault(entity, {}).update(values)
        return found, lost

    def _kpis(self) -> dict[str, dict[str, Value]]:
        try:
            sums = recent(self._gateway)
        except Problem:
            return {}  # the plant has no time yet
        found = {
            cell: kpi_values(kpi_of(cell, elements))
            for cell, elements in sums.of_cells().items()
            if cell not in self._gateway.mirror.lost
        }
        return {NODE: kpi_values(kpi_of(None, sums.of_plant())), **found}

    def _energies_j(self) -> dict[str, float | None]:
        """What each cell's complete operations took, by the model; None where that is not known."""
        totals = self._gateway.mirror.work.totals
        runs = totals.runs.items()
        used = [Used(kind, times, totals.took_ns[kind]) for kind, times in runs if times]
        return {
            cell: energy_j(
                self._gateway.energies.known, (one for one in used if one.kind.cell == cell)
            )
            for cell in self._gateway.plant.cells
        }

    def _ordered(self) -> list[ProgramKey]:
        """The programs of what is ordered."""
        gateway = self._gateway
        if not gateway.mirror.revision:
            return []  # they are planned with the first schedule at the latest
        ordered = {one.order.product for one in gateway.mirror.orders.values()}
        ordered |= {run.product for run, count in gateway.mirror.work.totals.runs.items() if count}
        return keys_of(gateway.plant, sorted(ordered & gateway.plant.products.keys()))


def _differ(one: Value, other: Value, deadband: float) -> bool:
    if isinstance(one, float) and isinstance(other, float) and deadband:
        return abs(one - other) >= deadband
    return one != other
