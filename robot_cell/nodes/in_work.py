"""What a cell has in hand: written by the worker, read by whoever publishes or holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from robot_cell.model import Cell, MoveStep


@dataclass(frozen=True)
class InWork:
    """The operation in work, and how far it is; nothing of it while there is none.

    Attributes:
        step: counted from 1; 0 before the first.
    """

    operation_id: str = ""
    order_id: str = ""
    unit: int = 0
    program: str = ""
    step: int = 0
    steps: int = 0
    label: str = ""

    @property
    def progress(self) -> float:
        """Share of the steps that have begun, 0 to 1."""
        return self.step / self.steps if self.steps else 0.0

    def moves(self, cell: Cell) -> bool:
        """Whether the step in work is a motion."""
        if not self.program or not self.step:
            return False
        return isinstance(cell.programs[self.program].steps[self.step - 1], MoveStep)


@dataclass
class Hand:
    """The one place where it stands; a new value is put there as a whole."""

    now: InWork = field(default_factory=InWork)
