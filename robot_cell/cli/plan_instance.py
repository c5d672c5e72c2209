"""`robot-cell plan FILE`: solve a benchmark file, with its machine numbers made zero-based."""

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
    from planners.scheduling import solve
    from planners.scheduling.formats import Format, read_instance
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.reporting.gantt_html import write_html

    instance = read_instance(path, None if form is None else Format(form))
    weights = weights_of(objective) or _makespan()

    def tell(progress: Progress) -> None:
        if not as_json and sys.stderr.isatty():
            err().print(
                f"[dim]{progress.elapsed_s:7.2f} s  {progress.engine:<18} "
                f"{progress.objective.value:12,.0f}  bound {progress.lower_bound:12,.0f}[/dim]"
            )

    found = solve(
        instance.problem,
        time_limit_s=time_limit_s,
        workers=workers,
        seed=seed,
        weights=weights,
        patience_s=time_limit_s,
        on_progress=tell,
    )
    if gantt is not None:
        write_html(gantt, _chart(path.stem, instance.problem, found))
    if as_json:
        print_json(_as_dict(path, instance.format.value, found))
        return ExitCode.OK
    makespan = found.objective.makespan_ms
    out().print(
        f"{path.name} ({instance.format.value}): makespan {makespan:,}, "
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


def _chart(title: str, problem: SchedulingProblem, found: Schedule) -> GanttData:
    """One time unit of the file is shown as a second."""
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
            float(a.start_ms),
            float(a.end_ms),
            setup_s=float(setups.get((a.job, a.operation), 0)),
            frozen=(a.job, a.operation) in frozen,
        )
        for a in found.assignments
    )
    cells = tuple(cell.name for cell in problem.cells)
    return GanttData(title, datetime(2000, 1, 1, tzinfo=timezone.utc), cells, bars)
