"""`robot-cell plan`: what would be made when, without a plant."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json

if TYPE_CHECKING:
    from datetime import datetime

    from planners.scheduling import ObjectiveWeights
    from robot_cell.model import Plant
    from robot_cell.orders import Batch
    from robot_cell.orders.planning import Plan
    from robot_cell.reporting.gantt_data import GanttData


PROBLEM_S: Final = 2.0
"""How long a plan of a problem or benchmark file is looked for, wall time."""

BATCH_S: Final = 10.0
"""The scheduler's limit for a batch; its search ends by the work done, long before."""


class InstanceFormat(str, Enum):
    """What FILE is."""

    auto = "auto"
    yaml = "yaml"
    fjsp = "fjsp"
    jsp = "jsp"
    sdst = "sdst"


def plan(
    file: Annotated[
        Path,
        typer.Argument(
            help="Plant file (YAML), with ORDERS; a scheduling problem (YAML); or a benchmark file."
        ),
    ],
    orders: Annotated[
        Path | None, typer.Argument(help="Batch of job orders: CSV, JSON or XLSX.")
    ] = None,
    form: Annotated[
        InstanceFormat, typer.Option("--format", help="What FILE is; auto looks at it.")
    ] = InstanceFormat.auto,
    gantt: Annotated[Path | None, typer.Option(help="Write the chart to this HTML file.")] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Seconds to look for a plan. [default: 2; for a batch as long as the scheduler]",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Threads; 0: one for each processor.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WEIGHT", help="Weigh a term of the objective; several times for several."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Plan a batch on an empty plant, or solve a problem file; nothing is started or stored."""
    threads = workers or os.cpu_count() or 1
    is_yaml = form is InstanceFormat.yaml or (
        form is InstanceFormat.auto and file.suffix.lower() in (".yaml", ".yml")
    )
    if is_yaml and orders is None:
        from robot_cell.cli.plan_problem import is_problem

        if not is_problem(file):
            raise typer.BadParameter("a plant file needs a batch of orders", param_hint="ORDERS")
        form = InstanceFormat.yaml
    if orders is None:
        from robot_cell.cli.plan_instance import plan_instance

        return plan_instance(
            file,
            None if form is InstanceFormat.auto else form.value,
            time_limit_s=PROBLEM_S if time_limit is None else time_limit,
            workers=threads,
            seed=seed,
            objective=objective or [],
            gantt=gantt,
            as_json=as_json,
        )
    if not is_yaml and form is not InstanceFormat.auto:
        raise typer.BadParameter("a benchmark file has no batch of orders", param_hint="ORDERS")
    return _plan_batch(file, orders, time_limit, threads, seed, objective or [], gantt, as_json)


def _plan_batch(
    plant: Path,
    orders: Path,
    time_limit_s: float | None,
    workers: int,
    seed: int,
    objective: list[str],
    gantt: Path | None,
    as_json: bool,
) -> int:
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.cli.plan_instance import weights_of
    from robot_cell.model.plant_file import load_plant
    from robot_cell.orders import read_batch
    from robot_cell.reporting.gantt_html import write_html
    from robot_cell.reporting.gantt_terminal import render_terminal

    model = load_plant(plant)
    batch = read_batch(orders, model)
    start = min(order.release for order in batch.orders)
    begin_s = time.monotonic()
    found = _plan(model, batch, start, time_limit_s, workers, seed, weights_of(objective))
    took_s = time.monotonic() - begin_s
    chart = _chart(model, batch, start, found)
    page = write_html(gantt, chart) if gantt is not None else None
    reached = found.schedule.objective
    if as_json:
        print_json(
            {
                "plant": model.plant,
                "start": start.isoformat(),
                "status": found.schedule.status,
                "engine": found.schedule.engine,
                "makespan": reached.makespan_ms,
                "lower_bound": found.schedule.lower_bound,
                "objective": asdict(reached),
                "first_feasible_s": round(found.schedule.first_feasible_s, 4),
                "wall_s": round(took_s, 3),
                "assignments": [
                    {
                        "job": a.job,
                        "operation": a.operation,
                        "machine": a.cell,
                        "start": a.start_ms,
                        "end": a.end_ms,
                    }
                    for a in found.schedule.assignments
                ],
                "operations": [
                    {
                        "job": row.order_id,
                        "unit": row.unit,
                        "operation": row.operation,
                        "cell": row.cell,
                        "program": row.program,
                        "planned_start_s": row.start_ns * 1e-9,
                        "planned_end_s": row.end_ns * 1e-9,
                    }
                    for row in found.rows
                ],
            }
        )
    else:
        out().print(render_terminal(chart))
        err().print(
            f"{len(found.rows)} operations planned by {found.schedule.engine} in {took_s:.1f} s"
            + (f"; chart: {page}" if page is not None else "")
        )
    return ExitCode.OK


def _plan(
    plant: Plant,
    batch: Batch,
    start: datetime,
    time_limit_s: float | None,
    workers: int,
    seed: int,
    weights: ObjectiveWeights | None,
) -> Plan:
    """The plan that the scheduler would publish for this batch alone.

    Without a time limit it searches as long as the scheduler does: by work, not by the clock, so
    that the same batch gets the same plan.
    """
    from robot_cell.orders.planning import plan_orders
    from robot_cell.orders.planning_job import EFFORT
    from robot_cell.programs import CycleLibrary, ProgramKey
    from robot_cell.store import open_journal

    library = CycleLibrary(plant)

    def duration_s(cell: str, program: str, product: str) -> float:
        key = ProgramKey(cell, program, product)
        cycle = library.find(key) or library.plan_here(key)
        return cycle.duration_s

    with (
        tempfile.TemporaryDirectory(prefix="robot_cell_") as folder,
        open_journal(Path(folder) / "journal.db") as journal,
    ):
        journal.accept_batch(batch.orders, batch.source, "robot-cell plan", plant)
        records = journal.operations()
    return plan_orders(
        plant, list(batch.orders), records, duration_s,
        now_ns=0, start=start, workers=workers, seed=seed, weights=weights,
        time_limit_s=BATCH_S if time_limit_s is None else time_limit_s,
        effort=EFFORT if time_limit_s is None else None,
    )  # fmt: skip


def _chart(plant: Plant, batch: Batch, start: datetime, found: Plan) -> GanttData:
    from robot_cell.reporting.gantt_data import GanttBar, GanttData
    from robot_cell.reporting.run_result import with_plant

    orders = {order.order_id: order for order in batch.orders}
    bars = tuple(
        GanttBar(
            row.cell, row.order_id, row.unit, row.operation, row.program,
            orders[row.order_id].product, row.start_ns * 1e-9, row.end_ns * 1e-9,
        )
        for row in found.rows
    )  # fmt: skip
    data = GanttData(
        f"Plan: {plant.plant}",
        start.astimezone(plant.zone),
        tuple(plant.cells),
        bars,
        due_s={name: (order.due - start).total_seconds() for name, order in orders.items()},
        customers={name: order.customer for name, order in orders.items() if order.customer},
    )
    return with_plant(plant, data)
