"""The PackML state of one cell, and what a running operation must know of it.

`CellControl` follows the table of `robot_cell.model.packml` and nothing else. It is shared by the
thread that runs an operation, which asks it before every step, and by whoever commands the cell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from robot_cell.errors import RobotCellError
from robot_cell.model.packml import (
    COMPLETED,
    MODE_STATES,
    Command,
    Mode,
    State,
    allowed,
    target,
)


class CommandRefusedError(RobotCellError):
    """The cell does not obey this command: in its state, in its mode, or as things stand."""

    def __init__(
        self,
        cell: str,
        state: State,
        command: Command,
        mode: Mode = Mode.PRODUCTION,
        why: str = "",
    ) -> None:
        names = ", ".join(c.label for c in allowed(state, mode)) or "nothing until that has ended"
        where = "" if mode is Mode.PRODUCTION else f" in {mode.label} mode"
        super().__init__(
            f"cell {cell} is {state.label}{where} and does not obey {command.label}"
            + (f": {why}" if why else f"; it obeys: {names}")
        )
        self.cell = cell
        self.state = state
        self.command = command
        self.mode = mode


class ModeRefusedError(RobotCellError):
    """The mode cannot be changed in the cell's state."""

    def __init__(self, cell: str, state: State, mode: Mode) -> None:
        names = ", ".join(s.label for s in MODE_STATES)
        super().__init__(
            f"cell {cell} is {state.label} and does not change its mode to {mode.label}; "
            f"it does when it is: {names}"
        )
        self.cell = cell
        self.state = state
        self.mode = mode


class StoppedError(RobotCellError):
    """The running operation must end now: the cell was stopped or aborted."""


@dataclass(frozen=True)
class Transition:
    """A change of state, as it is recorded and published."""

    before: State
    after: State
    epoch: int
    message: str


_ENDING = (
    State.STOPPING,
    State.STOPPED,
    State.ABORTING,
    State.ABORTED,
    State.CLEARING,
)
_PAUSED = (
    State.HOLDING,
    State.HELD,
    State.UNHOLDING,
    State.SUSPENDING,
    State.SUSPENDED,
    State.UNSUSPENDING,
)


class CellControl:
    """State, mode, motion epoch, and the places where a running operation waits or ends.

    Args:
        on_change: called with each change of state or mode.
        forbids: why a command that the table allows is not obeyed all the same; empty if it is.
    """

    def __init__(
        self,
        cell: str,
        on_change: Callable[[Transition], None],
        state: State = State.STOPPED,
        epoch: int = 1,
        *,
        mode: Mode = Mode.PRODUCTION,
        forbids: Callable[[Command], str] = lambda _: "",
    ) -> None:
        self.cell = cell
        self._on_change = on_change
        self._state = state
        self._epoch = epoch
        self._mode = mode
        self._forbids = forbids
        self._message = ""
        self._changed = threading.Condition(threading.RLock())

    @property
    def state(self) -> State:
        """The PackML state."""
        return self._state

    @property
    def mode(self) -> Mode:
        """The unit mode."""
        return self._mode

    @property
    def epoch(self) -> int:
        """The motion epoch: what was asked in an older one is void."""
        return self._epoch

    @property
    def message(self) -> str:
        """Why the cell is in its state."""
        return self._message

    def command(self, command: Command, message: str = "") -> State:
        """Obey a command; returns the new state.

        Raises:
            CommandRefusedError: the table has no such transition, or it is forbidden now.
        """
        with self._changed:
            after = target(self._state, command, self._mode)
            if after is None:
                raise CommandRefusedError(self.cell, self._state, command, self._mode)
            if why := self._forbids(command):
                raise CommandRefusedError(self.cell, self._state, command, self._mode, why)
            if command in (Command.STOP, Command.ABORT):
                self._epoch += 1
            self._enter(after, message)
            return after

    def change_mode(self, mode: Mode, message: str = "") -> None:
        """Go over to another mode: what was asked in the one before is void.

        Raises:
            ModeRefusedError: not in this state.
        """
        with self._changed:
            if self._state not in MODE_STATES:
                raise ModeRefusedError(self.cell, self._state, mode)
            if mode is not self._mode:
                self._mode = mode
                self._epoch += 1
                self._enter(self._state, message)

    def completed(self, acting: State) -> bool:
        """An acting state's work is done; False if the cell has meanwhile left that state."""
        with self._changed:
            if self._state is not acting:
                return False
            self._enter(COMPLETED[acting], self._message)
            return True

    def ending(self) -> bool:
        """Whether a running operation must end now."""
        return self._state in _ENDING

    def checkpoint(
        self,
        on_pause: Callable[[], None] = lambda: None,
        on_resume: Callable[[], None] = lambda: None,
    ) -> int:
        """Between two steps: wait while the cell is held or suspended.

        Returns:
            The motion epoch in which the next step is permitted.

        Raises:
            StoppedError: the cell was stopped or aborted.
        """
        with self._changed:
            paused = False
            while self._state in _PAUSED:
                if self._state in COMPLETED:
                    self._enter(COMPLETED[self._state], self._message)
                    continue
                if not paused:
                    paused = True
                    on_pause()
                self._changed.wait()
            if paused:
                on_resume()
            if self._state in _ENDING:
                raise StoppedError(f"cell {self.cell} is {self._state.label}: {self._message}")
            return self._epoch

    def _enter(self, after: State, message: str) -> None:
        before, self._state = self._state, after
        # A cell that works has nothing to explain.
        self._message = "" if after is State.EXECUTE else message
        self._changed.notify_all()
        self._on_change(Transition(before, after, self._epoch, message))
