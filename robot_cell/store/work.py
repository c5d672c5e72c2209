"""What becomes of operations: leased, begun, ended, put back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, get_args

from sqlalchemy import Connection, Text, bindparam, cast, func, null, select

from robot_cell.model import PlannedOperation
from robot_cell.store.errors import JournalError, StaleToken, UnknownOperation, WrongStatus
from robot_cell.store.log import Transaction
from robot_cell.store.prepared import Prepared
from robot_cell.store.records import (
    FINAL_STATUSES,
    EndStatus,
    OperationRecord,
    ScheduleRecord,
    Status,
)
from robot_cell.store.tables import events, facts, operations, schedules, steps

_COLUMNS: Final = tuple(OperationRecord.__dataclass_fields__)
_MEASURED: Final = frozenset({"joint_error_rad", "end_positions"})
UNMEASURED: Final = tuple(
    null().label(name) if name in _MEASURED else operations.c[name] for name in _COLUMNS
)
"""Columns of an operation's record without what was measured in it, which is most of it."""

_ONE: Final = select(*(operations.c[name] for name in _COLUMNS)).where(
    operations.c.operation_id == bindparam("operation_id")
)

_STANDING: Final = Prepared(
    select(operations.c.status, operations.c.cell, operations.c.token, operations.c.attempt).where(
        operations.c.operation_id == bindparam("operation_id")
    )
)
_LAST_TOKEN: Final = Prepared(
    select(
        select(func.max(operations.c.token)).scalar_subquery(),
        select(cast(facts.c.value, Text)).where(facts.c.name == "token_floor").scalar_subquery(),
    )
)


class _Standing(NamedTuple):
    """What decides what may become of an operation."""

    status: Status
    cell: str | None
    token: int
    attempt: int


def find(
    connection: Connection,
    order_id: str | None = None,
    status: Status | Iterable[Status] | None = None,
    cell: str | None = None,
) -> list[OperationRecord]:
    """Operations by order, unit and position in the recipe."""
    query = select(*(operations.c[name] for name in _COLUMNS)).order_by(
        operations.c.order_id, operations.c.unit, operations.c.position
    )
    if order_id is not None:
        query = query.where(operations.c.order_id == order_id)
    if status is not None:
        wanted = [status] if isinstance(status, str) else list(status)
        query = query.where(operations.c.status.in_(wanted))
    if cell is not None:
        query = query.where(operations.c.cell == cell)
    return [OperationRecord(*row) for row in connection.execute(query)]


def get(connection: Connection, operation_id: str) -> OperationRecord:
    """One operation."""
    row = connection.execute(_ONE, {"operation_id": operation_id}).one_or_none()
    if row is None:
        raise UnknownOperation(f"there is no operation {operation_id!r}")
    return OperationRecord(*row)


def _standing(connection: Connection, operation_id: str) -> _Standing:
    row = _STANDING.row(connection, {"operation_id": operation_id})
    if row is None:
        raise UnknownOperation(f"there is no operation {operation_id!r}")
    return _Standing(*row)


def lease(transaction: Transaction, operation_id: str, cell: str, program: str, at_ns: int) -> int:
    """Give a planned operation to a cell.

    Returns:
        The fencing token: higher than every token given before, so that whoever holds an older
        one can be told apart for ever.
    """
    record = _standing(transaction.connection, operation_id)
    if record.status != "planned":
        raise WrongStatus(operation_id, record.status, "only a planned operation can be leased")
    token = _last_token(transaction.connection) + 1
    data = {"operation_id": operation_id, "cell": cell, "program": program, "token": token}
    transaction.record("operation_leased", at_ns, "scheduler", data)
    return token


def _last_token(connection: Connection) -> int:
    row = _LAST_TOKEN.row(connection, {})
    assert row is not None
    return max(int(row[0] or 0), int(row[1] or 0))


def begin(transaction: Transaction, operation_id: str, cell: str, token: int, at_ns: int) -> None:
    """A cell starts an operation; the same call again changes nothing."""
    record = _standing(transaction.connection, operation_id)
    if token < record.token:
        raise StaleToken(operation_id, token, record.token)
    if record.status == "running" and (record.cell, record.token) == (cell, token):
        return
    if record.status not in ("planned", "leased"):
        raise WrongStatus(operation_id, record.status, "only planned or leased work can begin")
    if record.status == "leased" and record.cell != cell:
        raise WrongStatus(operation_id, f"leased to {record.cell}", f"{cell} may not begin it")
    data = {"operation_id": operation_id, "cell": cell, "token": token}
    transaction.record("operation_begun", at_ns, cell, data)


