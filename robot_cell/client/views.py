"""What the plant's services answer, as plain values without ROS types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from robot_cell.model.packml import State

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class InputErrorView:
    """One thing that is wrong in a batch."""

    file: str
    row: int
    column: str
    value: str
    expected: str
    message: str


@dataclass(frozen=True)
class SubmitResult:
    """What became of a batch."""

    accepted: bool
    order_ids: tuple[str, ...]
    already_known: tuple[str, ...]
    errors: tuple[InputErrorView, ...]
    message: str


@dataclass(frozen=True)
class FaultResult:
    """What became of a fault that was asked for, and the fault that each device of the cell has."""

    success: bool
    message: str
    devices: dict[str, str]


@dataclass(frozen=True)
class CommandResult:
    """Whether a request was obeyed."""

    success: bool
    message: str


@dataclass(frozen=True)
class JogResult:
    """What has become of a press of a jog button.

    Attributes:
        success: whether it is known and was not refused.
        phase: planning, moving or ended.
        message: why not, what ends the motion, or how it ended.
    """

    success: bool
    phase: str
    message: str


@dataclass(frozen=True)
class OperateResult:
    """What has become of a command to a device by hand.

    Attributes:
        success: whether it is known, was not refused and has not failed.
        phase: waiting, running or ended.
        drops: whether it was refused because a part might fall, and for nothing else.
        message: why not, or how it ended.
        readings: what the device read at its end.
    """

    success: bool
    phase: str
    drops: bool
    message: str
    readings: dict[str, str]


@dataclass(frozen=True)
class ArgumentView:
    """What has to be given with a command; any text where there are no `choices`."""

    name: str
    type: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class DeviceCommandView:
    """A command that a device of a cell can be given."""

    command: str
    does: str
    arguments: tuple[ArgumentView, ...]


CommandsView = dict[str, list[DeviceCommandView]]
"""What each device of a cell can be told, by its name."""


def commands_view(message: Any) -> CommandsView:
    """From a FixtureCommands message."""
    found: CommandsView = {device: [] for device in message.devices}
    for one in message.commands:
        arguments = tuple(ArgumentView(a.name, a.type, tuple(a.choices)) for a in one.arguments)
        found[one.device].append(DeviceCommandView(one.command, one.does, arguments))
    return found


@dataclass(frozen=True)
class JobView:
    """One job order; `promised_ns` and `finished_ns` are None while unknown."""

    order_id: str
    product: str
    quantity: int
    done: int
    failed: int
    status: str
    release_ns: int
    due_ns: int
    promised_ns: int | None
    finished_ns: int | None
    priority: int
    customer: str
    message: str


@dataclass(frozen=True)
class OperationView:
    """One operation of the schedule; actual times are None until they are known."""

    operation_id: str
    order_id: str
    unit: int
    operation: str
    cell: str
    program: str
    planned_start_ns: int
    planned_end_ns: int
    status: str
    actual_start_ns: int | None
    actual_end_ns: int | None


@dataclass(frozen=True)
class ScheduleView:
    """The published schedule; revision 0 before the first."""

    revision: int
    start: datetime
    engine: str
    makespan_ns: int
    lower_bound_ns: int
    operations: tuple[OperationView, ...]


@dataclass(frozen=True)
class CellStateView:
    """What a cell says of itself."""

    cell: str
    state: str
    operation_id: str
    order_id: str
    unit: int
    program: str
    step: int
    steps: int
    progress: float
    message: str
    at_ns: int
    mode: str = "production"


def submit_result(answer: Any) -> SubmitResult:
    """From a SubmitBatch response."""
    errors = tuple(
        InputErrorView(e.file, e.row, e.column, e.value, e.expected, e.message)
        for e in answer.errors
    )
    return SubmitResult(
        answer.accepted,
        tuple(answer.order_ids),
        tuple(answer.already_known),
        errors,
        answer.message,
    )


def job_view(job: Any, start_ns: int) -> JobView:
    """From a JobStatus message; `start_ns` is the plant's start in Unix time."""
    return JobView(
        order_id=job.order_id,
        product=job.product,
        quantity=job.quantity,
        done=job.done,
        failed=job.failed,
        status=job.status,
        release_ns=job.release_ns - start_ns,
        due_ns=job.due_ns - start_ns,
        promised_ns=None if job.promised_ns < 0 else job.promised_ns - start_ns,
        finished_ns=None if job.finished_ns < 0 else job.finished_ns - start_ns,
        priority=job.priority,
        customer=job.customer,
        message=job.message,
    )


def schedule_view(message: Any) -> ScheduleView:
    """From a Schedule message."""
    return ScheduleView(
        revision=message.revision,
        start=_EPOCH + timedelta(microseconds=message.start_unix_ns // 1000),
        engine=message.engine,
        makespan_ns=message.makespan_ns,
        lower_bound_ns=message.lower_bound_ns,
        operations=tuple(
            OperationView(
                operation_id=o.operation_id,
                order_id=o.order_id,
                unit=o.unit,
                operation=o.operation,
                cell=o.cell,
                program=o.program,
                planned_start_ns=o.planned_start_ns,
                planned_end_ns=o.planned_end_ns,
                status=o.status,
                actual_start_ns=_known(o.actual_start_ns),
                actual_end_ns=_known(o.actual_end_ns),
            )
            for o in message.operations
        ),
    )


def cell_state_view(message: Any) -> CellStateView:
    """From a CellState message."""
    return CellStateView(
        cell=message.cell,
        state=State(message.state).label,
        operation_id=message.operation_id,
        order_id=message.order_id,
        unit=message.unit,
        program=message.program,
        step=message.step,
        steps=message.steps,
        progress=message.progress,
        message=message.message,
        at_ns=message.stamp.sec * 1_000_000_000 + message.stamp.nanosec,
        mode=message.mode_name,
    )


def _known(value: int) -> int | None:
    return None if value < 0 else value
