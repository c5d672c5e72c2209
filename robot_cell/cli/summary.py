"""The end of a run: the report's files, and what a person reads in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from robot_cell.cli.output import make_table, status_text
from robot_cell.reporting.gantt_data import GanttData, duration_text
from robot_cell.reporting.gantt_html import write_html
from robot_cell.reporting.report_html import write_report_html
from robot_cell.reporting.run_result import RunResult

if TYPE_CHECKING:
    from rich.console import Console


def write_report(folder: Path, result: RunResult, chart: GanttData) -> list[Path]:
    """Write `run.json`, `schedule.html` and `report.html` into a folder."""
    return [
        write_report_html(folder / "report.html", result, chart),
        write_html(folder / "schedule.html", chart),
        result.write_json(folder / "run.json"),
    ]


def print_summary(console: Console, result: RunResult, files: list[Path]) -> None:
    """Jobs, plan against actual, and where the report is."""
    rows = [
        (
            job.id, job.product, f"{job.done}/{job.quantity}", status_text(job.status),
            duration_text(job.due_s),
            "" if job.finished_s is None else duration_text(job.finished_s),
            "" if not job.late_s else duration_text(job.late_s),
        )
        for job in result.jobs
    ]  # fmt: skip
    columns = ("order", "product", ">made", "status", ">due after", ">made after", ">late by")
    console.print(make_table("", columns, rows))
    for one in result.happenings:
        console.print(f"at {duration_text(one.at_s)}: {one.text}", markup=False, soft_wrap=True)
    actual = result.actual_makespan_s
    speed = "as fast as possible" if result.speed == 0.0 else f"at speed {result.speed:g}"
    console.print(
        f"planned {duration_text(result.planned_makespan_s)}, made in "
        f"{duration_text(actual) if actual is not None else 'no time'}; "
        f"{result.wall_s:.1f} s {speed}"
    )
    console.print("report: " + ", ".join(str(path) for path in files), soft_wrap=True)
