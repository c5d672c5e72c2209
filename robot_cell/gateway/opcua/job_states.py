"""Job orders after OPC 10031-4 (ISA-95 Job Control 2.0): their states, and which method asks what.

Everything of the standard that can be told without an address space is here, as tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from robot_cell.model.packml import State


class JobState(IntEnum):
    """States of a job order with the numbers of OPC 10031-4."""

    NOT_ALLOWED_TO_START = 1
    ALLOWED_TO_START = 2
    RUNNING = 3
    INTERRUPTED = 4
    ENDED = 5
    ABORTED = 6

    @property
    def label(self) -> str:
        """The name of its state node."""
        return "".join(part.capitalize() for part in self.name.split("_"))


class Answer(IntEnum):
    """ReturnStatus: bits of a UInt64 (OPC 10031-4, table 95)."""

    NO_ERROR = 1 << 0
    UNKNOWN_JOB_ORDER = 1 << 1
    INVALID_JOB_ORDER_STATUS = 1 << 3
    UNABLE_TO_ACCEPT = 1 << 4
    INVALID_REQUEST = 1 << 32


class Method(Enum):
    """Methods of the receiver, and the states in which each may be called."""

    STORE = ("Store", ())
    STORE_AND_START = ("StoreAndStart", ())
    UPDATE = ("Update", (JobState.NOT_ALLOWED_TO_START, JobState.ALLOWED_TO_START))
    START = ("Start", (JobState.NOT_ALLOWED_TO_START,))
    REVOKE_START = ("RevokeStart", (JobState.ALLOWED_TO_START,))
    PAUSE = ("Pause", (JobState.RUNNING,))
    RESUME = ("Resume", (JobState.INTERRUPTED,))
    STOP = ("Stop", (JobState.RUNNING, JobState.INTERRUPTED))
    ABORT = (
        "Abort",
        (
            JobState.NOT_ALLOWED_TO_START,
            JobState.ALLOWED_TO_START,
            JobState.RUNNING,
            JobState.INTERRUPTED,
        ),
    )
    CANCEL = ("Cancel", (JobState.NOT_ALLOWED_TO_START, JobState.ALLOWED_TO_START))
    CLEAR = ("Clear", (JobState.ENDED, JobState.ABORTED))

    def __init__(self, label: str, states: tuple[JobState, ...]) -> None:
        self.label, self.states = label, states

    @property
    def stores(self) -> bool:
        """Whether it brings an order that is not known yet."""
        return not self.states

    @property
    def takes_order(self) -> bool:
        """Whether its first argument is a whole order, and not the id of one."""
        return self.stores or self is Method.UPDATE


@dataclass(frozen=True)
class Standing:
    """Where a job order stands: its state, and the state within, if it has one.

    Attributes:
        substate: machine and state, as parts of the receiver's type.
    """

    state: JobState
    substate: tuple[str, str] | None = None


WAITING: Final = ("AllowedToStartSubstates", "Waiting")
READY: Final = ("AllowedToStartSubstates", "Ready")
STORED: Final = ("NotAllowedToStartSubstates", "Waiting")
HELD: Final = ("InterruptedSubstates", "Held")
SUSPENDED: Final = ("InterruptedSubstates", "Suspended")
COMPLETED: Final = ("EndedSubstates", "Completed")
CLOSED: Final = ("EndedSubstates", "Closed")

_HELD_STATES: Final = frozenset(
    {State.HOLDING, State.HELD, State.ABORTING, State.ABORTED, State.STOPPING, State.STOPPED}
)
_SUSPENDED_STATES: Final = frozenset({State.SUSPENDING, State.SUSPENDED})


def standing(status: str, done: int, working: frozenset[State]) -> Standing:
    """Where an order stands that the plant has.

    Args:
        status: what the journal says (`robot_cell.orders.status.JobStatus`).
        done: work units that are complete.
        working: PackML states of the cells that are at work on it.
    """
    if status == "accepted":
        return Standing(JobState.ALLOWED_TO_START, WAITING)
    if status == "planned":
        return Standing(JobState.ALLOWED_TO_START, READY)
    if status == "complete":
        return Standing(JobState.ENDED, COMPLETED)
    if status == "cancelled":
        # What was made before the rest was cancelled is made.
        return Standing(JobState.ENDED, CLOSED) if done else Standing(JobState.ABORTED)
    if status == "failed":
        return Standing(JobState.ABORTED)
    if status == "uncertain" or working & _HELD_STATES:
        return Standing(JobState.INTERRUPTED, HELD)
    if working and working <= _SUSPENDED_STATES:
        return Standing(JobState.INTERRUPTED, SUSPENDED)
    return Standing(JobState.RUNNING)
