"""What a run was: the result that `robot-cell run` prints as JSON and the report shows.

All times are plant seconds after the start of the plant's clock, but for `wall_s`, `setup_s` and
`first_motion_s`, which are seconds of waiting in front of the screen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot_cell.model import Plant, unavailable
from robot_cell.orders.setups import SetupTimes, Turn, setups_before
from robot_cell.reporting.gantt_data import GanttBar, GanttData
from robot_cell.reporting.plan_changes import Happening

if TYPE_CHECKING:
    from robot_cell.client import JobView, OperationView
    from robot_cell.store import OperationRecord

_DONE = ("complete", "done")
_CHART_MARGIN_S = 60.0


@dataclass(frozen=True)
class JobResult:
    """What became of a job order."""

    id: str
    product: str
    quantity: int
    done: int
    failed: int
    status: str
    due_s: float
    finished_s: float | None
    late_s: float | None
    customer: str = ""
    message: str = ""


@dataclass(frozen=True)
class OperationResult:
    """What became of an operation of a work unit.

    Attributes:
        joint_error_rad: measured minus commanded at the end of its last motion, base to flange.
        end_positions_rad: measured joint positions at the end of each motion.
    """

    job: str
    unit: int
    operation: str
    cell: str
    program: str
    planned_start_s: float
    planned_end_s: float
    actual_start_s: float | None
    actual_end_s: float | None
    status: str
    joint_error_rad: list[float] | None = None
    end_positions_rad: list[list[float]] | None = None
    message: str = ""


@dataclass(frozen=True)
class RunResult:
    """A run, from the command to the last job.

    Attributes:
        faults: what was asked to happen to the cells.
        happenings: cells that were lost and came back, and how the plan was changed.
    """

    plant: str
    start: datetime
    speed: float
    seed: int
    engine: str
    planned_makespan_s: float
    lower_bound_s: float
    wall_s: float
    setup_s: float | None
    planning_s: float | None
    first_motion_s: float | None
    simulated_s: float
    real_time_factor: float | None
    jobs: tuple[JobResult, ...]
    operations: tuple[OperationResult, ...]
    faults: tuple[str, ...] = ()
    happenings: tuple[Happening, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every job order was completed."""
        return bool(self.jobs) and all(job.status in _DONE for job in self.jobs)

    @property
    def actual_makespan_s(self) -> float | None:
        """End of the last operation that ended."""
        return max(
            (o.actual_end_s for o in self.operations if o.actual_end_s is not None), default=None
        )

    def as_json(self) -> dict[str, Any]:
        """The result as plain values; `speed` is `max` where it is 0."""
        plain = asdict(self)
        plain["start"] = self.start.isoformat()
        plain["speed"] = "max" if self.speed == 0.0 else self.speed
        plain["complete"] = self.complete
        plain["actual_makespan_s"] = self.actual_makespan_s
        return plain

    def write_json(self, path: Path) -> Path:
        """Write the result as JSON; missing folders are made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")
        return path


@dataclass(frozen=True)
class Timing:
    """Seconds of waiting, measured by whoever ran the plant."""

    wall_s: float
    setup_s: float | None = None
    first_motion_s: float | None = None
    running_s: float | None = None
    planning_s: float | None = None


@dataclass(frozen=True)
class Conditions:
    """How the plant was run."""

    plant: str
    start: datetime
    speed: float
    seed: int
    engine: str = ""
    planned_makespan_s: float = 0.0
    lower_bound_s: float = 0.0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Records:
    """What the plant and its journal say."""

    jobs: Sequence[JobView]
    operations: Sequence[OperationView]
    measured: Mapping[str, OperationRecord] = field(default_factory=dict)
    happenings: Sequence[Happening] = ()


def build_run_result(conditions: Conditions, timing: Timing, records: Records) -> RunResult:
    """Put together what is known of a run."""
    operations = tuple(
        _operation(operation, records.measured.get(operation.operation_id))
        for operation in sorted(
            records.operations, key=lambda o: (o.planned_start_ns, o.order_id, o.unit)
        )
    )
    jobs = tuple(_job(job) for job in records.jobs)
    simulated_s = max(
        (o.actual_end_s for o in operations if o.actual_end_s is not None), default=0.0
    )
    running_s = timing.running_s
    return RunResult(
        plant=conditions.plant,
        start=conditions.start,
        speed=conditions.speed,
        seed=conditions.seed,
        engine=conditions.engine,
        planned_makespan_s=conditions.planned_makespan_s,
        lower_bound_s=conditions.lower_bound_s,
        wall_s=round(timing.wall_s, 3),
        setup_s=_rounded(timing.setup_s),
        planning_s=_rounded(timing.planning_s),
        first_motion_s=_rounded(timing.first_motion_s),
        simulated_s=simulated_s,
        real_time_factor=round(simulated_s / running_s, 3) if running_s else None,
        jobs=jobs,
        operations=operations,
        faults=conditions.faults,
        happenings=tuple(records.happenings),
    )


def chart_of(
    plant: Plant, start: datetime, title: str, operations: Iterable[OperationView],
    jobs: Iterable[JobView] = (),
) -> GanttData:  # fmt: skip
    """The Gantt chart of a schedule or a run, in the plant's time zone."""
    local = start.astimezone(plant.zone)
    jobs = list(jobs)
    products = {job.order_id: job.product for job in jobs}
    bars = tuple(
        GanttBar(
            cell=o.cell,
            order_id=o.order_id,
            unit=o.unit,
            operation=o.operation,
            program=o.program,
            product=products.get(o.order_id, ""),
            planned_start_s=o.planned_start_ns * 1e-9,
            planned_end_s=o.planned_end_ns * 1e-9,
            actual_start_s=_plant_s(o.actual_start_ns),
            actual_end_s=_plant_s(o.actual_end_ns),
            status=o.status,
        )
        for o in operations
    )
    due = {job.order_id: job.due_ns * 1e-9 for job in jobs}
    customers = {job.order_id: job.customer for job in jobs if job.customer}
    data = GanttData(title, local, tuple(plant.cells), bars, due_s=due, customers=customers)
    return with_plant(plant, data)


