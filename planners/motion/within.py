"""A program for which there is more time than it needs: the same, for less energy.

Two things use the time. Ptp motions bend towards ways that take less (`bend`), and every motion is
passed at the speeds that take least (`slack`). The fast plan is still there to fall back upon: what
comes out is never later, and never takes more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.payload import Payload, carried
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.cycle import Cycle, PlannedMotion, legs_of, plan_cycle
from planners.motion.errors import PlanningError
from planners.motion.items import Item
from planners.motion.slack import energy_within_j, with_slack
from planners.motion.verify import verify_trajectory

_LONGEST: Final = 2.0
"""Bends are sought for so many times the duration at most: beyond, they hardly change."""


def cycle_within(
    robot: Robot,
    scene: CollisionScene,
    items: Sequence[Item],
    slack_s: float,
    *,
    q_start: Array,
    q_end_same_as_start: bool = True,
    seed: int = 0,
) -> Cycle:
    """Plan a program that may take `slack_s` longer than the fastest plan, for least energy.

    Moves with a `tcp_speed_m_s` keep their speed: a process asks for it. The other arguments are
    as in `plan_cycle`.

    Raises:
        ValueError: the slack is negative.
        PlanningError: an item cannot be carried out; says which, and what is in the way.
    """
    if slack_s < 0.0:
        raise ValueError(f"slack_s must not be negative: {slack_s}")

    def planned(longer: float) -> Cycle:
        return plan_cycle(
            robot, scene, items, q_start=q_start, q_end_same_as_start=q_end_same_as_start,
            seed=seed, longer=longer,
        )  # fmt: skip

    fast = planned(1.0)
    moving_s = sum(motion.trajectory.duration_s for motion in fast.motions)
    if slack_s == 0.0 or moving_s == 0.0:
        return fast
    ends_s = fast.duration_s + slack_s
    choices = [fast]
    try:
        bent = planned(min(1.0 + slack_s / moving_s, _LONGEST))
    except PlanningError:
        pass
    else:
        if bent.duration_s <= ends_s:
            choices.append(bent)
    slowed = [_slowed(robot, scene, items, cycle, ends_s) for cycle in choices]
    return min(slowed, key=lambda cycle: spent_j(robot, items, cycle, ends_s))


def spent_j(robot: Robot, items: Sequence[Item], cycle: Cycle, ends_s: float) -> float:
    """Energy (J) of a plan's motions, and of standing at its end until `ends_s`.

    Dwells are the same in every plan of a program and left out, as the base power is.
    """
    motions = [motion.trajectory for motion in cycle.motions]
    moving_s = sum(motion.duration_s for motion in motions)
    left_s = ends_s - cycle.duration_s
    return energy_within_j(robot, motions, moving_s + left_s, payloads(robot, items, cycle))


def payloads(robot: Robot, items: Sequence[Item], cycle: Cycle) -> list[Payload | None]:
    """What the tool carries on each motion of a plan."""
    return [carried(part) for part in _parts(robot, items, cycle)]


def _parts(robot: Robot, items: Sequence[Item], cycle: Cycle) -> list[PartShape | None]:
    legs = legs_of(robot, items)
    attached = {leg.item_index: leg.attached for leg in legs}
    at_last = legs[-1].attached_after if legs else None
    return [attached.get(motion.item_index, at_last) for motion in cycle.motions]


def _slowed(
    robot: Robot, scene: CollisionScene, items: Sequence[Item], cycle: Cycle, ends_s: float
) -> Cycle:
    """The plan with its motions slowed down to end at `ends_s` at the latest, verified again."""
    speeds = {leg.item_index: leg.move.tcp_speed_m_s for leg in legs_of(robot, items)}
    asked = [
        {speeds.get(index) for index in motion.blended_items or (motion.item_index,)}
        for motion in cycle.motions
    ]
    parts = _parts(robot, items, cycle)
    slow = with_slack(
        robot,
        [motion.trajectory for motion in cycle.motions],
        max(ends_s - cycle.duration_s, 0.0),
        [carried(part) for part in parts],
        [one != {None} for one in asked],
    )
    durations = list(cycle.item_durations_s)
    motions: list[PlannedMotion] = []
    later_s = 0.0
    for motion, trajectory, part in zip(cycle.motions, slow, parts, strict=True):
        fast = motion.trajectory
        if trajectory is fast or verify_trajectory(
            robot, scene, trajectory, part, q_start=fast.positions[0], q_end=fast.positions[-1]
        ):
            motions.append(motion)
            continue
        later_s += trajectory.duration_s - fast.duration_s
        share = trajectory.duration_s / fast.duration_s
        for index in motion.blended_items or (motion.item_index,):
            if index < len(durations):
                durations[index] *= share
        motions.append(replace(motion, trajectory=trajectory))
    return Cycle(tuple(motions), cycle.duration_s + later_s, tuple(durations))
