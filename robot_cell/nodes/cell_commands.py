"""What people ask of a cell: PackML commands, and their word on an uncertain step.

Each request is written down with who asked and what came of it; a stop is obeyed first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from robot_cell_interfaces.srv import CellCommand

from robot_cell import failpoints
from robot_cell.execution.control import CellControl, CommandRefusedError
from robot_cell.execution.verdicts import (
    VerdictRefusedError,
    Verdicts,
    read_word,
    record_word,
)
from robot_cell.model.packml import COMPLETED, Command, State, parse_command
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.cell_hold import CellHold
from robot_cell.nodes.in_work import Hand
from robot_cell.store import Journal, JournalError

_STOPS: Final = (Command.STOP, Command.ABORT)
_HOLDS: Final = (Command.HOLD, Command.UNHOLD)


class CellCommands:
    """The doors of a cell; everything here happens in the executor's thread.

    Args:
        stop_arm: stops the motion under way on its path.
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
        stop_arm: Callable[[], None],
        reset: Callable[[], None],
    ) -> None:
        self._node = node
        self._journal = journal
        self._control = control
        self._hold = hold
        self._verdicts = verdicts
        self._hand = hand
        self._stop_arm = stop_arm
        self._reset = reset
        node.create_service(CellCommand, "command", self._on_command)
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
            names = ", ".join(c.name.lower() for c in Command)
            response.message = f"unknown command {request.command!r}; there are: {names}"
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
            self._stop_arm()
        self.obey(command, who)
        if command is Command.RESET:
            self._hold.let_go()
        if command in _STOPS:  # one that began before the cell's state forbade it
            self._stop_arm()
        return ""

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
