"""Which arms hold a part, step by step of a program, and whether one is let go of in the air.

An arm is known to hold a part once its gripper was told to close and the step expects that it holds
one (`expect: {part: present}`): a step whose expectation does not come true does not end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from robot_cell.model.base import BrokenReference
from robot_cell.model.geometry import CartesianPose, Frame
from robot_cell.model.program import FixtureStep, MoveStep, Step

if TYPE_CHECKING:
    from robot_cell.model.plant import Cell

HELD: Final = {"part": "present"}
"""What a gripper reads that holds a part."""

_BENEATH_M: Final = 0.3
"""An obstacle whose top is so near below a pose carries what is put down there."""


def holds_after(cell: Cell, step: Step, holding: frozenset[str]) -> frozenset[str]:
    """The arms that are known to hold a part once a step is done."""
    found = cell.gripping(step)
    if found is None:
        return holding
    arm, command = found
    assert isinstance(step, FixtureStep)
    if command == "close" and step.expect.get("part") == "present":
        return holding | {arm}
    return holding - {arm}


def known_to_hold(cell: Cell, steps: Sequence[Step]) -> tuple[frozenset[str], ...]:
    """The arms that are known to hold a part before each step, and after the last."""
    holding: list[frozenset[str]] = [frozenset()]
    for step in steps:
        holding.append(holds_after(cell, step, holding[-1]))
    return tuple(holding)


def let_go_in_the_air(cell: Cell, program: str) -> list[BrokenReference]:
    """Steps at which a gripper opens above nothing, and no other gripper is known to hold the part.

    Looked for in cells of several arms: with one arm there is nobody to hand a part to. A pose
    given by joints may be anywhere, and is believed.
    """
    problems: list[BrokenReference] = []
    if len(cell.arms) < 2:
        return problems
    steps = cell.programs[program].steps
    holding = known_to_hold(cell, steps)
    closed: set[str] = set()
    last: dict[str, MoveStep] = {}
    for index, step in enumerate(steps):
        if isinstance(step, MoveStep):
            last[cell.mover(step)] = step
        found = cell.gripping(step)
        if found is None:
            continue
        arm, command = found
        if command == "close":
            closed.add(arm)
        elif arm in closed:
            closed.discard(arm)
            if not holding[index] - {arm} and arm in last and _in_the_air(cell, last[arm]):
                expected = (
                    f"another gripper that is known to hold the part before {arm} lets go of it "
                    "(close it with expect: {part: present}), or a place under it: no fixture "
                    f"acts in the frame of {last[arm].to}, and no obstacle is below"
                )
                place = ("programs", program, "steps", index, "command")
                problems.append(BrokenReference(place, command, expected))
    return problems


def _in_the_air(cell: Cell, step: MoveStep) -> bool:
    pose = cell.poses[step.to]
    if not isinstance(pose, CartesianPose):
        return False
    places = {f.frame for f in cell.fixtures.values()} | {f.clears for f in cell.fixtures.values()}
    if pose.frame in places:
        return False
    x, y, z = pose.xyz_m
    at = _in_cell(cell.frames[pose.frame], (x, y, z + step.above_m))
    for box in cell.obstacles:
        yaw = math.radians(box.yaw_deg)
        dx, dy = at[0] - box.xyz_m[0], at[1] - box.xyz_m[1]
        along = dx * math.cos(yaw) + dy * math.sin(yaw)
        across = dy * math.cos(yaw) - dx * math.sin(yaw)
        over = at[2] - (box.xyz_m[2] + box.size_m[2] / 2)
        inside = abs(along) <= box.size_m[0] / 2 and abs(across) <= box.size_m[1] / 2
        if inside and 0.0 <= over <= _BENEATH_M:
            return False
    return True


def _in_cell(frame: Frame, point: tuple[float, float, float]) -> tuple[float, float, float]:
    """A point of a frame in the cell's frame (fixed-axis roll, pitch, yaw)."""
    roll, pitch, yaw = (math.radians(angle) for angle in frame.rpy_deg)
    x, y, z = point
    y, z = y * math.cos(roll) - z * math.sin(roll), y * math.sin(roll) + z * math.cos(roll)
    x, z = x * math.cos(pitch) + z * math.sin(pitch), z * math.cos(pitch) - x * math.sin(pitch)
    x, y = x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw)
    return x + frame.xyz_m[0], y + frame.xyz_m[1], z + frame.xyz_m[2]
