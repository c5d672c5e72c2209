"""A cell's hold and its arm's feed hold, kept in step with each other.

Whoever holds the arm holds the cell with it, and the other way round. PackML holds a cell in
Execute only: at other times its arm alone is held, and the cell when it would execute.
"""

from __future__ import annotations

import contextlib
from typing import Final

from robot_cell.execution.control import CellControl, CommandRefusedError
from robot_cell.model.packml import Command, State
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.feed_hold import FeedHold
from robot_cell.nodes.in_work import Hand

NOT_YET_OR_NO_MORE: Final = (
    State.IDLE,
    State.STARTING,
    State.COMPLETING,
    State.COMPLETE,
    State.RESETTING,
)
"""PackML holds a cell in Execute only; here its arm is held, and the cell when it would execute."""

_BY_THE_ARM: Final = "feed hold of the arm"


class CellHold:
    """Holds a cell and its arm together; used in the executor's thread, but for `take_up`."""

    def __init__(self, node: PlantNode, control: CellControl, hand: Hand) -> None:
        self._cell = node.cell
        self._control = control
        self._hand = hand
        self._feed_hold = FeedHold(node, node.cell.arms, self._on_arm_held)

    def ask(self, command: Command, message: str) -> str:
        """Hold the arm on its path, or let it go on, and with it the cell; what else to say.

        Raises:
            CommandRefusedError: neither applies in the cell's state.
        """
        on = command is Command.HOLD
        try:
            self._control.command(command, message)
        except CommandRefusedError:
            if self._control.state not in NOT_YET_OR_NO_MORE:
                raise
            self._feed_hold.ask(on)
            return f"the arm {'is held' if on else 'goes on'}; the cell is not in Execute"
        if not on and not self._feed_hold.held:  # held between steps, or by an arm that cannot hold
            self._control.completed(State.UNHOLDING)
        self._feed_hold.ask(on)
        return ""

    def let_go(self) -> None:
        """Let the arm move: its way home is not to wait for an old hold."""
        self._feed_hold.ask(False)

    @property
    def held(self) -> bool:
        """Whether the arm stands held, as last heard."""
        return self._feed_hold.held

    def take_up(self) -> None:
        """The cell executes from now on: if its arm is held, so is the cell."""
        if self._feed_hold.held:
            self._on_arm_held(True)

    def _on_arm_held(self, held: bool) -> None:
        """The arm stands held, or no longer: so does the cell, whoever asked for it.

        While a fixture works the cell is Holding until that step has ended.
        """
        control = self._control
        with contextlib.suppress(CommandRefusedError):  # the state has changed meanwhile
            if held and control.state is State.EXECUTE:
                control.command(Command.HOLD, _BY_THE_ARM)
            if held and self._hand.now.moves(self._cell):
                control.completed(State.HOLDING)
            if not held and control.message == _BY_THE_ARM:
                control.completed(State.HOLDING)
                control.command(Command.UNHOLD, _BY_THE_ARM)
            if not held:
                control.completed(State.UNHOLDING)
        if not held and control.state is State.HELD:  # whoever let the arm go, the cell is held
            self._feed_hold.ask(True)
