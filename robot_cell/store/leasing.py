"""Leases: who may begin what, until when, and what an answer that comes late is worth.

Two small tables and no I/O. The scheduler keeps a `LeaseTable`, each cell its `CellGate`; between
them messages are lost, doubled and late. What makes it safe is the journal: an operation begins
only under the token that it has there, and taking back gives it another one. The deadline is what
makes it live: after it the cell does not begin, so what was never answered can be given again.
Times are plant times, which no clock step disturbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

BEGIN_WITHIN_NS: Final = 30_000_000_000
"""How long after it was leased an operation may begin. A scheduler waits a third of it for the
answer; a cell that has accepted begins at once."""


class Standing(Enum):
    """What the scheduler knows of a lease."""

    OFFERED = "offered"
    HELD = "held"
    VOID = "void"


class Word(Enum):
    """What is heard of a lease."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ENDED = "ended"
    TAKEN_BACK = "taken back"
    BEGUN = "begun"


NEXT: Final[dict[tuple[Standing, Word], Standing]] = {
    (Standing.OFFERED, Word.ACCEPTED): Standing.HELD,
    (Standing.OFFERED, Word.BEGUN): Standing.HELD,
    (Standing.OFFERED, Word.REFUSED): Standing.VOID,
    (Standing.OFFERED, Word.TAKEN_BACK): Standing.VOID,
    # The end can overtake the answer.
    (Standing.OFFERED, Word.ENDED): Standing.VOID,
    (Standing.HELD, Word.ENDED): Standing.VOID,
}
"""What is not listed changes nothing: it was said before, or of a lease that is void."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An operation that a cell may begin until an instant, under a fencing token."""

    operation_id: str
    cell: str
    token: int
    begin_by_ns: int


class LeaseTable:
    """The scheduler's leases, at most one for each cell."""

    def __init__(self) -> None:
        self._leases: dict[str, tuple[Lease, Standing]] = {}

    def offer(self, lease: Lease) -> None:
        """A lease has been written down and is sent to its cell.

        Raises:
            ValueError: the cell has one.
        """
        if lease.cell in self._leases:
            raise ValueError(f"{lease.cell} has a lease: {self._leases[lease.cell][0]}")
        self._leases[lease.cell] = lease, Standing.OFFERED

    def hear(self, cell: str, token: int, word: Word) -> bool:
        """Something is heard of a lease; whether it changes anything."""
        lease, standing = self._leases.get(cell, (None, Standing.VOID))
        if lease is None or lease.token != token:
            return False
        following = NEXT.get((standing, word))
        if following is None:
            return False
        if following is Standing.VOID:
            del self._leases[cell]
        else:
            self._leases[cell] = lease, following
        return True

    def lose(self, cell: str) -> None:
        """A cell is gone; whatever is still heard of its lease changes nothing."""
        self._leases.pop(cell, None)

    def of(self, cell: str) -> tuple[Lease, Standing] | None:
        """The lease of a cell."""
        return self._leases.get(cell)

    def overdue(self, now_ns: int) -> list[Lease]:
        """What was offered, never answered, and may not be begun any more: to be taken back."""
        return [
            lease
            for lease, standing in self._leases.values()
            if standing is Standing.OFFERED and lease.begin_by_ns < now_ns
        ]

    def next_deadline_ns(self) -> int | None:
        """The instant after which the next unanswered offer is overdue."""
        return min(
            (
                lease.begin_by_ns + 1
                for lease, standing in self._leases.values()
                if standing is Standing.OFFERED
            ),
            default=None,
        )


class CellGate:
    """What a cell lets in: newer tokens only, before their deadline."""

    def __init__(self, token: int = 0) -> None:
        self.token = token

    def refusal(self, token: int, begin_by_ns: int, now_ns: int) -> str:
        """Why an offer is not taken; empty if it is, and then no older one will be.

        `begin_by_ns` of 0 is an offer without a deadline.
        """
        if token <= self.token:
            return f"token {token} is not newer than {self.token}"
        if begin_by_ns and now_ns > begin_by_ns:
            late_s = (now_ns - begin_by_ns) * 1e-9
            return f"it was to begin {late_s:.1f} s ago: the scheduler may have given it away"
        self.token = token
        return ""
