"""`robot-cell schedule`: what is planned and what has become of it, as a chart in the terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from robot_cell.client import JobView, ScheduleView
    from robot_cell.reporting.gantt_data import GanttData

_NS = 1e-9


def schedule(
    cell: Annotated[
        list[str] | None, typer.Option("--cell", help="Only this cell; may be given again.")
    ] = None,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Show the schedule of the running plant, planned against actual."""
    from robot_cell.cli.options import connect
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.reporting.gantt_terminal import render_terminal

    with connect(timeout) as client:
        known = client.cells()
        found, jobs = client.schedule(), client.jobs()
    unknown = sorted(set(cell or ()) - set(known))
    if unknown:
        raise typer.BadParameter(
            f"there is no cell {unknown[0]!r}; there are {', '.join(known)}", param_hint="--cell"
        )
    shown = [name for name in known if not cell or name in cell]
    operations = [one for one in found.operations if one.cell in shown]
    if as_json:
        print_json(
            {
                "revision": found.revision,
                "engine": found.engine,
                "start": found.start.isoformat(),
                "makespan_s": found.makespan_ns * _NS,
                "operations": [asdict(one) for one in operations],
            }
        )
        return ExitCode.OK
    if not operations:
        err().print("nothing is planned; hand in a batch with `robot-cell submit`")
        return ExitCode.OK
    out().print(render_terminal(_chart(shown, found, jobs)))
    done = sum(one.status == "complete" for one in operations)
    late = sum(_is_late(one) for one in jobs)
    out().print(
        f"schedule {found.revision} by {found.engine}: {done} of {len(operations)} operations "
        f"complete, {late} of {len(jobs)} orders late"
    )
    return ExitCode.OK


def _chart(cells: Sequence[str], found: ScheduleView, jobs: Sequence[JobView]) -> GanttData:
    from robot_cell.reporting.gantt_data import GanttBar, GanttData

    products = {one.order_id: one.product for one in jobs}
    return GanttData(
        title=f"Schedule {found.revision}",
        start=found.start,
        cells=tuple(cells),
        bars=tuple(
            GanttBar(
                cell=one.cell,
                order_id=one.order_id,
                unit=one.unit,
                operation=one.operation,
                program=one.program,
                product=products.get(one.order_id, ""),
                planned_start_s=one.planned_start_ns * _NS,
                planned_end_s=one.planned_end_ns * _NS,
                actual_start_s=None if one.actual_start_ns is None else one.actual_start_ns * _NS,
                actual_end_s=None if one.actual_end_ns is None else one.actual_end_ns * _NS,
                status=one.status,
            )
            for one in found.operations
            if one.cell in cells
        ),
        due_s={one.order_id: one.due_ns * _NS for one in jobs},
        customers={one.order_id: one.customer for one in jobs},
    )


def _is_late(job: JobView) -> bool:
    end_ns = job.finished_ns if job.finished_ns is not None else job.promised_ns
    return end_ns is not None and end_ns > job.due_ns
