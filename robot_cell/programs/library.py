"""Planned programs by content: planned once, in processes of their own, and kept on disk."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from robot_cell.model import Plant
from robot_cell.programs.cycle import (
    FORMAT,
    ProgramCycle,
    ProgramError,
    load_cycle,
    save_cycle,
)
from robot_cell.programs.planning import plan_program


@dataclass(frozen=True, order=True)
class ProgramKey:
    """Which program, for which product, on which cell."""

    cell: str
    program: str
    product: str


def default_cache_dir() -> Path:
    """Where planned programs are kept between runs (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "robot_cell" / "cycles"


def keys_of(plant: Plant, products: Iterable[str]) -> list[ProgramKey]:
    """Every program that some operation of these products may run."""
    keys = {
        ProgramKey(cell, program, product)
        for product in products
        for operation in plant.products[product].operations
        for cell, program in operation.programs.items()
    }
    return sorted(keys)


class CycleLibrary:
    """The planned programs of one plant.

    A program is named on disk by the hash of everything that its plan depends on, so a changed
    plant file, URDF or planner never meets an old plan.
    """

    def __init__(self, plant: Plant, cache_dir: Path | None = None) -> None:
        self._plant = plant
        self._dir = cache_dir or default_cache_dir()
        self._known: dict[ProgramKey, ProgramCycle] = {}
        self._sources = _source_digest()

    def path(self, key: ProgramKey) -> Path:
        """File of a planned program."""
        cell = self._plant.cells[key.cell]
        content = {
            "format": FORMAT,
            "sources": self._sources,
            "arms": {
                name: [arm.model_dump(mode="json", exclude={"driver", "urdf"}), _digest(arm.urdf)]
                for name, arm in cell.arms.items()
            },
            "fixtures": {n: f.model_dump(mode="json") for n, f in cell.fixtures.items()},
            "frames": {n: f.model_dump(mode="json") for n, f in cell.frames.items()},
            "poses": {n: p.model_dump(mode="json") for n, p in cell.poses.items()},
            "obstacles": [box.model_dump(mode="json") for box in cell.obstacles],
            "program": cell.programs[key.program].model_dump(mode="json"),
            "product": [key.product, self._plant.products[key.product].part.model_dump()],
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._dir / f"{key.cell}.{key.program}.{key.product}.{digest[:24]}.npz"

    def find(self, key: ProgramKey) -> ProgramCycle | None:
        """The planned program, if it is in memory or on disk."""
        cycle = self._known.get(key) or load_cycle(self.path(key))
        if cycle is not None:
            self._known[key] = cycle
        return cycle

    def missing(self, keys: Iterable[ProgramKey]) -> list[ProgramKey]:
        """The programs among these that have not been planned yet."""
        return [key for key in keys if self.find(key) is None]

    def plan_here(self, key: ProgramKey) -> ProgramCycle:
        """Plan one program in this process and keep it.

        Raises:
            ProgramError: it cannot be planned.
        """
        cell = self._plant.cells[key.cell]
        product = self._plant.products[key.product]
        cycle = plan_program(key.cell, cell, key.program, key.product, product)
        save_cycle(cycle, self.path(key))
        self._known[key] = cycle
        return cycle

    def ensure(
        self,
        keys: Iterable[ProgramKey],
        *,
        workers: int = 2,
        on_planned: Callable[[ProgramKey, ProgramCycle], None] | None = None,
        on_failed: Callable[[ProgramKey, ProgramError], None] | None = None,
    ) -> None:
        """Plan what is missing, in worker processes: this one stays small and responsive.

        Raises:
            ProgramError: a program cannot be planned; the others have been kept. Not if `on_failed`
                is given, which is told instead.
        """
        missing = self.missing(keys)
        if not missing:
            return
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(min(workers, len(missing)), mp_context=context) as pool:
            futures = {pool.submit(_plan, self._plant, self._dir, key): key for key in missing}
            for future in as_completed(futures):
                key = futures[future]
                try:
                    future.result()
                except ProgramError as error:
                    if on_failed is None:
                        raise
                    on_failed(key, error)
                    continue
                cycle = self.find(key)
                assert cycle is not None
                if on_planned is not None:
                    on_planned(key, cycle)


def _plan(plant: Plant, cache_dir: Path, key: ProgramKey) -> None:
    CycleLibrary(plant, cache_dir).plan_here(key)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _source_digest() -> str:
    """Hash of the planner's own source: another planner makes other plans."""
    import planners

    root = Path(planners.__file__).parent
    total = hashlib.sha256()
    for folder in ("kinematics", "motion"):
        for path in sorted((root / folder).glob("*.py")):
            total.update(path.name.encode())
            total.update(path.read_bytes())
    return total.hexdigest()
