"""What is left of a motion that was broken off: planned anew from where the arm stands."""

from __future__ import annotations

import multiprocessing
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from robot_cell.model import Cell, MoveStep, Product
from robot_cell.model.step_text import describe
from robot_cell.programs.arms import CellArms, Stands
from robot_cell.programs.cycle import ProgramCycle, ProgramError, StepMotion, step_motion
from robot_cell.programs.runs import HandsError, hands_of, planned_move

if TYPE_CHECKING:
    from planners.motion import Attach, Dwell, Move

Measured = Mapping[str, tuple[float, ...]]
"""Measured joint positions (n,) in rad of every arm of a cell."""


def plan_rest(
    cell_name: str,
    cell: Cell,
    product: Product,
    cycle: ProgramCycle,
    index: int,
    measured_rad: Measured,
    *,
    holding: Collection[str],
) -> StepMotion:
    """Plan from measured joint positions to the end of the motion that step `index` begins.

    The arm of that step moves; the others stand where they were measured. Arms that are `holding`
    have a part. Straight moves stay straight, and corners are exact. In a process of its own, as it
    loads the planners.

    Raises:
        ProgramError: there is no free way; the message says what blocks it.
    """
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        rest = pool.submit(
            _plan_rest,
            cell_name,
            cell,
            product,
            cycle,
            index,
            dict(measured_rad),
            frozenset(holding),
        )
        return rest.result()


def _plan_rest(
    cell_name: str,
    cell: Cell,
    product: Product,
    cycle: ProgramCycle,
    index: int,
    measured_rad: Measured,
    holding: frozenset[str],
) -> StepMotion:
    from planners.errors import PlannerError
    from planners.motion import Attach, Blend, JointTarget, PoseTarget, plan_cycle

    arms = CellArms(cell)
    steps = cell.programs[cycle.program].steps
    first = steps[index]
    assert isinstance(first, MoveStep)
    arm = cell.mover(first)
    try:
        hands = hands_of(arms, steps, product)[index]
    except HandsError as error:
        raise ProgramError(cell_name, cycle.program, cycle.product, str(error)) from error
    held = {name: hands[name].shape for name in holding if name in hands}
    others = {
        name: Stands(np.asarray(q), held.get(name))
        for name, q in measured_rad.items()
        if name != arm
    }
    robot, scene = arms.robot(arm), arms.scene(arm, others, [n for n in held if n != arm])
    items: list[Move | Dwell | Attach] = []
    if arm in held:
        items.append(Attach(held[arm]))
    motion = cycle.motions[index]
    left = remaining_moves(cell, cycle, index, measured_rad[arm])
    for at in left:
        step = steps[at]
        assert isinstance(step, MoveStep)
        label = f"rest of step {at + 1} ({describe(step, cycle.product)})"
        move = replace(planned_move(arms, step, label), blend=Blend(radius_m=0.0))
        if at == left[0] and move.via is not None and len(left) == 1:
            # What is left of an arc passes the middle of what is left of its path.
            row = (_nearest(motion, measured_rad[arm]) + len(motion.times) - 1) // 2
            move = replace(move, via=PoseTarget(robot.forward(motion.positions[row])))
        if at == left[-1]:  # in the same configuration, or the next motion does not fit
            move = replace(move, target=JointTarget(motion.positions[-1]))
        items.append(move)
    try:
        planned = plan_cycle(
            robot, scene, items, q_start=np.asarray(measured_rad[arm]), q_end_same_as_start=False
        )
    except PlannerError as error:
        raise ProgramError(cell_name, cycle.program, cycle.product, str(error)) from error
    return _joined([step_motion(motion.trajectory) for motion in planned.motions])


def remaining_moves(
    cell: Cell, cycle: ProgramCycle, index: int, measured_rad: tuple[float, ...]
) -> list[int]:
    """Steps whose moves are still to be made, of those that are blended into step `index`.

    The arm is taken to be where its path comes nearest to the measured joints (n,), in rad.
    """
    motion = cycle.motions[index]
    blended = cycle.blended(cell.programs[cycle.program].steps, index)
    share = float(motion.times[_nearest(motion, measured_rad)]) / max(motion.duration_s, 1e-9)
    durations = np.array([cycle.step_durations_s[at] for at in blended])
    ends = np.cumsum(durations) / durations.sum()
    first = min(int(np.searchsorted(ends, share)), len(blended) - 1)
    return blended[first:]


def _nearest(motion: StepMotion, measured_rad: tuple[float, ...]) -> int:
    """Row of the motion that comes nearest to the measured joints."""
    return int(np.argmin(np.abs(motion.positions - np.asarray(measured_rad)).max(axis=1)))


def _joined(motions: list[StepMotion]) -> StepMotion:
    """Motions one after the other, each from rest to rest, as one."""
    times, before_s = [motions[0].times], motions[0].duration_s
    for motion in motions[1:]:
        times.append(motion.times[1:] + before_s)
        before_s += motion.duration_s
    first, *others = motions

    def rows(name: str) -> np.ndarray:
        return np.concatenate([getattr(first, name), *(getattr(m, name)[1:] for m in others)])

    return StepMotion(
        np.concatenate(times), rows("positions"), rows("velocities"), rows("accelerations")
    )
