"""What may happen to a running plan."""

from __future__ import annotations

from dataclasses import dataclass

from planners.scheduling.work import Job


@dataclass(frozen=True, slots=True)
class CellDown:
    """A cell stands still; what it was doing has to be done again.

    ``until_ms`` is when it will be back. None: nobody knows; what only it can do waits, with all
    that follows it, and has no place in the plan.
    """

    cell: int
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CellBack:
    """A cell works again, earlier than its calendar says."""

    cell: int


@dataclass(frozen=True, slots=True)
class OperationLate:
    """A running operation will end then."""

    job: int
    operation: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class OperationFailed:
    """An operation failed: it, and what follows it in its job, waits for a person."""

    job: int
    operation: int


@dataclass(frozen=True, slots=True)
class JobsArrive:
    """New work."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class JobCancelled:
    """What has not begun of a job is not wanted any more."""

    job: int


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job has another due date or weight."""

    job: int
    due_ms: int | None
    weight: float


@dataclass(frozen=True, slots=True)
class ResourceMissing:
    """All units of a resource are gone until then. Who holds some keeps them."""

    resource: int
    until_ms: int


Event = (
    CellDown
    | CellBack
    | OperationLate
    | OperationFailed
    | JobsArrive
    | JobCancelled
    | JobChanged
    | ResourceMissing
)
