"""Whether a person may act on a cell by hand now: one at a time, in one mode, in a few states.

The doors for moves (`cell_jog`) and for devices (`cell_devices`) ask the same here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from robot_cell.execution.by_hand import ByHandRefusedError
from robot_cell.execution.control import CellControl
from robot_cell.model.packml import JOG_MODE, JOG_STATES, Command, State
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.in_work import Hand
from robot_cell.store import Journal, JournalError

MOVES: Final = "its arm is moved by hand"
COMMANDS: Final = "its devices are commanded by hand"


class ByHand:
    """What the doors share; used in the executor's thread, but for `free` and `note`.

    Args:
        do: has the worker do something after what it is at.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        control: CellControl,
        hand: Hand,
        do: Callable[[Callable[[], None]], None],
    ) -> None:
        self._node = node
        self._journal = journal
        self._control = control
        self._hand = hand
        self.do = do
        self._now = ""

    @property
    def manual(self) -> bool:
        """Whether the cell is in the mode for it."""
        return self._control.mode is JOG_MODE

    def check(self, what: str) -> None:
        """See that mode and state let a person do that (`MOVES`, `COMMANDS`), and nobody does.

        Raises:
            ByHandRefusedError: they do not.
        """
        cell, control = self._node.cell_name, self._control
        if not self.manual:
            raise ByHandRefusedError(
                f"{cell} is in {control.mode.label} mode; {what} in {JOG_MODE.label} mode only"
            )
        if control.state not in JOG_STATES:
            states = " or ".join(state.label for state in JOG_STATES)
            raise ByHandRefusedError(
                f"{cell} is {control.state.label}; {what} while it is {states}"
            )
        if self._now:
            raise ByHandRefusedError(self._now)
        if self._hand.now.operation_id:
            raise ByHandRefusedError(f"{cell} has not yet ended {self._hand.now.operation_id}")

    def take(self, who: str, doing: str) -> int:
        """Somebody acts from now on, `doing` that; an idle cell is stopped by it.

        Returns:
            The motion epoch in which it is permitted.
        """
        if self._control.state is State.IDLE:
            self._control.command(Command.STOP, f"moved by hand by {who}: reset it before it works")
            self._control.completed(State.STOPPING)
            self.do(partial(self.note, who, "stop", "obeyed"))
        self._now = f"{who} {doing}"
        return self._control.epoch

    def free(self) -> None:
        """They do no longer."""
        self._now = ""

    def note(self, who: str, what: str, outcome: str) -> None:
        """Write down what came of something that was asked at the door."""
        now_ns = self._node.clock.now_ns()
        try:
            asked = self._journal.command(who, what, self._node.cell_name, now_ns)
            self._journal.command_outcome(asked, outcome, now_ns)
        except JournalError as error:
            self._node.get_logger().error(f"{what} by {who}: {outcome} ({error})")
