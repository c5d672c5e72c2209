"""A program cut into runs: moves of one arm while nothing changes for it about the others.

Between two runs another arm moves, or a gripper of another arm takes or leaves a part. What an arm
carries is known before anything is planned: the poses of a program say where in its gripper a part
is that it takes from another arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from robot_cell.model import JointPose, MoveStep, Product, Step
from robot_cell.model.step_text import describe
from robot_cell.programs.arms import CellArms
from robot_cell.programs.geometry import (
    Array,
    joints_rad,
    transform_base_target,
    transform_base_via,
    transform_cell_base,
)

if TYPE_CHECKING:
    from planners.kinematics import PartShape
    from planners.motion import Item, Move

CONTACT_ALLOWANCE_M: Final = 0.006
"""Held parts are planned this much smaller on each side: they may touch what they rest on."""

TAKES_WITHIN_M: Final = 0.04
"""A gripper that closes so near to the middle of a part that another arm holds takes that part."""


class HandsError(Exception):
    """What a program asks of its grippers cannot be; `index` is the step."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


@dataclass(frozen=True, eq=False)
class Held:
    """A part in a gripper.

    Attributes:
        number: of the part; one that two grippers hold has the same in both.
        shape: how it lies in the gripper, as the planner wants it.
    """

    number: int
    shape: PartShape


Hands = Mapping[str, Held]
"""The arms that hold a part."""


@dataclass(frozen=True, eq=False)
class Run:
    """Consecutive moves of one arm, and the steps around them in which it stands.

    Attributes:
        arm: which one moves.
        items: what is asked of it. step_of_item: the index of the step of each item that has one.
        others: what the other arms hold meanwhile.
        takes_from: those of them with whom it hands over the part that they hold.
    """

    arm: str
    items: list[Item] = field(default_factory=list)
    step_of_item: dict[int, int] = field(default_factory=dict)
    others: Hands = field(default_factory=dict)
    takes_from: frozenset[str] = frozenset()


def hands_of(arms: CellArms, steps: Sequence[Step], product: Product) -> list[Hands]:
    """What each arm holds before each step, and after the last one.

    Raises:
        HandsError: an arm moves while its part is in another gripper as well.
    """
    from planners.motion import PartShape

    cell = arms.cell
    x, y, z = (edge - 2 * CONTACT_ALLOWANCE_M for edge in product.part.size_m)
    tcp: dict[str, Array] = {}
    hands: list[Hands] = [{}]
    count = 0
    for index, step in enumerate(steps):
        now = dict(hands[-1])
        found = cell.gripping(step)
        if isinstance(step, MoveStep):
            mover = cell.mover(step)
            tcp[mover] = _tcp_at(arms, mover, step)
            for other, held in now.items():
                if other != mover and mover in now and held.number == now[mover].number:
                    raise HandsError(
                        index,
                        f"{mover} moves while the gripper of {other} holds the same part; "
                        "let one of the two open first",
                    )
        elif found is not None and found[1] == "open":
            now.pop(found[0], None)
        elif found is not None:
            taker = found[0]
            here = tcp[taker] if taker in tcp else arms.tcp(taker, arms.home(taker))
            now[taker] = Held(count, PartShape((x, y, z), mass_kg=product.part.mass_kg))
            count += 1
            for giver, held in hands[-1].items():
                if giver == taker:
                    continue
                lies = np.linalg.inv(here) @ tcp[giver] @ held.shape.transform_tool_part
                if np.linalg.norm(lies[:3, 3]) <= TAKES_WITHIN_M:
                    shape = PartShape((x, y, z), lies, mass_kg=product.part.mass_kg)
                    now[taker] = Held(held.number, shape)
        hands.append(now)
    return hands


def _tcp_at(arms: CellArms, arm: str, step: MoveStep) -> Array:
    """Where a move brings an arm's TCP, in the cell's frame (4, 4)."""
    pose = arms.cell.poses[step.to]
    if isinstance(pose, JointPose):
        return arms.tcp(arm, joints_rad(pose))
    target = transform_base_target(arms.cell, step)
    assert target is not None
    there: Array = transform_cell_base(arms.cell.arms[arm]) @ target
    return there


def runs_of(
    arms: CellArms,
    steps: Sequence[Step],
    product_name: str,
    product: Product,
    stands_s: list[float],
) -> list[Run]:
    """A program in runs, one after the other; of one arm it is one run.

    `stands_s` says how long each step takes that is no move.

    Raises:
        HandsError: what is asked of the grippers cannot be.
    """
    from planners.motion import Attach, Detach, Dwell

    cell = arms.cell
    hands = hands_of(arms, steps, product)
    runs: list[Run] = []
    for first, last in _spans(arms, steps, hands):
        arm = next(cell.mover(s) for s in steps[first:last] if isinstance(s, MoveStep))
        move = next(i for i in range(first, last) if isinstance(steps[i], MoveStep))
        others = {name: held for name, held in hands[move].items() if name != arm}
        mine = {now[arm].number for now in hands if arm in now}
        partners = frozenset(name for name, held in others.items() if held.number in mine)
        run = Run(arm, others=others, takes_from=partners)
        if arm in hands[first]:
            run.items.append(Attach(hands[first][arm].shape))
        for index in range(first, last):
            step = steps[index]
            run.step_of_item[len(run.items)] = index
            label = f"step {index + 1} ({describe(step, product_name)})"
            if isinstance(step, MoveStep):
                run.items.append(planned_move(arms, step, label))
                continue
            run.items.append(Dwell(stands_s[index], label))
            found = cell.gripping(step)
            if found is not None and found[0] == arm:
                held = hands[index + 1].get(arm)
                run.items.append(Detach() if held is None else Attach(held.shape))
        runs.append(run)
    return runs


def _spans(arms: CellArms, steps: Sequence[Step], hands: Sequence[Hands]) -> list[tuple[int, int]]:
    """First step and end of each run; steps without a move belong to the run before them."""
    begins: list[int] = []
    key: object = None
    for index, step in enumerate(steps):
        if not isinstance(step, MoveStep):
            continue
        mover = arms.cell.mover(step)
        held = {name: part.number for name, part in hands[index].items() if name != mover}
        if (mover, held) != key:
            key = mover, held
            begins.append(index if begins else 0)
    return list(zip(begins, [*begins[1:], len(steps)], strict=True))


def planned_move(arms: CellArms, step: MoveStep, label: str) -> Move:
    """A move of a program as the motion planner wants it."""
    from planners.motion import Blend, JointTarget, Move, PoseTarget

    cell = arms.cell
    pose, goal, via = cell.poses[step.to], transform_base_target(cell, step), None
    target: JointTarget | PoseTarget
    if isinstance(pose, JointPose):
        target = JointTarget(joints_rad(pose))
    else:
        assert goal is not None
        target = PoseTarget(goal)
    passed = transform_base_via(cell, step)
    if passed is not None:
        via = PoseTarget(passed)
    return Move(
        step.move,
        target,
        speed=step.speed,
        tcp_speed_m_s=step.tcp_speed_m_s,
        label=label,
        via=via,
        blend=Blend(radius_m=step.blend_radius_m),
    )
