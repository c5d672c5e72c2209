"""What the journal hands out: frozen records, one per kind of row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Literal

from robot_cell.model import JobOrder, PlannedOperation

Status = Literal["planned", "leased", "running", "complete", "failed", "cancelled", "uncertain"]
EndStatus = Literal["complete", "failed", "cancelled", "uncertain"]
StepOutcome = Literal["done", "failed", "not_done", "uncertain"]

FINAL_STATUSES: Final[frozenset[Status]] = frozenset(
    {"complete", "failed", "cancelled", "uncertain"}
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970 in UTC."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_us(microseconds: int) -> datetime:
    """The instant in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch: which orders are new and which were known with the same content."""

    batch_id: int
    new_ids: tuple[str, ...]
    known_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An accepted order; its times are in UTC.

    Attributes:
        position: among all orders, in the order of their acceptance.
    """

    order: JobOrder
    batch_id: int
    cancelled_ns: int | None
    cancelled_by: str | None
    cancel_reason: str | None
    position: int = 0


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One operation of one work unit. Times are plant times in ns.

    Attributes:
        position: index in the product's recipe.
        token: fencing token of the last lease; 0 before the first.
        attempt: 1, and one more for each time it was put back.
        joint_error_rad: measured minus commanded at the end of the last motion, base to flange.
        end_positions: measured joint positions in rad, one list per motion.
    """

    operation_id: str
    order_id: str
    unit: int
    position: int
    name: str
    status: Status
    cell: str | None
    program: str | None
    token: int
    attempt: int
    planned_start_ns: int | None
    planned_end_ns: int | None
    actual_start_ns: int | None
    actual_end_ns: int | None
    message: str
    joint_error_rad: Any
    end_positions: Any


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step ended."""

    step_id: int
    outcome: StepOutcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step that was about to be done; `outcome` is None while nobody knows."""

    step_id: int
    operation_id: str
    attempt: int
    step_index: int
    label: str
    intent_ns: int
    outcome: StepOutcome | None
    outcome_ns: int | None
    message: str


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A published schedule."""

    revision: int
    published_ns: int
    engine: str
    rows: tuple[PlannedOperation, ...]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened; `monotonic_ns` orders events of one machine between restarts.

    Attributes:
        kind: `note`, or what it changes (`robot_cell.store.derive`).
        digest: of this event and, through the one before it, of all before it.
    """

    event_id: int
    at_ns: int
    monotonic_ns: int
    wall_us: int
    who: str
    what: str
    data: Any
    kind: str = "note"
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """What a person asked for, and what came of it."""

    command_id: int
    at_ns: int
    wall_us: int
    who: str
    what: str
    target: str
    data: Any
    outcome: str | None
    outcome_ns: int | None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """Who may ask what over the network. Instants are wall time, microseconds since 1970.

    Attributes:
        hash: argon2id of the secret.
        parent: the token by which a session was begun; None for a token that was added.
    """

    token_id: str
    name: str
    role: str
    hash: str
    added_us: int
    added_by: str
    expires_us: int | None
    parent: str | None
    revoked_us: int | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """An accepted batch."""

    batch_id: int
    source: str
    submitted_by: str
    accepted_ns: int
    accepted_wall_us: int
    orders_new: int
    orders_known: int
