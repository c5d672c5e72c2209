"""Makes the tables again from the events. Nothing is invented: without whole events, no repair."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from sqlalchemy import delete

from robot_cell.store import derive, log
from robot_cell.store.log import Transaction
from robot_cell.store.records import EventRecord
from robot_cell.store.tables import DERIVED

_PAGE: Final = 1000


def repair(transaction: Transaction) -> int:
    """Replace every derived row by what the events say; the events stay as they are.

    Returns:
        How many events the tables were made from.

    Raises:
        JournalCorrupt: the events are damaged; the tables stay as they were.
    """
    connection = transaction.connection
    for table in reversed(DERIVED):
        connection.execute(delete(table))
    events: Iterator[EventRecord] = log.history(connection)
    count = 0
    while page := list(islice(events, _PAGE)):
        derive.apply(connection, page)
        count += len(page)
    return count
