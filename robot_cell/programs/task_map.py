"""Plans every program of a plant ahead of time, so that nobody waits for one later."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robot_cell.model import Plant
from robot_cell.programs.cycle import ProgramCycle, ProgramError
from robot_cell.programs.library import CycleLibrary, ProgramKey, keys_of

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(frozen=True)
class TaskMap:
    """What every program takes.

    Attributes:
        durations_s: of the programs that can be planned.
        failures: why the others cannot.
        planned: how many were planned now; the others were on disk already.
    """

    durations_s: dict[ProgramKey, float]
    failures: dict[ProgramKey, ProgramError]
    planned: int


def map_tasks(
    plant: Plant,
    products: Iterable[str] | None = None,
    *,
    cache_dir: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> TaskMap:
    """Fill the cache of planned programs in parallel; what is on disk is not planned again.

    Args:
        plant: the plant.
        products: whose programs; every product if not given.
        cache_dir: where they are kept (`CycleLibrary`).
        workers: processes; the number of processors if not given.
        progress: show a bar on the terminal, if there is one.

    Raises:
        KeyError: no such product.
    """
    library = CycleLibrary(plant, cache_dir)
    keys = keys_of(plant, plant.products if products is None else products)
    missing = library.missing(keys)
    failures: dict[ProgramKey, ProgramError] = {}
    with _bar(len(missing), shown=progress) as bar:

        def planned(key: ProgramKey, _: ProgramCycle) -> None:
            _advance(bar, key)

        def failed(key: ProgramKey, error: ProgramError) -> None:
            failures[key] = error
            _advance(bar, key)

        library.ensure(
            missing, workers=workers or os.cpu_count() or 1, on_planned=planned, on_failed=failed
        )
    cycles = {key: library.find(key) for key in keys if key not in failures}
    durations = {key: cycle.duration_s for key, cycle in cycles.items() if cycle is not None}
    return TaskMap(durations, failures, len(missing) - len(failures))


def _bar(count: int, *, shown: bool) -> AbstractContextManager[Progress | None]:
    if not shown or count == 0:
        return nullcontext()
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        return nullcontext()
    columns = (
        TextColumn("planning"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    bar = Progress(*columns, console=console)
    bar.add_task("", total=count)
    return bar


def _advance(bar: Progress | None, key: ProgramKey) -> None:
    if bar is not None:
        task = bar.task_ids[0]
        bar.update(task, advance=1, description=f"{key.cell} {key.program} {key.product}")
