"""`robot-cell plan FILE`: solve a benchmark file (machines made zero-based) or a YAML problem."""

from __future__ import annotations

import sys
from dataclasses import asdict, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from planners.scheduling import ObjectiveWeights, Progress, Schedule, SchedulingProblem
    from robot_cell.reporting.gantt_data import GanttData


class ObjectiveError(RobotCellError):
    """What was given as NAME=WEIGHT is not one."""


def weights_of(given: list[str]) -> ObjectiveWeights | None:
    """The weights of `--objective NAME=WEIGHT`; those not named are 0. None if none is given.

    Raises:
        ObjectiveError: an unknown name, or a weight that is not a number.
    """
    from planners.scheduling import ObjectiveWeights

    if not given:
        return None
    names = [field.name for field in fields(ObjectiveWeights) if field.name != "left_shift"]
    chosen: dict[str, Any] = dict.fromkeys(names, 0.0)
    for text in given:
        name, equals, number = text.partition("=")
        if name not in names or not equals:
            raise ObjectiveError(
                f"--objective {text}: expected NAME=WEIGHT with one of {', '.join(names)}"
            )
        try:
            chosen[name] = float(number)
        except ValueError as error:
            raise ObjectiveError(f"--objective {text}: {number!r} is not a number") from error
    return ObjectiveWeights(**chosen)


def plan_instance(
    path: Path,
    form: str | None,
    *,
    time_limit_s: float,
    workers: int,
    seed: int,
    objective: list[str],
    gantt: Path | None,
    as_json: bool,
) -> int:
    """Read, solve, show."""
    from planners.scheduling import ObjectiveWeights, solve
    from planners.scheduling.formats import Format, read_instance
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.reporting.gantt_html import write_html

    weights = weights_of(objective)
    if form == "yaml":
        from robot_cell.cli.plan_problem import read_problem

        problem, unit_s = read_problem(path), 0.001
        weights = weights or ObjectiveWeights()
    else:
        instance = read_instance(path, None if form is None else Format(form))
        problem, form, unit_s = instance.problem, instance.format.value, 1.0
        weights = weights or _makespan()

    def tell(progress: Progress) -> None:
        if not as_json and sys.stderr.isatty():
            err().print(
                f"[dim]{progress.elapsed_s:7.2f} s  {progress.engine:<18} "
                f"{progress.objective.value:12,.0f}  bound {progress.lower_bound:12,.0f}[/dim]"
            )

    found = solve(
        problem,
        time_limit_s=time_limit_s,
        workers=workers,
        seed=seed,
        weights=weights,
        patience_s=time_limit_s,
        on_progress=tell,
    )
    if gantt is not None:
        write_html(gantt, _chart(path.stem, problem, found, unit_s))
    if as_json:
        print_json(_as_dict(path, form, found))
        return ExitCode.OK
    makespan = found.objective.makespan_ms
    out().print(
        f"{path.name} ({form}): makespan {makespan:,}, value {found.objective.value:,.0f}, "
        f"lower bound {found.lower_bound:,.0f}, {found.status}, by {found.engine} "
        f"in {found.wall_s:.2f} s (first plan after {found.first_feasible_s:.3f} s)"
    )
    return ExitCode.OK


def _makespan() -> ObjectiveWeights:
    """What public files are compared by."""
    from planners.scheduling import ObjectiveWeights

    chosen: dict[str, Any] = {field.name: 0.0 for field in fields(ObjectiveWeights)}
    return ObjectiveWeights(**chosen | {"makespan": 1.0, "left_shift": False})


def _as_dict(path: Path, form: str, found: Schedule) -> dict[str, Any]:
    return {
        "file": path.name,
        "format": form,
        "status": found.status,
        "engine": found.engine,
        "makespan": found.objective.makespan_ms,
        "lower_bound": found.lower_bound,
        "objective": asdict(found.objective),
        "first_feasible_s": round(found.first_feasible_s, 4),
        "wall_s": round(found.wall_s, 3),
        "assignments": [
            {
                "job": a.job,
                "operation": a.operation,
                "machine": a.cell,
                "start": a.start_ms,
                "end": a.end_ms,
            }
            for a in found.assignments
        ],
    }


def _chart(title: str, problem: SchedulingProblem, found: Schedule, unit_s: float) -> GanttData:
    """The plan as a chart; a time unit of a benchmark file is shown as a second."""
    from planners.scheduling.costs import setups_before
    from robot_cell.reporting.gantt_data import GanttBar, GanttData

    setups = setups_before(problem, found.assignments)
    frozen = {(a.job, a.operation) for a in problem.frozen}
    bars = tuple(
        GanttBar(
            problem.cells[a.cell].name,
            problem.jobs[a.job].name,
            0,
            problem.jobs[a.job].operations[a.operation].name,
            "",
            problem.jobs[a.job].name,
            a.start_ms * unit_s,
            a.end_ms * unit_s,
            setup_s=setups.get((a.job, a.operation), 0) * unit_s,
            frozen=(a.job, a.operation) in frozen,
        )
        for a in found.assignments
    )
    return GanttData(
        title,
        datetime(2000, 1, 1, tzinfo=timezone.utc),
        tuple(cell.name for cell in problem.cells),
        bars,
        unavailable_s={
            cell.name: tuple((start * unit_s, end * unit_s) for start, end in cell.unavailable)
            for cell in problem.cells
            if cell.unavailable
        },
        due_s={job.name: job.due_ms * unit_s for job in problem.jobs if job.due_ms is not None},
    )
