"""The PackML state machine of a cell (ISA-TR88.00.02-2015; numbers of OPC 30050), as one table.

A command takes the cell from one state to another; an acting state ends by itself in the state that
`COMPLETED` names. What is not in the table is refused; so is what the cell's mode or the asker
forbids. `docs/packml.md` and the cases of its tests are generated from here (`packml_page`).
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final


class State(IntEnum):
    """States with the numbers of OPC 30050."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3
    IDLE = 4
    SUSPENDED = 5
    EXECUTE = 6
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9
    HOLDING = 10
    HELD = 11
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16
    COMPLETE = 17

    @property
    def label(self) -> str:
        """The name as the field writes it."""
        return self.name.capitalize()


class Command(IntEnum):
    """What may be asked of a cell."""

    RESET = 1
    START = 2
    STOP = 3
    HOLD = 4
    UNHOLD = 5
    SUSPEND = 6
    UNSUSPEND = 7
    ABORT = 8
    CLEAR = 9
    COMPLETE = 10

    @property
    def label(self) -> str:
        """The name as the field writes it."""
        return self.name.capitalize()


class Mode(IntEnum):
    """Unit modes of ISA-TR88.00.02 (5.2), with the numbers that it gives them.

    Leased work is begun in production only. In maintenance a person has the cell reset, so that its
    arm goes home; in manual mode it moves nothing by itself, and a person may jog the arm.
    """

    PRODUCTION = 1
    MAINTENANCE = 2
    MANUAL = 3

    @property
    def label(self) -> str:
        """The name as it is written."""
        return self.name.lower()


class Asker(Enum):
    """Who may ask for a command."""

    PERSON = "a person"
    LEASE = "a lease"
    CELL = "the cell itself"


_STOPPABLE = (
    State.STARTING,
    State.IDLE,
    State.SUSPENDED,
    State.EXECUTE,
    State.HOLDING,
    State.HELD,
    State.UNHOLDING,
    State.SUSPENDING,
    State.UNSUSPENDING,
    State.RESETTING,
    State.COMPLETING,
    State.COMPLETE,
)
_ABORTABLE = (*_STOPPABLE, State.CLEARING, State.STOPPED, State.STOPPING)

TRANSITIONS: dict[tuple[State, Command], State] = {
    (State.IDLE, Command.START): State.STARTING,
    (State.EXECUTE, Command.HOLD): State.HOLDING,
    (State.HELD, Command.UNHOLD): State.UNHOLDING,
    (State.EXECUTE, Command.SUSPEND): State.SUSPENDING,
    (State.SUSPENDED, Command.UNSUSPEND): State.UNSUSPENDING,
    (State.EXECUTE, Command.COMPLETE): State.COMPLETING,
    (State.COMPLETE, Command.RESET): State.RESETTING,
    (State.STOPPED, Command.RESET): State.RESETTING,
    (State.ABORTED, Command.CLEAR): State.CLEARING,
    **{(state, Command.STOP): State.STOPPING for state in _STOPPABLE},
    **{(state, Command.ABORT): State.ABORTING for state in _ABORTABLE},
}

COMPLETED: dict[State, State] = {
    State.STARTING: State.EXECUTE,
    State.COMPLETING: State.COMPLETE,
    State.RESETTING: State.IDLE,
    State.HOLDING: State.HELD,
    State.UNHOLDING: State.EXECUTE,
    State.SUSPENDING: State.SUSPENDED,
    State.UNSUSPENDING: State.EXECUTE,
    State.STOPPING: State.STOPPED,
    State.ABORTING: State.ABORTED,
    State.CLEARING: State.STOPPED,
}


def allowed(state: State, mode: Mode = Mode.PRODUCTION) -> tuple[Command, ...]:
    """The commands that a cell in this state and mode obeys."""
    return tuple(command for command in Command if target(state, command, mode) is not None)


def parse_command(text: str) -> Command | None:
    """The command of that name, in any case; None if there is none."""
    return Command.__members__.get(text.strip().upper())


MODE_STATES: Final = (State.STOPPED, State.IDLE, State.ABORTED)
"""Where the mode may be changed: nothing moves, and nothing is begun that is not in the journal."""

FORBIDDEN_IN: Final[dict[Mode, tuple[Command, ...]]] = {
    Mode.PRODUCTION: (),
    Mode.MAINTENANCE: (Command.START,),
    Mode.MANUAL: (Command.START, Command.RESET),
}
"""What a mode does not allow, whatever the state."""

ASKERS: Final[dict[Command, tuple[Asker, ...]]] = {
    Command.RESET: (Asker.PERSON, Asker.CELL),
    Command.START: (Asker.LEASE,),
    Command.STOP: (Asker.PERSON, Asker.CELL),
    Command.HOLD: (Asker.PERSON, Asker.CELL),
    Command.UNHOLD: (Asker.PERSON, Asker.CELL),
    Command.SUSPEND: (Asker.PERSON,),
    Command.UNSUSPEND: (Asker.PERSON,),
    Command.ABORT: (Asker.PERSON, Asker.CELL),
    Command.CLEAR: (Asker.PERSON,),
    Command.COMPLETE: (Asker.CELL,),
}
"""The cell itself unholds only what its arm alone has held (a feed hold that has ended)."""


JOG_MODE: Final = Mode.MANUAL
JOG_STATES: Final = (State.STOPPED, State.IDLE)
"""Where a person may move the arm by hand. An idle cell is stopped by it: its arm leaves home, and
a reset brings it back."""


def target(state: State, command: Command, mode: Mode) -> State | None:
    """The state that a command leads to; None if it is refused."""
    if command in FORBIDDEN_IN[mode]:
        return None
    return TRANSITIONS.get((state, command))


def parse_mode(text: str) -> Mode | None:
    """The mode of that name, in any case; None if there is none."""
    return Mode.__members__.get(text.strip().upper())
