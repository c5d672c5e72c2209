"""Takes a lease back from a cell, if the journal says that its work has not begun."""

from __future__ import annotations

from robot_cell.store import Journal, StaleToken, WrongStatus
from robot_cell.store.leasing import Lease, LeaseTable, Word


def take_back(
    journal: Journal, table: LeaseTable, lease: Lease, word: Word, reason: str, at_ns: int
) -> bool:
    """Give up a lease that was refused or never answered; whether the cell is free now.

    Not even a refusal proves that nothing was begun: of an offer that arrives twice the second is
    refused because of the first. The journal knows.
    """
    try:
        journal.take_back(lease.operation_id, lease.token, reason, at_ns)
    except (StaleToken, WrongStatus):
        record = journal.operation(lease.operation_id)
        if (record.status, record.token) == ("running", lease.token):
            table.hear(lease.cell, lease.token, Word.BEGUN)
            return False
        # It was cancelled, or has come to its end already.
    return table.hear(lease.cell, lease.token, word)
