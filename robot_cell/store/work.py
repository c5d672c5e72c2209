"""What becomes of operations: leased, begun, ended, put back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, get_args

from sqlalchemy import Connection, func, insert, select, update

from robot_cell.model import PlannedOperation
from robot_cell.store.errors import JournalError, StaleToken, UnknownOperation, WrongStatus
from robot_cell.store.records import (
    FINAL_STATUSES,
    EndStatus,
    OperationRecord,
    ScheduleRecord,
    Status,
)
from robot_cell.store.tables import operations, schedules, steps

_COLUMNS: Final = tuple(OperationRecord.__dataclass_fields__)


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
    row = connection.execute(
        select(*(operations.c[name] for name in _COLUMNS)).where(
            operations.c.operation_id == operation_id
        )
    ).one_or_none()
    if row is None:
        raise UnknownOperation(f"there is no operation {operation_id!r}")
    return OperationRecord(*row)


def _set(connection: Connection, operation_id: str, **values: Any) -> None:
    connection.execute(
        update(operations).where(operations.c.operation_id == operation_id).values(**values)
    )


def lease(connection: Connection, operation_id: str, cell: str, program: str) -> int:
    """Give a planned operation to a cell.

    Returns:
        The fencing token: higher than every token given before, so that whoever holds an older
        one can be told apart for ever.
    """
    record = get(connection, operation_id)
    if record.status != "planned":
        raise WrongStatus(operation_id, record.status, "only a planned operation can be leased")
    token = int(connection.scalar(select(func.coalesce(func.max(operations.c.token), 0))) or 0) + 1
    _set(connection, operation_id, status="leased", cell=cell, program=program, token=token)
    return token


def begin(connection: Connection, operation_id: str, cell: str, token: int, at_ns: int) -> None:
    """A cell starts an operation; the same call again changes nothing."""
    record = get(connection, operation_id)
    if token < record.token:
        raise StaleToken(operation_id, token, record.token)
    if record.status == "running" and (record.cell, record.token) == (cell, token):
        return
    if record.status not in ("planned", "leased"):
        raise WrongStatus(operation_id, record.status, "only planned or leased work can begin")
    if record.status == "leased" and record.cell != cell:
        raise WrongStatus(operation_id, f"leased to {record.cell}", f"{cell} may not begin it")
    _set(
        connection,
        operation_id,
        status="running",
        cell=cell,
        token=token,
        actual_start_ns=at_ns,
        message="",
    )


def end(
    connection: Connection,
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
    record = get(connection, operation_id)
    if token is not None and token < record.token:
        raise StaleToken(operation_id, token, record.token)
    if record.status == status:
        return
    if record.status != "running":
        raise WrongStatus(operation_id, record.status, "only running work can end")
    _set(
        connection,
        operation_id,
        status=status,
        actual_end_ns=at_ns,
        message=message,
        joint_error_rad=joint_error_rad,
        end_positions=end_positions,
    )


def requeue(
    connection: Connection, operation_id: str, *, reason: str, confirmed_by: str | None
) -> None:
    """Put an operation back to planned.

    Without a person's word this is allowed only for leased or running work of which no step was
    done or may have been done; the lease becomes void. With `confirmed_by` failed and uncertain
    work can be repeated as well: that person has looked at the cell.
    """
    record = get(connection, operation_id)
    if record.status == "planned":
        return
    allowed: set[Status] = {"leased", "running"}
    if confirmed_by is not None:
        allowed |= {"failed", "uncertain"}
    if record.status not in allowed:
        raise WrongStatus(operation_id, record.status, f"only {sorted(allowed)} can be put back")
    if confirmed_by is None:
        touched = connection.scalar(
            select(func.count())
            .select_from(steps)
            .where(
                steps.c.operation_id == operation_id,
                steps.c.attempt == record.attempt,
                steps.c.outcome.is_distinct_from("not_done"),
            )
        )
        if touched:
            raise WrongStatus(
                operation_id,
                record.status,
                f"{touched} of its steps were or may have been done, so a person must look at "
                "the cell and confirm that it can be repeated",
            )
    _set(
        connection,
        operation_id,
        status="planned",
        cell=None,
        program=None,
        token=record.token + 1,
        attempt=record.attempt + 1,
        actual_start_ns=None,
        actual_end_ns=None,
        message=reason if confirmed_by is None else f"{reason} (confirmed by {confirmed_by})",
    )


def resolve(
    connection: Connection, operation_id: str, status: EndStatus, *, who: str, reason: str
) -> None:
    """A person says what became of an operation that is uncertain."""
    record = get(connection, operation_id)
    if record.status != "uncertain":
        raise WrongStatus(
            operation_id, record.status, "only uncertain work is resolved by a person"
        )
    if status not in FINAL_STATUSES - {"uncertain"}:
        raise JournalError(f"{operation_id}: {status!r} resolves nothing")
    _set(connection, operation_id, status=status, message=f"{who}: {reason}")


# ------------------------------------------------------------------------------ schedules


def publish(
    connection: Connection, rows: Iterable[PlannedOperation], *, engine: str, at_ns: int
) -> int:
    """Store a verified schedule and give each operation that has not begun its place in it.

    Returns:
        The revision, one higher than the last.
    """
    rows = list(rows)
    known = set(connection.scalars(select(operations.c.operation_id)))
    for row in rows:
        if row.operation_id not in known:
            raise UnknownOperation(f"the schedule has {row.operation_id!r}, which was not ordered")
    for row in rows:
        connection.execute(
            update(operations)
            .where(operations.c.operation_id == row.operation_id, operations.c.status == "planned")
            .values(
                cell=row.cell,
                program=row.program,
                planned_start_ns=row.start_ns,
                planned_end_ns=row.end_ns,
            )
        )
    key = connection.execute(
        insert(schedules).values(
            published_ns=at_ns,
            engine=engine,
            rows=[[getattr(row, name) for name in PlannedOperation.__slots__] for row in rows],
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def latest(connection: Connection) -> ScheduleRecord | None:
    """The schedule that holds now, None before the first."""
    row = connection.execute(
        select(schedules).order_by(schedules.c.revision.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    return ScheduleRecord(
        row.revision,
        row.published_ns,
        row.engine,
        tuple(PlannedOperation(*values) for values in row.rows),
    )
