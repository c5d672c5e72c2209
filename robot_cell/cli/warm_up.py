"""`robot-cell warm-up`: do now what the first run would wait for: compile, and plan programs."""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode

COMPILED = (
    "planners.scheduling.tabu",
    "planners.scheduling",
    "planners.kinematics",
    "planners.motion",
)
"""Packages with a `warm_up`; the one that takes longest comes first."""

COMPILED_LAST = ("planners.scheduling.repair",)
"""What needs the code of those."""


def warm_up(
    plants: Annotated[
        list[Path] | None, typer.Argument(help="Plant files whose programs are planned.")
    ] = None,
) -> int:
    """Compile the planners, and plan every program of plant files; what is done stays on disk."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    from robot_cell.cli.output import out
    from robot_cell.model.plant_file import load_plant
    from robot_cell.programs import CycleLibrary
    from robot_cell.programs.library import keys_of

    models = [load_plant(path) for path in plants or []]
    workers = os.cpu_count() or 1
    out().print(f"compiling {', '.join(COMPILED)}: a minute or two, once")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for ended in as_completed([pool.submit(_compile, package) for package in COMPILED]):
            package, took_s = ended.result()
            out().print(f"{package} compiled in {took_s:.1f} s")
        for package in COMPILED_LAST:
            out().print(f"{package} compiled in {pool.submit(_compile, package).result()[1]:.1f} s")
    for plant in models:
        library = CycleLibrary(plant)
        keys = keys_of(plant, plant.products)
        known = len(keys) - len(library.missing(keys))
        if known:
            out().print(f"{plant.plant}: {known} of {len(keys)} programs are known")
        library.ensure(
            keys,
            workers=workers,
            on_planned=lambda key, cycle: out().print(
                f"{key.cell} {key.program} {key.product} planned: {cycle.duration_s:.2f} s"
            ),
        )
    return ExitCode.OK


def _compile(package: str) -> tuple[str, float]:
    began_s = time.monotonic()
    import_module(package).warm_up()
    return package, time.monotonic() - began_s
