"""What people ask of a cell: PackML commands, a mode, and their word on an uncertain step.

Each request is written down with who asked and what came of it; a stop is obeyed first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

from robot_cell_interfaces.srv import CellCommand

from robot_cell import failpoints
from robot_cell.execution.control import CellControl, CommandRefusedError, ModeRefusedError
from robot_cell.execution.verdicts import (
    VerdictRefusedError,
    Verdicts,
    read_word,
    record_word,
)
from robot_cell.model.packml import (
    ASKERS,
    COMPLETED,
    Asker,
    Command,
    Mode,
    State,
    parse_command,
    parse_mode,
)
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.cell_hold import CellHold
from robot_cell.nodes.in_work import Hand
from robot_cell.store import Journal, JournalError

_STOPS: Final = (Command.STOP, Command.ABORT)
_HOLDS: Final = (Command.HOLD, Command.UNHOLD)
_FOR_PEOPLE: Final = tuple(command for command in Command if Asker.PERSON in ASKERS[command])


class CellCommands:
    """The doors of a cell; everything here happens in the executor's thread.

    Args:
        stop_arms: stops the motion under way on its path.
        reset: has the worker do what Resetting means.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        control: CellControl,
        hold: CellHold,
        verdicts: Verdicts,
        hand: Hand,
        *,
        stop_arms: Callable[[], None],
        reset: Callable[[], None],
    ) -> None:
        self._node = node
        self._journal = journal
        self._control = control
        self._hold = hold
        self._verdicts = verdicts
        self._hand = hand
        self._stop_arms = stop_arms
        self._reset = reset
        node.create_service(CellCommand, "command", self._on_command)
        node.create_service(CellCommand, "mode", self._on_mode)
        node.create_service(CellCommand, "resolve_step", self._on_resolve)

    def obey(self, command: Command, message: str) -> None:
        """Obey a command; an acting state without an operation in work is completed at once.

        Raises:
            CommandRefusedError: the cell's state does not allow it.
        """
        acting = self._control.command(command, message)
        if acting is State.RESETTING:
            self._reset()
        elif acting in COMPLETED and not self._hand.now.operation_id:
            self._control.completed(acting)

    def _on_command(self, request: Any, response: Any) -> Any:
        command = parse_command(request.command)
        if command is None:
            names = ", ".join(c.name.lower() for c in _FOR_PEOPLE)
            response.message = f"unknown command {request.command!r}; there are: {names}"
        elif command not in _FOR_PEOPLE:
            askers = " or ".join(asker.value for asker in ASKERS[command])
            response.message = f"{command.label} is not for people to ask, but for {askers}"
        else:
            try:
                response.message = self._give(command, request.asked_by)
                response.success = True
            except CommandRefusedError as error:
                response.message = str(error)
            outcome = "obeyed" if response.success else response.message
            self._note(request.asked_by, command.name.lower(), outcome)
        response.state_name = self._control.state.label
        return response

    def _give(self, command: Command, asked_by: str) -> str:
        who = f"{command.label} by {asked_by or 'nobody named'}"
        if command in _HOLDS:
            return self._hold.ask(command, who)
        if command in _STOPS:
            self._stop_arms()
        self.obey(command, who)
        if command is Command.RESET:
            self._hold.let_go()
        if command in _STOPS:  # one that began before the cell's state forbade it
            self._stop_arms()
        return ""

    def _on_mode(self, request: Any, response: Any) -> Any:
        """A person has the cell go over to another mode."""
        mode = parse_mode(request.command)
        if mode is None:
            names = ", ".join(one.label for one in Mode)
            response.message = f"unknown mode {request.command!r}; there are: {names}"
        else:
            try:
                self._change_mode(mode, request.asked_by)
                response.success, response.message = True, f"in {mode.label} mode"
            except (ModeRefusedError, JournalError) as error:
                response.message = str(error)
            outcome = "obeyed" if response.success else response.message
            with contextlib.suppress(JournalError):  # it has been said that it takes nothing
                self._note(request.asked_by, f"mode {mode.label}", outcome)
        response.state_name = self._control.state.label
        return response

    def _change_mode(self, mode: Mode, asked_by: str) -> None:
        """Change it, and write down that it is; not the one without the other.

        Raises:
            ModeRefusedError: the cell's state does not allow it.
            JournalError: it could not be written down, and is as it was.
        """
        before, who = self._control.mode, asked_by or "nobody named"
        self._control.change_mode(mode, f"{mode.label} mode by {who}")
        try:
            now_ns = self._node.clock.now_ns()
            self._journal.change_mode(self._node.cell_name, mode, who, now_ns)
        except JournalError:
            self._control.change_mode(before, "the journal takes no change of mode")
            raise

    def _note(self, who: str, what: str, outcome: str) -> None:
        now_ns = self._node.clock.now_ns()
        asked = self._journal.command(who, what, self._node.cell_name, now_ns)
        self._journal.command_outcome(asked, outcome, self._node.clock.now_ns())

    def _on_resolve(self, request: Any, response: Any) -> Any:
        """A person says what became of an uncertain step: `STEP done|redo|abort`."""
        try:
            word = read_word(request.command, request.asked_by)
            self._verdicts.check(word.step_id)
            if self._control.state is not State.HELD:
                raise VerdictRefusedError(f"the cell is {self._control.state.label}, not yet Held")
            record_word(self._journal, word, self._node.clock.now_ns())
            failpoints.reach("cell.step-resolved")
            self._verdicts.give(word)
            self.obey(Command.UNHOLD, str(word))
            response.success, response.message = True, str(word)
        except (VerdictRefusedError, CommandRefusedError, JournalError) as error:
            response.message = str(error)
        response.state_name = self._control.state.label
        return response
