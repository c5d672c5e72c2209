"""What is left of a motion that was broken off: planned anew from where the arm stands."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from robot_cell.model import Cell, MoveStep, Product
from robot_cell.model.step_text import describe
from robot_cell.programs.cycle import (
    CONTACT_ALLOWANCE_M,
    ProgramCycle,
    ProgramError,
    StepMotion,
    planned_move,
    robot_and_scene,
    step_motion,
)

if TYPE_CHECKING:
    from planners.motion import Attach, Dwell, Move


def plan_rest(
    cell_name: str,
    cell: Cell,
    product: Product,
    cycle: ProgramCycle,
    index: int,
    measured_rad: tuple[float, ...],
    *,
    holding: bool,
) -> StepMotion:
    """Plan from measured joint positions (n,) to the end of the motion that step `index` begins.

    Straight moves stay straight, and corners are exact. In a process of its own, as it loads the
    planners.

    Raises:
        ProgramError: there is no free way; the message says what blocks it.
    """
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        rest = pool.submit(
            _plan_rest, cell_name, cell, product, cycle, index, measured_rad, holding
        )
        return rest.result()


def _plan_rest(
    cell_name: str,
    cell: Cell,
    product: Product,
    cycle: ProgramCycle,
    index: int,
    measured_rad: tuple[float, ...],
    holding: bool,
) -> StepMotion:
    from planners.errors import PlannerError
    from planners.motion import Attach, Blend, JointTarget, PartShape, PoseTarget, plan_cycle

    robot, scene = robot_and_scene(cell)
    steps = cell.programs[cycle.program].steps
    items: list[Move | Dwell | Attach] = []
    if holding:
        x, y, z = (edge - 2 * CONTACT_ALLOWANCE_M for edge in product.part.size_m)
        items.append(Attach(PartShape((x, y, z), mass_kg=product.part.mass_kg)))
    motion = cycle.motions[index]
    left = remaining_moves(cell, cycle, index, measured_rad)
    for at in left:
        step = steps[at]
        assert isinstance(step, MoveStep)
        label = f"rest of step {at + 1} ({describe(step, cycle.product)})"
        move = replace(planned_move(cell, step, label), blend=Blend(radius_m=0.0))
        if at == left[0] and move.via is not None and len(left) == 1:
            # What is left of an arc passes the middle of what is left of its path.
            row = (_nearest(motion, measured_rad) + len(motion.times) - 1) // 2
            move = replace(move, via=PoseTarget(robot.forward(motion.positions[row])))
        if at == left[-1]:  # in the same configuration, or the next motion does not fit
            move = replace(move, target=JointTarget(motion.positions[-1]))
        items.append(move)
    try:
        planned = plan_cycle(
            robot, scene, items, q_start=np.asarray(measured_rad), q_end_same_as_start=False
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
    steps, motion = cell.programs[cycle.program].steps, cycle.motions[index]
    blended = [index]
    for after in range(index + 1, len(steps)):
        if not isinstance(steps[after], MoveStep) or after in cycle.motions:
            break
        blended.append(after)
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
