"""The way home from wherever the arms of a cell stand."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np

from robot_cell.model import Cell
from robot_cell.programs.arms import CellArms, Stands
from robot_cell.programs.cycle import ProgramError, StepMotion, step_motion
from robot_cell.programs.geometry import Array

if TYPE_CHECKING:
    from planners.kinematics import PartShape

HOMING_SPEED: Final = 0.25
"""Share of the arm's limits with which it goes home after a stop."""

AT_HOME_RAD: Final = 0.02
"""An arm this near to its home, in every joint, stays where it is."""

Ways = list[tuple[str, StepMotion]]


def plan_home(
    cell_name: str,
    cell: Cell,
    measured: Mapping[str, tuple[float, ...]],
    held: Mapping[str, tuple[float, float, float]] | None = None,
) -> Ways:
    """The ways home of the arms that are elsewhere, one after the other.

    Planned from the measured joint positions (n,) in rad of every arm, in a process of its own.
    Where one arm is in the way of another, another order is tried. `held` says of an arm with a
    part in its gripper how large (m) that may be.

    Raises:
        ProgramError: there is no free way; the message says what blocks it.
    """
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_plan_home, cell_name, cell, dict(measured), dict(held or {})).result()


def away_from_home(cell: Cell, measured: Mapping[str, tuple[float, ...]]) -> list[str]:
    """The arms that do not stand at home."""
    arms = CellArms(cell)
    return [
        name
        for name, q in measured.items()
        if np.max(np.abs(np.asarray(q) - arms.home(name))) > AT_HOME_RAD
    ]


def _plan_home(
    cell_name: str,
    cell: Cell,
    measured: Mapping[str, tuple[float, ...]],
    held: Mapping[str, tuple[float, float, float]],
) -> Ways:
    from planners.errors import PlannerError
    from planners.motion import PartShape

    arms = CellArms(cell)
    parts = {name: PartShape(size_m) for name, size_m in held.items()}
    failures: list[str] = []
    for order in itertools.permutations(away_from_home(cell, measured)):
        q = {name: np.asarray(at, dtype=float) for name, at in measured.items()}
        ways: Ways = []
        try:
            for name in order:
                ways.append((name, _way(arms, name, q, parts)))
                q[name] = arms.home(name)
        except PlannerError as error:
            first = f"{' first, then '.join(order)}: " if len(order) > 1 else ""
            failures.append(f"{first}{error}")
            continue
        return ways
    raise ProgramError(cell_name, "(homing)", "(none)", "; ".join(failures))


def _way(
    arms: CellArms, name: str, q: Mapping[str, Array], parts: Mapping[str, PartShape]
) -> StepMotion:
    from planners.motion import Attach, JointTarget, Move, plan_cycle

    label = "home" if len(arms.cell.arms) == 1 else f"{name} home"
    move = Move("ptp", JointTarget(arms.home(name)), speed=HOMING_SPEED, label=label)
    others = {other: Stands(at, parts.get(other)) for other, at in q.items() if other != name}
    carries = [Attach(parts[name])] if name in parts else []
    cycle = plan_cycle(
        arms.robot(name),
        arms.scene(name, others),
        [*carries, move],
        q_start=q[name],
        q_end_same_as_start=False,
    )
    return step_motion(cycle.motions[0].trajectory)
