"""The journal: the plant's one truth. Every method is one transaction, durable when it returns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, insert, inspect, select

from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.store import accept, trail, work
from robot_cell.store.engine import BUSY_TIMEOUT_S, WRITES, open_engine
from robot_cell.store.errors import OtherVersion, UnknownOrder, translated
from robot_cell.store.records import (
    Accepted,
    CommandRecord,
    EndStatus,
    EventRecord,
    OperationRecord,
    OrderRecord,
    ScheduleRecord,
    Status,
    StepEnd,
    StepOutcome,
    StepRecord,
    from_us,
    to_us,
)
from robot_cell.store.tables import SCHEMA_VERSION, facts, metadata


def open_journal(where: Path | str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Journal:
    """Open the journal in a file (or at an SQLAlchemy URL), and create it if there is none.

    Raises:
        JournalUnavailable: its folder does not exist or cannot be written.
        JournalCorrupt: the file is damaged or is something else.
        OtherVersion: another version of robot_cell wrote it.
    """
    journal = Journal(open_engine(where, busy_timeout_s), str(where))
    try:
        journal.create_tables()
    except BaseException:
        journal.close()
        raise
    return journal


class Journal:
    """A connection pool and the questions one can ask.

    Threads may share a journal; a forked child opens its own. Every method may raise
    `JournalFull`, `JournalLocked`, `JournalCorrupt` or `JournalUnavailable`, and has then stored
    nothing.
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self._reader = engine
        self._writer = engine.execution_options(**WRITES)
        self.where = where

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._reader.dispose()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(self.where), self._reader.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(self.where), self._writer.begin() as connection:
            yield connection

    def create_tables(self) -> None:
        """Create what is missing in a new journal, and check the version of an old one."""
        query = select(facts.c.value).where(facts.c.name == "schema")
        with self._read() as connection:
            is_new = not inspect(connection).has_table(facts.name)
            version = None if is_new else connection.scalar(query)
        if is_new:
            with self._write() as connection:  # another process may have been quicker
                metadata.create_all(connection)
                version = connection.scalar(query)
                if version is None:
                    version = SCHEMA_VERSION
                    connection.execute(insert(facts).values(name="schema", value=version))
        if version != SCHEMA_VERSION:
            raise OtherVersion(
                f"{self.where}: has version {version}, this is version {SCHEMA_VERSION}; "
                "use the robot_cell that wrote it, or start a new journal"
            )

    def plant_start(self, proposal: datetime) -> datetime:
        """The instant of plant time 0: the first caller's proposal, for everybody and for ever."""
        with self._write() as connection:
            stored = connection.scalar(select(facts.c.value).where(facts.c.name == "start_us"))
            if stored is None:
                stored = to_us(proposal)
                connection.execute(insert(facts).values(name="start_us", value=stored))
            return from_us(int(stored))

    # ---------------------------------------------------------------------------- orders

    def accept_batch(
        self,
        orders: Sequence[JobOrder],
        source: str,
        submitted_by: str,
        plant: Plant,
        *,
        at_ns: int = 0,
    ) -> Accepted:
        """Store a batch, all of it or nothing; orders known with the same content stay as they are.

        Raises:
            OrderConflict: an id is known with other content.
            BatchTooLarge: it makes more operations than one transaction may hold.
        """
        with self._write() as connection:
            return accept.accept_batch(
                connection,
                orders,
                source=source,
                submitted_by=submitted_by,
                plant=plant,
                at_ns=at_ns,
            )

    def orders(self) -> list[OrderRecord]:
        """All orders in the order of their acceptance."""
        with self._read() as connection:
            return accept.orders(connection)

    def order(self, order_id: str) -> OrderRecord:
        """One order.

        Raises:
            UnknownOrder: there is none with this id.
        """
        with self._read() as connection:
            found = accept.orders(connection, order_id)
        if not found:
            raise UnknownOrder(f"there is no order {order_id!r}")
        return found[0]

    def earliest_release(self) -> datetime | None:
        """When the first order may start, None without orders."""
        with self._read() as connection:
            return accept.earliest_release(connection)

    def cancel_order(self, order_id: str, who: str, reason: str, at_ns: int) -> list[str]:
        """Cancel what has not begun of an order, and say which operations that are."""
        with self._write() as connection:
            cancelled = accept.cancel_order(
                connection, order_id, who=who, reason=reason, at_ns=at_ns
            )
            if cancelled:
                data = {"order_id": order_id, "reason": reason, "operations": len(cancelled)}
                trail.append_event(connection, who, "order cancelled", at_ns, data)
            return cancelled

    # ------------------------------------------------------------------------- schedules

    def publish_schedule(
        self, rows: Iterable[PlannedOperation], *, at_ns: int, engine: str = ""
    ) -> int:
        """Store a verified schedule and return its revision."""
        with self._write() as connection:
            return work.publish(connection, rows, engine=engine, at_ns=at_ns)

    def schedule(self) -> ScheduleRecord | None:
        """The schedule that holds now, None before the first."""
        with self._read() as connection:
            return work.latest(connection)

    # ------------------------------------------------------------------------ operations

    def operations(
        self,
        order_id: str | None = None,
        status: Status | Iterable[Status] | None = None,
        cell: str | None = None,
    ) -> list[OperationRecord]:
        """Operations, by order, unit and position in the recipe."""
        with self._read() as connection:
            return work.find(connection, order_id, status, cell)

    def operation(self, operation_id: str) -> OperationRecord:
        """One operation."""
        with self._read() as connection:
            return work.get(connection, operation_id)

    def lease_operation(self, operation_id: str, cell: str, program: str) -> int:
        """Give a planned operation to a cell and return the fencing token of the lease."""
        with self._write() as connection:
            return work.lease(connection, operation_id, cell, program)

    def begin_operation(self, operation_id: str, cell: str, token: int, at_ns: int) -> None:
        """A cell starts an operation.

        Raises:
            StaleToken: the lease has passed on.
            WrongStatus: it was cancelled, has begun or is over.
        """
        with self._write() as connection:
            work.begin(connection, operation_id, cell, token, at_ns)

    def end_operation(
        self,
        operation_id: str,
        status: EndStatus,
        at_ns: int,
        message: str = "",
        joint_error_rad: Sequence[float] | Mapping[str, float] | None = None,
        end_positions: Any = None,
        *,
        token: int | None = None,
    ) -> None:
        """A running operation is over."""
        with self._write() as connection:
            work.end(
                connection,
                operation_id,
                status,
                at_ns=at_ns,
                message=message,
                joint_error_rad=joint_error_rad,
                end_positions=end_positions,
                token=token,
            )

    def requeue(
        self, operation_id: str, reason: str, at_ns: int, *, confirmed_by: str | None = None
    ) -> None:
        """Put an operation back to planned, if nothing of it can have been done.

        With `confirmed_by`, a person has looked at the cell and says that it can be repeated.
        """
        with self._write() as connection:
            work.requeue(connection, operation_id, reason=reason, confirmed_by=confirmed_by)
            data = {"operation_id": operation_id, "reason": reason}
            who = confirmed_by or "journal"
            trail.append_event(connection, who, "operation put back", at_ns, data)

    def resolve_operation(
        self, operation_id: str, status: EndStatus, who: str, reason: str, at_ns: int
    ) -> None:
        """A person says what became of an uncertain operation."""
        with self._write() as connection:
            work.resolve(connection, operation_id, status, who=who, reason=reason)
            data = {"operation_id": operation_id, "status": status, "reason": reason}
            trail.append_event(connection, who, "operation resolved", at_ns, data)

    # ----------------------------------------------------------------------------- steps

    def step_intent(
        self,
        operation_id: str,
        index: int,
        label: str,
        at_ns: int,
        after: StepEnd | None = None,
    ) -> int:
        """Note that a step is about to be done, and return its id for the device.

        `after` is how the step before it ended: both are noted in one transaction.
        """
        with self._write() as connection:
            if after is not None:
                trail.step_outcome(connection, after.step_id, after.outcome, at_ns, after.message)
            return trail.step_intent(connection, operation_id, index, label, at_ns)

    def step_outcome(
        self, step_id: int, outcome: StepOutcome, at_ns: int, message: str = ""
    ) -> None:
        """Note what became of a step."""
        with self._write() as connection:
            trail.step_outcome(connection, step_id, outcome, at_ns, message)

    def open_steps(self, cell: str | None = None) -> list[StepRecord]:
        """Steps of running operations whose outcome nobody knows."""
        with self._read() as connection:
            return trail.open_steps(connection, cell)

    def steps(self, operation_id: str) -> list[StepRecord]:
        """All steps of an operation, oldest first."""
        with self._read() as connection:
            return trail.steps_of(connection, operation_id)

    # --------------------------------------------------------------- events and commands

    def event(self, who: str, what: str, at_ns: int, data: Any = None) -> int:
        """Append an event; nobody can change or delete one."""
        with self._write() as connection:
            return trail.append_event(connection, who, what, at_ns, data or {})

    def events(self, after: int = 0, limit: int = 1000) -> list[EventRecord]:
        """Events after an event id, oldest first."""
        with self._read() as connection:
            return trail.events_since(connection, after, limit)

    def command(self, who: str, what: str, target: str, at_ns: int, data: Any = None) -> int:
        """Note what a person asks for, before it is done (a stop: after)."""
        with self._write() as connection:
            return trail.append_command(connection, who, what, target, at_ns, data or {})

    def command_outcome(self, command_id: int, outcome: str, at_ns: int) -> None:
        """Note what came of it."""
        with self._write() as connection:
            trail.command_outcome(connection, command_id, outcome, at_ns)

    def commands(self, after: int = 0, limit: int = 1000) -> list[CommandRecord]:
        """What people asked for after a command id, oldest first."""
        with self._read() as connection:
            return trail.commands_since(connection, after, limit)

    def last_command(self, target: str, among: Sequence[str]) -> CommandRecord | None:
        """The newest of these commands to a target; None if there is none."""
        with self._read() as connection:
            return trail.last_command(connection, target, among)
