"""What may be wished of an arm that is moved by hand: one joint, or its tool along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import degrees, radians
from typing import Final

import numpy as np

from robot_cell.errors import RobotCellError
from robot_cell.model.arm_names import THE_ARM
from robot_cell.model.jog import LONGEST_STEP_DEG, LONGEST_STEP_MM, TOOL_AXES

HELD_RAD: Final = radians(90.0)
HELD_M: Final = 0.5
"""How far a press leads at most; the next one leads on."""


class JogRefusedError(RobotCellError):
    """The arm cannot be moved that way from where it stands; the message says what forbids it."""


@dataclass(frozen=True)
class JogWish:
    """What somebody asks for.

    Attributes:
        axis: a joint's name, or one of `TOOL_AXES` of the arm's base frame.
        amount: a step in rad or m, signed; of a move that is held to run only the sign counts.
        held: whether it runs for as long as a button is held.
        arm: which one of the cell's.
    """

    axis: str
    amount: float
    held: bool
    arm: str = THE_ARM

    def __str__(self) -> str:
        whose = "" if self.arm == THE_ARM else f"{self.arm} "
        sign = "+" if self.amount > 0.0 else "-"
        if self.held:
            return f"{whose}{self.axis} {sign}"
        return f"{whose}{self.axis} {in_words(self.axis, self.amount)}"


def check_wish(wish: JogWish, joints: tuple[str, ...]) -> None:
    """See that a wish can be meant.

    Raises:
        JogRefusedError: no such axis, or the step is too long, or nothing.
    """
    if wish.axis not in (*joints, *TOOL_AXES):
        listed = ", ".join((*joints, *TOOL_AXES))
        raise JogRefusedError(f"the arm has no axis {wish.axis[:40]!r}; it has: {listed}")
    longest = LONGEST_STEP_MM / 1e3 if wish.axis in TOOL_AXES else radians(LONGEST_STEP_DEG)
    if not np.isfinite(wish.amount) or wish.amount == 0.0:
        raise JogRefusedError("a move has a direction: its amount must not be 0")
    if not wish.held and abs(wish.amount) > longest * (1.0 + 1e-9):
        raise JogRefusedError(
            f"a step of {wish.axis} is at most {in_words(wish.axis, longest)}; "
            "hold the button for more"
        )


def in_words(axis: str, amount: float) -> str:
    """An amount of an axis, rad or m, as people read it."""
    if axis in TOOL_AXES:
        return f"{amount * 1e3:+.1f} mm"
    return f"{degrees(amount):+.1f}°"