def with_plant(plant: Plant, chart: GanttData) -> GanttData:
    """A chart with what the plant file says: closed times, and setups before operations."""
    turns = {
        f"{number}": Turn(bar.cell, False, bar.planned_start_s, f"{number}", bar.product)
        for number, bar in enumerate(chart.bars)
    }
    found = setups_before(turns.values(), SetupTimes.of(plant))
    bars = tuple(
        replace(bar, setup_s=found[key] * 1e-3) if key in found else bar
        for key, bar in zip(turns, chart.bars, strict=True)
    )
    return replace(chart, bars=bars, unavailable_s=closed_times(plant, chart))


def closed_times(plant: Plant, chart: GanttData) -> dict[str, tuple[tuple[float, float], ...]]:
    """When the cells do not work while the chart's operations run, seconds after its start."""
    begin, end = chart.at(chart.span_s[0]), chart.at(chart.span_s[1] + _CHART_MARGIN_S)
    return {
        name: tuple(
            ((a - chart.start).total_seconds(), (b - chart.start).total_seconds())
            for a, b in unavailable(cell.calendar, plant.zone, begin, end)
        )
        for name, cell in plant.cells.items()
    }


def _job(job: JobView) -> JobResult:
    due_s = round(job.due_ns * 1e-9, 3)
    finished_s = _plant_s(job.finished_ns)
    late_s = max(0.0, round(finished_s - due_s, 3)) if finished_s is not None else None
    return JobResult(
        id=job.order_id,
        product=job.product,
        quantity=job.quantity,
        done=job.done,
        failed=job.failed,
        status=job.status,
        due_s=due_s,
        finished_s=finished_s,
        late_s=late_s,
        customer=job.customer,
        message=job.message,
    )


def _operation(operation: OperationView, measured: OperationRecord | None) -> OperationResult:
    error = measured.joint_error_rad if measured is not None else None
    positions = measured.end_positions if measured is not None else None
    return OperationResult(
        job=operation.order_id,
        unit=operation.unit,
        operation=operation.operation,
        cell=operation.cell,
        program=operation.program,
        planned_start_s=operation.planned_start_ns * 1e-9,
        planned_end_s=operation.planned_end_ns * 1e-9,
        actual_start_s=_plant_s(operation.actual_start_ns),
        actual_end_s=_plant_s(operation.actual_end_ns),
        status="complete" if operation.status == "done" else operation.status,
        joint_error_rad=list(error) if error else None,
        end_positions_rad=[list(row) for row in positions] if positions else None,
        message=measured.message if measured is not None else "",
    )


def _plant_s(ns: int | None) -> float | None:
    return None if ns is None else round(ns * 1e-9, 3)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
