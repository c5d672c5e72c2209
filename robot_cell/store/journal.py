"""The journal: the plant's one truth. Every method is one transaction, durable when it returns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select

from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.model.packml import Mode
from robot_cell.store import accept, backup, log, modes, repair, schema, trail, verify, work
from robot_cell.store.alarms import Alarms
from robot_cell.store.database_errors import translated
from robot_cell.store.engine import BUSY_TIMEOUT_S, WRITES, named, open_engine
from robot_cell.store.errors import UnknownOrder
from robot_cell.store.group_commit import GroupCommit
from robot_cell.store.log import Transaction
from robot_cell.store.log_sync import log_of
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
from robot_cell.store.tables import REVISION, facts
from robot_cell.store.verify import Verified

_T = TypeVar("_T")


def open_journal(where: Path | str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Journal:
    """Open the journal in a file (or at the URL of a PostgreSQL database).

    A new one is created; one of an older version is upgraded.

    Raises:
        JournalUnavailable: its folder does not exist or cannot be written.
        JournalCorrupt: the file is damaged or is something else.
        OtherVersion: a newer version of robot_cell wrote it.
    """
    journal = Journal(open_engine(where, busy_timeout_s), named(where))
    try:
        journal.prepare()
    except BaseException:
        journal.close()
        raise
    return journal


class Journal:
    """A connection pool and the questions one can ask.

    Threads may share a journal; a forked child opens its own. Every method may raise
    `JournalFull`, `JournalLocked`, `JournalCorrupt` or `JournalUnavailable`, and has then stored
    nothing.

    Attributes:
        alarms: the plant's alarms.
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self._reader = engine
        self._writer = engine.execution_options(**WRITES)
        self._log = log_of(engine)
        self._group = GroupCommit(self._writer, self._log)
        self.where = where
        self.alarms = Alarms(self._read, self._write)

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
        if self._log is not None:
            self._log.close()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(self.where), self._reader.begin() as connection:
            yield connection

    def _write(self, work: Callable[[Transaction], _T]) -> _T:
        """Do a piece of work durably, perhaps in one transaction with that of other threads."""
        with translated(self.where):
            return self._group.run(work)

    def prepare(self) -> None:
        """Create the tables of a new journal, and upgrade an old one."""
        with self._read() as connection:
            ready = schema.revision(connection) == REVISION
        if not ready:
            with translated(self.where), self._writer.begin() as connection:
                # Another process may have been quicker, so it is looked again.
                schema.create_or_upgrade(connection, self.where)
            if self._log is not None:
                self._log.wait()

    def plant_start(self, proposal: datetime) -> datetime:
        """The instant of plant time 0: the first caller's proposal, for everybody and for ever."""

        def agree(transaction: Transaction) -> int:
            query = select(facts.c.value).where(facts.c.name == "start_us")
            stored = transaction.connection.scalar(query)
            if stored is None:
                stored = to_us(proposal)
                transaction.record("plant_started", 0, "scheduler", {"start_us": stored})
            return int(stored)

        return from_us(self._write(agree))

    def look(self, question: Callable[[Connection], _T]) -> _T:
        """Ask one of `looks`, or anything else that only reads, as of one instant."""
        with self._read() as connection:
            return question(connection)

    def change(self, work: Callable[[Transaction], _T]) -> _T:
        """One transaction of `token_book`, or of another module of the store."""
        return self._write(work)

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
        return self._write(
            lambda tx: accept.accept_batch(
                tx,
                orders,
                source=source,
                submitted_by=submitted_by,
                plant=plant,
                at_ns=at_ns,
            )
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
        return self._write(
            lambda tx: accept.cancel_order(tx, order_id, who=who, reason=reason, at_ns=at_ns)
        )

    # ------------------------------------------------------------------------- schedules

    def publish_schedule(
        self, rows: Iterable[PlannedOperation], *, at_ns: int, engine: str = ""
    ) -> int:
        """Store a verified schedule and return its revision."""
        rows = list(rows)
        return self._write(lambda tx: work.publish(tx, rows, engine=engine, at_ns=at_ns))

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

    def lease_operation(self, operation_id: str, cell: str, program: str, at_ns: int = 0) -> int:
        """Give a planned operation to a cell and return the fencing token of the lease."""
        return self._write(lambda tx: work.lease(tx, operation_id, cell, program, at_ns))

    def take_back(self, operation_id: str, token: int, reason: str, at_ns: int) -> None:
        """Put a leased operation back to planned if it has not begun.

        Raises:
            WrongStatus: it has begun, or is over.
            StaleToken: the lease is void already.
        """
        self._write(lambda tx: work.take_back(tx, operation_id, token, reason=reason, at_ns=at_ns))

    def begin_operation(self, operation_id: str, cell: str, token: int, at_ns: int) -> None:
        """A cell starts an operation.

        Raises:
            StaleToken: the lease has passed on.
            WrongStatus: it was cancelled, has begun or is over.
        """
        self._write(lambda tx: work.begin(tx, operation_id, cell, token, at_ns))

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
        self._write(
            lambda tx: work.end(
                tx,
                operation_id,
                status,
                at_ns=at_ns,
                message=message,
                joint_error_rad=joint_error_rad,
                end_positions=end_positions,
                token=token,
            )
        )

    def requeue(
        self, operation_id: str, reason: str, at_ns: int, *, confirmed_by: str | None = None
    ) -> None:
        """Put an operation back to planned, if nothing of it can have been done.

        With `confirmed_by`, a person has looked at the cell and says that it can be repeated.
        """
        self._write(
            lambda tx: work.requeue(
                tx, operation_id, reason=reason, confirmed_by=confirmed_by, at_ns=at_ns
            )
        )

    def resolve_operation(
        self, operation_id: str, status: EndStatus, who: str, reason: str, at_ns: int
    ) -> None:
        """A person says what became of an uncertain operation."""
        self._write(
            lambda tx: work.resolve(tx, operation_id, status, who=who, reason=reason, at_ns=at_ns)
        )

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

        def note(tx: Transaction) -> int:
            if after is not None:
                trail.step_outcome(tx, after.step_id, after.outcome, at_ns, after.message)
            return trail.step_intent(tx, operation_id, index, label, at_ns)

        return self._write(note)

    def step_outcome(
        self, step_id: int, outcome: StepOutcome, at_ns: int, message: str = ""
    ) -> None:
        """Note what became of a step."""
        self._write(lambda tx: trail.step_outcome(tx, step_id, outcome, at_ns, message))

    def open_steps(self, cell: str | None = None) -> list[StepRecord]:
        """Steps of running operations whose outcome nobody knows."""
        with self._read() as connection:
            return trail.open_steps(connection, cell)

    def steps(self, operation_id: str) -> list[StepRecord]:
        """All steps of an operation, oldest first."""
        with self._read() as connection:
            return trail.steps_of(connection, operation_id)

    def last_step(self, cell: str) -> int:
        """Id of the last step that a program of a cell began; 0 before the first."""
        with self._read() as connection:
            return trail.last_step(connection, cell)

    # --------------------------------------------------------------- events and commands

    def event(self, who: str, what: str, at_ns: int, data: Any = None) -> int:
        """Append an event; nobody can change or delete one."""
        return self._write(lambda tx: tx.record(log.NOTE, at_ns, who, data or {}, what))

    def events(self, after: int = 0, limit: int = 1000) -> list[EventRecord]:
        """What people are told of, after an event id, oldest first."""
        with self._read() as connection:
            return log.told_since(connection, after, limit)

    def history(self, after: int = 0) -> Iterator[EventRecord]:
        """Every event after an event id, oldest first, as it was written.

        Raises:
            JournalCorrupt: one is missing, or is not what was written.
        """
        with self._read() as connection:
            yield from log.history(connection, after)

    def command(self, who: str, what: str, target: str, at_ns: int, data: Any = None) -> int:
        """Note what a person asks for, before it is done (a stop: after)."""
        return self._write(
            lambda tx: trail.append_command(tx, who, what, target, at_ns, data or {})
        )

    def command_by_hand(
        self, who: str, what: str, cell: str, at_ns: int, data: Mapping[str, Any]
    ) -> tuple[int, int]:
        """Note a command that a person gives a device, before it is given.

        Returns:
            Its command id, and the step id for the device.
        """
        return self._write(
            lambda tx: trail.append_by_hand(tx, who, trail.BY_HAND + what, cell, at_ns, data)
        )

    def by_hand(self, cell: str) -> list[CommandRecord]:
        """Commands that devices of a cell were given by hand, oldest first, with their step ids."""
        with self._read() as connection:
            return trail.by_hand(connection, cell)

    def command_outcome(self, command_id: int, outcome: str, at_ns: int) -> None:
        """Note what came of it."""
        self._write(lambda tx: trail.command_outcome(tx, command_id, outcome, at_ns))

    def commands(self, after: int = 0, limit: int = 1000) -> list[CommandRecord]:
        """What people asked for after a command id, oldest first."""
        with self._read() as connection:
            return trail.commands_since(connection, after, limit)

    def last_command(self, target: str, among: Sequence[str]) -> CommandRecord | None:
        """The newest of these commands to a target; None if there is none."""
        with self._read() as connection:
            return trail.last_command(connection, target, among)

    # ----------------------------------------------------------------------------- modes

    def change_mode(self, cell: str, mode: Mode, who: str, at_ns: int) -> None:
        """Note that a cell has gone over to another mode."""
        self._write(lambda tx: modes.change(tx, cell, mode, who, at_ns))

    def modes(self) -> dict[str, Mode]:
        """Cells whose mode was ever changed, with their modes; all others are in production."""
        with self._read() as connection:
            return modes.modes(connection)

    # ------------------------------------------------------------------- the journal itself

    def verify(self) -> Verified:
        """Look whether the events are whole and the tables are what they say."""
        with self._read() as connection:
            return verify.verify(connection)

    def repair(self) -> int:
        """Make the tables again from the events; returns from how many.

        Raises:
            JournalCorrupt: the events are damaged; nothing was changed.
        """
        return self._write(repair.repair)

    def go_on_from_backup(self, who: str) -> None:
        """Make a restored journal ready for work: ids that devices may know are not reused."""
        self._write(lambda tx: backup.go_on(tx, who))
