"""What a command given to a device by hand may do, and what is to be thought of it after.

A gripper lets go of what it holds by hand only where something else is seen to have the part, or
where whoever asks has said that it may fall. What a program left in grippers and fixtures is no
longer sure after a command by hand: whoever goes on from there is told (`told_since`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from robot_cell.errors import RobotCellError
from robot_cell.execution.left_behind import holds_part
from robot_cell.model import Cell
from robot_cell.store import CommandRecord, StepRecord

REFUSED: Final = "refused: "
"""How the outcome of a command begins that the device has not begun."""

_CERTAIN: Final = ("done", "not_done", "failed")
_TOLD_AT_MOST: Final = 3

Point = tuple[float, float, float]


class ByHandRefusedError(RobotCellError):
    """Nobody may do that by hand now; the message says what forbids it.

    Attributes:
        drops: whether it is only that a part might fall, which may be meant.
    """

    def __init__(self, message: str, *, drops: bool = False) -> None:
        super().__init__(message)
        self.drops = drops


def lets_go(cell: Cell, device: str, command: str) -> bool:
    """Whether a command may have a gripper let go of a part."""
    return device in cell.grippers and command != "close"


def may_fall(
    cell: Cell,
    device: str,
    readings: Mapping[str, Mapping[str, str]],
    tcp_m: Mapping[str, Point],
    reach_m: float,
) -> str:
    """Why a part might fall if a gripper lets go now, in words; empty if none can.

    None can where the gripper says that it holds none, where the gripper of another arm holds one
    within reach of its own, and where a clamp that acts there is closed on one.

    Args:
        cell: whose gripper it is.
        device: the gripper.
        readings: of the grippers, and of what is `within` reach of it, as read now; of one that
            does not answer, none.
        tcp_m: the tool centre point of each arm in the cell's frame.
        reach_m: the longest edge of what it may hold.
    """
    if says_empty(readings.get(device, {})):
        return ""
    at = tcp_m[cell.grippers[device]]
    for other, arm in cell.grippers.items():
        if other != device and _holds(readings, other) and math.dist(at, tcp_m[arm]) < reach_m:
            return ""
    for name in within(cell, at, reach_m):
        if readings.get(name, {}).get("state") == "closed" and _holds(readings, name):
            return ""
    what = "holds a part" if _holds(readings, device) else "does not say that it holds no part"
    return (
        f"{device} {what}, and neither another gripper nor a closed clamp is seen to have it: it "
        "would fall. Say so if that is meant (--drop), once something is under it"
    )


def says_empty(told: Mapping[str, str]) -> bool:
    """Whether a gripper says, by what it reads, that it holds nothing."""
    return told.get("part") == "absent" or ("part" not in told and told.get("state") == "open")


def within(cell: Cell, at: Point, reach_m: float) -> list[str]:
    """The fixtures that act within reach of a point of the cell, wherever their table stands."""
    return [
        name
        for name, fixture in cell.fixtures.items()
        if name not in cell.grippers
        and fixture.frame is not None
        and not _turned_away(cell, name)
        and math.dist(at, cell.frames[fixture.frame].xyz_m) < reach_m
    ]


def _holds(readings: Mapping[str, Mapping[str, str]], device: str) -> bool:
    return holds_part(readings.get(device, {}))


def _turned_away(cell: Cell, fixture: str) -> bool:
    """Whether a clamp may be elsewhere than in its frame: a table turns it about another."""
    table = cell.fixtures[fixture].mounted_on
    return table is not None and cell.fixtures[table].frame != cell.fixtures[fixture].frame


# -- what is to be thought of it after -----------------------------------------------------------


def told_since(given: Sequence[CommandRecord], begun: Sequence[StepRecord], started_ns: int) -> str:
    """What was told by hand since an operation's last step that is certain; empty if nothing was.

    Args:
        given: all commands of the cell's devices by hand, oldest first.
        begun: the steps of the operation.
        started_ns: plant time at which it began.
    """
    last_id = max((step.step_id for step in begun if step.outcome in _CERTAIN), default=0)
    since = [one for one in begun_after(given, last_id) if one.at_ns >= started_ns]
    if not since:
        return ""
    named = [f"{_order(one)} ({one.who})" for one in since[-_TOLD_AT_MOST:]]
    more = f"{len(since) - len(named)} more, " if len(since) > len(named) else ""
    return (
        f"devices were commanded by hand since the last step: {more}{', '.join(named)}; what the "
        "program left in them may no longer be so"
    )


def begun_after(given: Sequence[CommandRecord], last_step_id: int) -> list[CommandRecord]:
    """The commands by hand that devices have, or may have, begun after a step of a program."""
    return [one for one in given if one.data["step_id"] > last_step_id and _was_begun(one)]


def _was_begun(one: CommandRecord) -> bool:
    return one.outcome is None or not one.outcome.startswith(REFUSED)


def _order(one: CommandRecord) -> str:
    return " ".join((str(one.data["device"]), str(one.data["command"]), *one.data["args"]))
