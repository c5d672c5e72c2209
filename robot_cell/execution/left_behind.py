"""Whether a program can begin with what the last one, or a person, has left in a cell's devices.

Programs begin with empty grippers, and with jaws as the last program has left them. A reset asks
here: with a part still in a gripper the next program would drive it into the part that it is to
take, and trace the one as the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from robot_cell.model import Cell, FixtureStep
from robot_cell.model.hands import HELD
from robot_cell.store import CommandRecord

_JAWS: Final = ("open", "close")

Read = Callable[[str], Mapping[str, str]]
"""What a device reads now; nothing if it does not say."""


def holds_part(told: Mapping[str, str]) -> bool:
    """Whether a device reads that it holds a part."""
    return all(told.get(name) == text for name, text in HELD.items())


def held_over(cell: Cell, read: Read) -> str:
    """Which gripper holds a part that no program has left in it, in words; empty if none does."""
    for gripper in cell.grippers:
        if "close" not in _left_by_programs(cell, gripper) and holds_part(read(gripper)):
            return (
                f"{gripper} holds a part, and programs begin with it empty; in manual mode, take "
                "the part out first (robot-cell device, --drop)"
            )
    return ""


def left_otherwise(cell: Cell, since: Sequence[CommandRecord], read: Read) -> str:
    """Why no program can begin as a person has left the cell, in words; empty if one can.

    Where programs do not agree about how jaws are left, nothing is known, and nothing is said.

    Args:
        cell: the cell.
        since: what its devices were told by hand since its last program, oldest first.
        read: what a device reads now; nothing if it does not say.
    """
    if not since:
        return ""
    last = {str(one.data["device"]): str(one.data["command"]) for one in since}
    for device, command in last.items():
        left = _left_by_programs(cell, device)
        if len(left) == 1 and command in _JAWS and command not in left:
            (wanted,) = left
            return (
                f"{device} was last told {command} by hand, and programs begin with it told "
                f"{wanted}; in manual mode, {wanted} it first (robot-cell device)"
            )
    return held_over(cell, read)


def _left_by_programs(cell: Cell, device: str) -> set[str]:
    """The last of open and close that a device is told, by each program that uses it."""
    found = set()
    for program in cell.programs.values():
        told = [
            step.command
            for step in program.steps
            if isinstance(step, FixtureStep) and step.fixture == device
        ]
        if told and set(told) <= set(_JAWS):
            found.add(told[-1])
    return found
