"""`robot-cell jobs`, `job ID`, `cancel ID`: what has become of the orders."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from robot_cell.client import JobView

JobId = Annotated[str, typer.Argument(metavar="ID", help="Order id, for example WO-4801.")]


def jobs(timeout: Timeout = 10.0, as_json: Json = False) -> int:
    """List the job orders of the running plant."""
    from robot_cell.cli.options import connect
    from robot_cell.cli.output import out, print_json

    with connect(timeout) as client:
        views = client.jobs()
        start = client.schedule().start
    if as_json:
        print_json({"start": start.isoformat(), "jobs": [asdict(view) for view in views]})
    else:
        out().print(jobs_table(views, start))
    return ExitCode.OK


def job(job_id: JobId, timeout: Timeout = 10.0, as_json: Json = False) -> int:
    """Show one job order and its operations."""
    from robot_cell.cli.options import connect
    from robot_cell.cli.output import err, make_table, out, print_json, status_text

    with connect(timeout) as client:
        views = client.jobs([job_id])
        schedule = client.schedule()
    if not views:
        err().print(f"error: the plant knows no job order {job_id!r}; `robot-cell jobs` lists them")
        return ExitCode.REFUSED
    operations = [o for o in schedule.operations if o.order_id == job_id]
    if as_json:
        print_json({**asdict(views[0]), "operations": [asdict(o) for o in operations]})
        return ExitCode.OK
    console = out()
    console.print(jobs_table(views, schedule.start))
    rows = [
        (
            o.unit, o.operation, o.cell, o.program, status_text(o.status),
            _seconds(o.planned_start_ns), _seconds(o.planned_end_ns),
            _seconds(o.actual_start_ns), _seconds(o.actual_end_ns),
        )
        for o in operations
    ]  # fmt: skip
    columns = (
        ">unit", "operation", "cell", "program", "status",
        ">planned start", ">end", ">actual start", ">end",
    )  # fmt: skip
    title = f"operations, seconds after {schedule.start.isoformat(timespec='seconds')}"
    console.print(make_table(title, columns, rows))
    return ExitCode.OK


def cancel(
    job_id: JobId,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")],
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Cancel what has not been started of a job order."""
    from robot_cell.cli.options import connect, who
    from robot_cell.cli.output import err, out, print_json

    with connect(timeout) as client:
        result = client.cancel(job_id, reason, who())
    if as_json:
        print_json({"success": result.success, "message": result.message})
    else:
        (out() if result.success else err()).print(result.message)
    return ExitCode.OK if result.success else ExitCode.REFUSED


def jobs_table(views: Iterable[JobView], start: datetime) -> Any:
    """Job orders as a table, with clock times of this machine's time zone."""
    from robot_cell.cli.output import clock_text, make_table, status_text

    rows = [
        (
            view.order_id, view.product, f"{view.done}/{view.quantity}",
            status_text(view.status), clock_text(start, view.due_ns),
            clock_text(start, view.promised_ns), clock_text(start, view.finished_ns),
            view.priority, view.customer, view.message,
        )
        for view in views
    ]  # fmt: skip
    columns = (
        "order", "product", ">made", "status", "due", "promised", "finished", ">prio",
        "customer", "",
    )  # fmt: skip
    return make_table("", columns, rows)


def _seconds(plant_ns: int | None) -> str:
    return "" if plant_ns is None else f"{plant_ns * 1e-9:.1f}"