def end(
    transaction: Transaction,
    operation_id: str,
    status: EndStatus,
    *,
    at_ns: int,
    message: str,
    joint_error_rad: Any,
    end_positions: Any,
    token: int | None,
) -> None:
    """A running operation is over; the same status again changes nothing.

    `token` refuses a cell whose lease has passed on; without one nobody is refused.
    """
    if status not in get_args(EndStatus):
        raise JournalError(f"{operation_id}: {status!r} is no end; there are {get_args(EndStatus)}")
    record = _standing(transaction.connection, operation_id)
    if token is not None and token < record.token:
        raise StaleToken(operation_id, token, record.token)
    if record.status == status:
        return
    if record.status != "running":
        raise WrongStatus(operation_id, record.status, "only running work can end")
    data = {
        "operation_id": operation_id,
        "status": status,
        "message": message,
        "joint_error_rad": joint_error_rad,
        "end_positions": end_positions,
    }
    transaction.record("operation_ended", at_ns, record.cell or "", data)


def take_back(
    transaction: Transaction, operation_id: str, token: int, *, reason: str, at_ns: int
) -> None:
    """Put a leased operation back to planned if it has not begun: its token becomes void."""
    record = get(transaction.connection, operation_id)
    if token != record.token:
        raise StaleToken(operation_id, token, record.token)
    if record.status != "leased":
        raise WrongStatus(operation_id, record.status, "only what has not begun is taken back")
    requeue(transaction, operation_id, reason=reason, confirmed_by=None, at_ns=at_ns)


def requeue(
    transaction: Transaction,
    operation_id: str,
    *,
    reason: str,
    confirmed_by: str | None,
    at_ns: int,
) -> None:
    """Put an operation back to planned.

    Without a person's word this is allowed only for leased or running work of which no step was
    done or may have been done; the lease becomes void. With `confirmed_by` failed and uncertain
    work can be repeated as well: that person has looked at the cell.
    """
    connection = transaction.connection
    record = get(connection, operation_id)
    if record.status == "planned":
        return
    allowed: set[Status] = {"leased", "running"}
    if confirmed_by is not None:
        allowed |= {"failed", "uncertain"}
    if record.status not in allowed:
        raise WrongStatus(operation_id, record.status, f"only {sorted(allowed)} can be put back")
    if confirmed_by is None and (touched := _touched(connection, record)):
        raise WrongStatus(
            operation_id,
            record.status,
            f"{touched} of its steps were or may have been done, so a person must look at "
            "the cell and confirm that it can be repeated",
        )
    data = {
        "operation_id": operation_id,
        "reason": reason,
        "confirmed_by": confirmed_by,
        "token": record.token + 1,
        "attempt": record.attempt + 1,
    }
    transaction.record("operation_put_back", at_ns, confirmed_by or "journal", data)


def _touched(connection: Connection, record: OperationRecord) -> int:
    """How many steps of an operation's last attempt were done or may have been done."""
    count = connection.scalar(
        select(func.count())
        .select_from(steps)
        .where(
            steps.c.operation_id == record.operation_id,
            steps.c.attempt == record.attempt,
            steps.c.outcome.is_distinct_from("not_done"),
        )
    )
    return int(count or 0)


def resolve(
    transaction: Transaction,
    operation_id: str,
    status: EndStatus,
    *,
    who: str,
    reason: str,
    at_ns: int,
) -> None:
    """A person says what became of an operation that is uncertain."""
    record = get(transaction.connection, operation_id)
    if record.status != "uncertain":
        raise WrongStatus(
            operation_id, record.status, "only uncertain work is resolved by a person"
        )
    if status not in FINAL_STATUSES - {"uncertain"}:
        raise JournalError(f"{operation_id}: {status!r} resolves nothing")
    data = {"operation_id": operation_id, "status": status, "reason": reason}
    transaction.record("operation_resolved", at_ns, who, data)


# ------------------------------------------------------------------------------ schedules


def publish(
    transaction: Transaction, rows: Sequence[PlannedOperation], *, engine: str, at_ns: int
) -> int:
    """Store a verified schedule and give each operation that has not begun its place in it.

    Returns:
        The revision, one higher than the last.
    """
    connection = transaction.connection
    known = set(connection.scalars(select(operations.c.operation_id)))
    for row in rows:
        if row.operation_id not in known:
            raise UnknownOperation(f"the schedule has {row.operation_id!r}, which was not ordered")
    last = connection.scalar(select(func.coalesce(func.max(schedules.c.revision), 0)))
    revision = int(last or 0) + 1
    data = {
        "revision": revision,
        "engine": engine,
        "rows": [[getattr(row, name) for name in PlannedOperation.__slots__] for row in rows],
    }
    transaction.record("schedule_published", at_ns, "scheduler", data)
    return revision


def latest(connection: Connection) -> ScheduleRecord | None:
    """The schedule that holds now, None before the first."""
    row = connection.execute(
        select(schedules, events.c.data)
        .join(events, events.c.event_id == schedules.c.event_id)
        .order_by(schedules.c.revision.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return ScheduleRecord(
        row.revision,
        row.published_ns,
        row.engine,
        tuple(PlannedOperation(*values) for values in json.loads(row.data)["rows"]),
    )
