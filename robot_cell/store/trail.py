"""What was about to be done, what happened, and what people asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, cast, func, select

from robot_cell.store import work
from robot_cell.store.errors import JournalError, UnknownStep, WrongStatus
from robot_cell.store.id_lists import id_lists
from robot_cell.store.log import Transaction
from robot_cell.store.prepared import Prepared
from robot_cell.store.records import CommandRecord, StepOutcome, StepRecord
from robot_cell.store.tables import commands, facts, operations, steps

MAX_STEP_ID: Final = 2**31 - 1
"""Devices keep a step id in a positive 32-bit number."""

BY_HAND: Final = "device "
"""What a command that a person gives a device by hand begins with in the journal."""

_STEP: Final = tuple(steps.c[name] for name in StepRecord.__dataclass_fields__)

_GIVEN: Final = (
    select(func.coalesce(func.max(steps.c.step_id), 0)).scalar_subquery().label("last_id"),
    select(cast(facts.c.value, Text)).where(facts.c.name == "step_floor").scalar_subquery(),
)

# One question: this stands between every two steps of every cell.
_BEFORE_STEP: Final = Prepared(
    select(
        operations.c.status,
        operations.c.attempt,
        operations.c.cell,
        *_GIVEN,
    ).where(operations.c.operation_id == bindparam("operation_id"))
)

_BEFORE_OUTCOME: Final = Prepared(
    select(steps.c.outcome, operations.c.cell)
    .join(operations)
    .where(steps.c.step_id == bindparam("step_id"))
)


def step_intent(
    transaction: Transaction, operation_id: str, index: int, label: str, at_ns: int
) -> int:
    """Note that a step is about to be done.

    Returns:
        Its id for the device: positive, unique in the plant and never used again.
    """
    connection = transaction.connection
    row = _BEFORE_STEP.row(connection, {"operation_id": operation_id})
    if row is None or row[0] != "running":
        record = work.get(connection, operation_id)
        raise WrongStatus(operation_id, record.status, "steps belong to running operations")
    _, attempt, cell, last_id, floor = row
    step_id = _after(last_id, floor)
    data = {
        "step_id": step_id,
        "operation_id": operation_id,
        "attempt": attempt,
        "step_index": index,
        "label": label,
    }
    transaction.record("step_intended", at_ns, cell or "", data)
    return step_id


def _after(last_id: int, floor: str | None) -> int:
    """The step id after all that were given, in programs and by hand."""
    step_id = max(int(last_id), int(floor or 0)) + 1
    if step_id > MAX_STEP_ID:
        raise JournalError("all 2^31 step ids have been used: start a new journal")
    return step_id


def step_outcome(
    transaction: Transaction, step_id: int, outcome: StepOutcome, at_ns: int, message: str
) -> None:
    """Note what became of a step.

    The same outcome again changes nothing; `uncertain` may become something certain later.
    """
    row = _BEFORE_OUTCOME.row(transaction.connection, {"step_id": step_id})
    if row is None:
        raise UnknownStep(f"there is no step {step_id}")
    known, cell = row
    if known == outcome:
        return
    if known not in (None, "uncertain"):
        raise WrongStatus(f"step {step_id}", known, f"it cannot become {outcome}")
    data = {"step_id": step_id, "outcome": outcome, "message": message}
    transaction.record("step_ended", at_ns, cell or "", data)


def open_steps(connection: Connection, cell: str | None) -> list[StepRecord]:
    """Steps of running operations whose outcome nobody knows: the device has to be asked."""
    query = (
        select(*_STEP)
        .join(operations)
        .where(
            steps.c.outcome.is_(None),
            operations.c.status == "running",
            steps.c.attempt == operations.c.attempt,
        )
        .order_by(steps.c.step_id)
    )
    if cell is not None:
        query = query.where(operations.c.cell == cell)
    return [StepRecord(*row) for row in connection.execute(query)]


def steps_of(connection: Connection, operation_id: str) -> list[StepRecord]:
    """All steps of an operation, of all attempts, oldest first."""
    return [
        StepRecord(*row)
        for row in connection.execute(
            select(*_STEP).where(steps.c.operation_id == operation_id).order_by(steps.c.step_id)
        )
    ]


def last_step(connection: Connection, cell: str) -> int:
    """Id of the last step that a program of a cell began; 0 before the first."""
    query = select(func.max(steps.c.step_id)).join(operations).where(operations.c.cell == cell)
    return int(connection.scalar(query) or 0)


def append_command(
    transaction: Transaction, who: str, what: str, target: str, at_ns: int, data: Any
) -> int:
    """Note what a person asked for."""
    command_id = _next_command(transaction)
    asked = {"command_id": command_id, "target": target, "data": data}
    transaction.record("person_asked", at_ns, who, asked, what)
    return command_id


def append_by_hand(
    transaction: Transaction,
    who: str,
    what: str,
    target: str,
    at_ns: int,
    data: Mapping[str, Any],
) -> tuple[int, int]:
    """Note a command that a person gives a device by hand.

    Returns:
        Its command id, and the step id for the device: as unique as that of a program's step.
    """
    command_id = _next_command(transaction)
    last_id, floor = transaction.connection.execute(select(*_GIVEN)).one()
    step_id = _after(last_id, floor)
    asked = {
        "command_id": command_id,
        "target": target,
        "data": {**data, "step_id": step_id},
        "step_id": step_id,
    }
    transaction.record("person_asked", at_ns, who, asked, what)
    return command_id, step_id


def _next_command(transaction: Transaction) -> int:
    last = select(func.coalesce(func.max(commands.c.command_id), 0))
    return int(transaction.connection.scalar(last) or 0) + 1


def command_outcome(transaction: Transaction, command_id: int, outcome: str, at_ns: int) -> None:
    """Note what came of what a person asked for; only the first answer counts."""
    row = transaction.connection.execute(
        select(commands.c.outcome, commands.c.target).where(commands.c.command_id == command_id)
    ).one_or_none()
    if row is not None and row.outcome is None:
        data = {"command_id": command_id, "outcome": outcome}
        transaction.record("person_answered", at_ns, row.target, data)


def by_hand(connection: Connection, cell: str) -> list[CommandRecord]:
    """Commands that devices of a cell were given by hand, oldest first."""
    query = (
        select(commands)
        .where(commands.c.target == cell, commands.c.what.startswith(BY_HAND))
        .order_by(commands.c.command_id)
    )
    found = [CommandRecord(*row) for row in connection.execute(query)]
    return [one for one in found if "step_id" in one.data]


def commands_since(connection: Connection, after: int, limit: int) -> list[CommandRecord]:
    """What people asked for after a command id, oldest first."""
    return [
        CommandRecord(*row)
        for row in connection.execute(
            select(commands)
            .where(commands.c.command_id > after)
            .order_by(commands.c.command_id)
            .limit(limit)
        )
    ]


def targets_last_asked(
    connection: Connection, last: Sequence[str], among: Sequence[str]
) -> list[str]:
    """Targets of which the newest obeyed command among some is one of `last`, oldest first."""
    newest = (
        select(func.max(commands.c.command_id))
        .where(commands.c.what.in_(list(among)), commands.c.outcome == "obeyed")
        .group_by(commands.c.target)
    )
    query = (
        select(commands.c.target)
        .where(commands.c.command_id.in_(newest), commands.c.what.in_(list(last)))
        .order_by(commands.c.command_id)
    )
    return list(connection.scalars(query))


def obeyed_by(
    connection: Connection, targets: Sequence[str], among: Sequence[str]
) -> list[CommandRecord]:
    """Commands among some that these targets obeyed, oldest first."""
    found: list[CommandRecord] = []
    for some in id_lists(targets):
        query = select(commands).where(
            commands.c.target.in_(some),
            commands.c.what.in_(list(among)),
            commands.c.outcome == "obeyed",
        )
        found += [CommandRecord(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda one: one.command_id)


def last_command(connection: Connection, target: str, among: Sequence[str]) -> CommandRecord | None:
    """The newest of these commands to a target; None if there is none."""
    row = connection.execute(
        select(commands)
        .where(commands.c.target == target, commands.c.what.in_(list(among)))
        .order_by(commands.c.command_id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else CommandRecord(*row)
