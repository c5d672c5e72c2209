"""Whether a gripper may open: what it should hold it has to hold still, and who takes it has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from robot_cell.execution.asking import Ended
from robot_cell.model import Cell, FixtureStep


def may_not_let_go(
    cell: Cell, holding: frozenset[str], step: FixtureStep, read: Callable[[str], Ended]
) -> Ended | None:
    """Why a gripper does not open though it is told to; None if it may, as any other fixture.

    The other arms that should hold a part are asked as well: one that hands its part over lets go
    only when the gripper that takes it is seen to have it.

    Args:
        cell: whose step it is.
        holding: the arms that should hold a part.
        step: of the program.
        read: asks a gripper whether it holds a part.
    """
    found = cell.gripping(step)
    if found is None or found[1] != "open" or found[0] not in holding:
        return None
    for arm in (found[0], *sorted(holding - {found[0]})):
        gripper = cell.arms[arm].tool.gripper
        held = read(gripper)
        if held.alarm == "part_unexpected":
            what = "the part was dropped on the way"
            if arm != found[0]:
                what = f"{gripper} has not got the part, so {step.fixture} does not let go"
            return replace(held, message=f"{what}: {held.message}")
        if held.outcome != "done":
            return held
    return None
