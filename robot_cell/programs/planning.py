"""Plans a whole program of a cell, arm by arm: each moves while the others stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot_cell.model import Cell, MoveStep, Product, Step
from robot_cell.programs.arms import CellArms, Stands
from robot_cell.programs.cycle import (
    STEP_OVERHEAD_S,
    ProgramCycle,
    ProgramError,
    StepMotion,
    step_duration_s,
    step_motion,
)
from robot_cell.programs.geometry import Array
from robot_cell.programs.runs import HandsError, Run, runs_of

if TYPE_CHECKING:
    from planners.motion import Cycle


def plan_program(
    cell_name: str,
    cell: Cell,
    program: str,
    product_name: str,
    product: Product,
    *,
    planner: CellArms | None = None,
    slack_s: float = 0.0,
) -> ProgramCycle:
    """Plan, time and verify every move of a program.

    With `slack_s` it may take so much longer than the fastest plan, and takes less energy.

    Raises:
        ProgramError: a move cannot be made; the message says which step and what blocks it.
    """
    from planners.errors import PlannerError

    arms = planner or CellArms(cell)
    steps = cell.programs[program].steps
    reason = _ends_elsewhere(cell, steps)
    if reason:
        raise ProgramError(cell_name, program, product_name, reason)
    try:
        runs = program_runs(arms, cell, program, product_name, product)
        shares = [0.0] * len(runs)
        if slack_s and len(runs) > 1:  # each run gets as much of it as it takes of the time
            fast = [cycle.duration_s for _, cycle in _planned(arms, runs, shares)]
            shares = [slack_s * one / sum(fast) for one in fast]
        elif slack_s:
            shares = [slack_s]
        planned = _planned(arms, runs, shares)
    except HandsError as error:
        reason = f"step {error.index + 1}: {error}"
        raise ProgramError(cell_name, program, product_name, reason) from error
    except PlannerError as error:
        raise ProgramError(cell_name, program, product_name, str(error)) from error
    motions: dict[int, StepMotion] = {}
    moving_s: dict[int, float] = {}
    for run, cycle in planned:
        for motion in cycle.motions:
            motions[run.step_of_item[motion.item_index]] = step_motion(motion.trajectory)
        for item, index in run.step_of_item.items():
            if isinstance(steps[index], MoveStep):
                moving_s[index] = cycle.item_durations_s[item]
    durations = tuple(
        moving_s[i] + (STEP_OVERHEAD_S if i in motions else 0.0)
        if i in moving_s
        else STEP_OVERHEAD_S + step_duration_s(cell, step)
        for i, step in enumerate(steps)
    )
    return ProgramCycle(program, product_name, durations, motions)


def program_runs(
    arms: CellArms, cell: Cell, program: str, product_name: str, product: Product
) -> list[Run]:
    """A program as the motion planner wants it.

    Raises:
        HandsError: what is asked of the grippers cannot be.
    """
    steps = cell.programs[program].steps
    stands_s = [
        0.0 if isinstance(step, MoveStep) else step_duration_s(cell, step) for step in steps
    ]
    return runs_of(arms, steps, product_name, product, stands_s)


def _planned(arms: CellArms, runs: list[Run], slacks_s: list[float]) -> list[tuple[Run, Cycle]]:
    """Each run with its cycle; each begins where the runs before have left all arms."""
    from planners.motion import cycle_within

    q: dict[str, Array] = {name: arms.home(name) for name in arms.cell.arms}
    found: list[tuple[Run, Cycle]] = []
    for run, slack_s in zip(runs, slacks_s, strict=True):
        others = {
            name: Stands(q[name], run.others[name].shape if name in run.others else None)
            for name in arms.cell.arms
            if name != run.arm
        }
        cycle = cycle_within(
            arms.robot(run.arm),
            arms.scene(run.arm, others, run.takes_from),
            run.items,
            slack_s,
            q_start=q[run.arm],
            q_end_same_as_start=False,
        )
        if cycle.motions:
            q[run.arm] = cycle.motions[-1].trajectory.positions[-1]
        found.append((run, cycle))
    return found


def _ends_elsewhere(cell: Cell, steps: tuple[Step, ...]) -> str:
    """Why a program does not end with each arm at home; empty if it does."""
    last = {cell.mover(step): step for step in steps if isinstance(step, MoveStep)}
    for name in last or list(cell.arms)[:1]:
        home = cell.arms[name].home
        if name not in last or last[name].to != home:
            which = f"arm: {name}, " if len(cell.arms) > 1 else ""
            whose = f" of {name}" if len(cell.arms) > 1 else ""
            return f"a program ends at home{whose}; add the step {{{which}move: ptp, to: {home}}}"
    return ""
