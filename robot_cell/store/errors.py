"""What can go wrong with the journal, each with what to do about it."""

from __future__ import annotations

from robot_cell.errors import RobotCellError


class JournalError(RobotCellError):
    """The journal could not do what it was asked for; nothing of it was stored."""


class JournalFull(JournalError):
    """There is no room left; running work may finish, new orders are refused."""


class JournalLocked(JournalError):
    """Another process held the journal for longer than the busy time-out; ask again."""


class JournalCorrupt(JournalError):
    """The file is damaged or is no journal; keep it for analysis and restore a backup."""


class JournalUnavailable(JournalError):
    """The file cannot be opened, read or written."""


class OtherVersion(JournalError):
    """The journal was written by another version of robot_cell."""


class OrderConflict(JournalError):
    """An order id is known with other content.

    Attributes:
        conflicts: per order id, the names of the fields that differ.
    """

    def __init__(self, conflicts: dict[str, tuple[str, ...]]) -> None:
        self.conflicts = conflicts
        first = ", ".join(f"{o} ({', '.join(f)})" for o, f in list(conflicts.items())[:10])
        more = f" and {len(conflicts) - 10} more" if len(conflicts) > 10 else ""
        super().__init__(
            f"known with other content: {first}{more}. An accepted order is never changed: "
            "cancel it and submit the new content under a new id. Nothing of the batch was stored."
        )


class BatchTooLarge(JournalError):
    """A batch would create more operations than one transaction may hold."""


class UnknownOrder(JournalError):
    """There is no order with this id."""


class UnknownOperation(JournalError):
    """There is no operation with this id."""


class UnknownStep(JournalError):
    """There is no step with this id."""


class WrongStatus(JournalError):
    """An operation or step is not in a status from which this is possible.

    Attributes:
        subject: the operation id or step id.
        status: the status that it has.
    """

    def __init__(self, subject: str, status: str, wanted: str) -> None:
        self.subject, self.status = subject, status
        super().__init__(f"{subject} is {status}; {wanted}")


class StaleToken(JournalError):
    """A cell acts under a lease that has passed to somebody else: it must stop and ask again."""

    def __init__(self, operation_id: str, token: int, current: int) -> None:
        self.operation_id, self.token, self.current = operation_id, token, current
        super().__init__(
            f"{operation_id}: token {token} is void, the lease has token {current}; "
            "stop the operation and ask the scheduler again"
        )
