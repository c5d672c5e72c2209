"""Alarms after ANSI/ISA-18.2-2016: which there are, and the states that one goes through.

An alarm tells a person of something that needs a response, so each kind says what to do. There is
one alarm for one root cause: what only follows from another alarm of the same place is written to
that one, and is an alarm of its own only where nothing came before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final


class AlarmState(Enum):
    """The states of ISA-18.2-2016 (clause 5.4) that occur here.

    A shelved alarm whose condition is over has a state of its own: what it becomes when its time is
    up depends on that.
    """

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    SHELVED = "shelved"
    SHELVED_RETURNED = "shelved_returned"

    @property
    def active(self) -> bool:
        """Whether the condition is there."""
        return self in _ACTIVE

    @property
    def shelved(self) -> bool:
        """Whether a person has put it aside for a time."""
        return self in (AlarmState.SHELVED, AlarmState.SHELVED_RETURNED)


_ACTIVE: Final = (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.SHELVED)


class AlarmEvent(Enum):
    """What can happen to an alarm."""

    RAISE = "raise"
    RETURN = "return"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"


ALARM_TRANSITIONS: Final[dict[tuple[AlarmState, AlarmEvent], AlarmState]] = {
    (AlarmState.NORMAL, AlarmEvent.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.RETURNED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.SHELVE): AlarmState.SHELVED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.NORMAL,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.SHELVE): AlarmState.SHELVED,
    (AlarmState.RETURNED, AlarmEvent.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.RETURNED, AlarmEvent.ACKNOWLEDGE): AlarmState.NORMAL,
    (AlarmState.RETURNED, AlarmEvent.SHELVE): AlarmState.SHELVED_RETURNED,
    (AlarmState.SHELVED, AlarmEvent.RETURN): AlarmState.SHELVED_RETURNED,
    (AlarmState.SHELVED, AlarmEvent.UNSHELVE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.SHELVED_RETURNED, AlarmEvent.RAISE): AlarmState.SHELVED,
    (AlarmState.SHELVED_RETURNED, AlarmEvent.UNSHELVE): AlarmState.NORMAL,
}
"""What is not here does not apply, and changes nothing."""

SHELVED_AT_MOST_S: Final = 12 * 3600.0
"""ISA-18.2 wants shelving to end by itself: nothing is put aside for longer than a long shift."""


class Priority(IntEnum):
    """How soon a person has to respond: at once, within minutes, within the shift."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def label(self) -> str:
        """The name as it is shown."""
        return self.name.lower()


@dataclass(frozen=True)
class AlarmKind:
    """What an alarm is about.

    Attributes:
        action: what to do, for people.
        follows: whether it can be the consequence of another alarm of the same place.
    """

    priority: Priority
    action: str
    follows: bool = False


ALARM_KINDS: Final[dict[str, AlarmKind]] = {
    "device_fault": AlarmKind(
        Priority.HIGH,
        "look at the device, its power and its cable; what became of the step is asked by "
        "`robot-cell steps`",
    ),
    "arm_fault": AlarmKind(
        Priority.HIGH,
        "look at the arm and its controller, take the part out, clear and reset the cell",
    ),
    "arm_gone": AlarmKind(
        Priority.HIGH,
        "release the emergency stop, or restore the arm's power and its link; then clear and reset "
        "the cell: its work goes on from where the arm stands",
    ),
    "part_unexpected": AlarmKind(
        Priority.MEDIUM,
        "look for the part; put it right, then choose with `robot-cell steps`",
    ),
    "interlock_broken": AlarmKind(
        Priority.HIGH,
        "see why the condition does not hold and restore it, then `robot-cell resume`",
    ),
    "reset_failed": AlarmKind(
        Priority.MEDIUM, "free the arm's way home, or move it by hand, then reset again"
    ),
    "process_ended": AlarmKind(
        Priority.LOW, "none if it came back; its log in the run directory says why it ended"
    ),
    "process_silent": AlarmKind(
        Priority.HIGH,
        "read its log in the run directory; it is not started again by itself",
        follows=True,
    ),
    "no_plan": AlarmKind(
        Priority.HIGH, "see what excludes each other: orders, calendars, cells that are lost"
    ),
    "dispatch_failed": AlarmKind(
        Priority.MEDIUM, "see to the journal's disk or server; dispatching goes on by itself"
    ),
    "step_uncertain": AlarmKind(
        Priority.HIGH, "look, then say what became of it: `robot-cell steps`", follows=True
    ),
    "cell_lost": AlarmKind(
        Priority.HIGH, "restore the cell's power and start its processes", follows=True
    ),
    "cell_aborted": AlarmKind(
        Priority.HIGH,
        "take the part out, then clear and reset the cell",
        follows=True,
    ),
}
"""By name; the text of an alarm says what happened, its kind what to do."""


def after(state: AlarmState, event: AlarmEvent) -> AlarmState | None:
    """The state that an event leads to; None if it does not apply."""
    return ALARM_TRANSITIONS.get((state, event))
