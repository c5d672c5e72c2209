"""Moves of a cell's arms by hand in manual mode: one moves, the others stand."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Cell, JointPose, Plant
from robot_cell.programs.arm_jog import ArmJog, JogPlan
from robot_cell.programs.arms import CellArms, Stands
from robot_cell.programs.jog_wish import JogRefusedError, JogWish
from robot_cell.programs.runs import CONTACT_ALLOWANCE_M

if TYPE_CHECKING:
    from planners.kinematics import PartShape

Array = NDArray[np.float64]
Part: TypeAlias = tuple[tuple[float, float, float], float]
"""Edges (m) and mass (kg) of what a gripper may hold."""


def largest_part(plant: Plant) -> Part:
    """A box (m) that encloses every product, and the largest mass (kg): what a gripper may hold."""
    sizes = np.array([product.part.size_m for product in plant.products.values()])
    x, y, z = (float(edge) - 2 * CONTACT_ALLOWANCE_M for edge in sizes.max(axis=0))
    return (x, y, z), max(product.part.mass_kg for product in plant.products.values())


class JogPlanner:
    """Plans the moves of a cell's arms; it loads the planners, so it lives in a process of its own.

    One arm moves, the others stand: they and what they hold are obstacles.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell, self._arms = cell, CellArms(cell)
        self._alone: dict[str, ArmJog] = {}

    def plan(
        self,
        wish: JogWish,
        measured_rad: Mapping[str, Sequence[float] | Array],
        parts: Mapping[str, Part],
    ) -> JogPlan:
        """The move from where every arm of the cell was measured to stand.

        Args:
            wish: which arm, which way, how far.
            measured_rad: joint positions (n,) in rad by arm.
            parts: size and mass of what each arm may hold, of those that may.

        Raises:
            JogRefusedError: it cannot be made.
        """
        from planners.kinematics import PartShape

        held = {name: PartShape(size_m, mass_kg=kg) for name, (size_m, kg) in parts.items()}
        at = {name: np.asarray(q, dtype=float) for name, q in measured_rad.items()}
        self._check_grips(wish, at, held)
        others = {n: Stands(q, held.get(n)) for n, q in at.items() if n != wish.arm}
        planner = self._surrounded(wish.arm, others)
        return planner.plan(wish, at[wish.arm], held.get(wish.arm))

    def warm_up(self) -> None:
        """Load what a plan loads when it is first made."""
        poses = {name: self._cell.poses[arm.home] for name, arm in self._cell.arms.items()}
        home = {n: np.radians(p.joints_deg) for n, p in poses.items() if isinstance(p, JointPose)}
        for name in self._cell.arms:
            for axis in (self._arms.robot(name).joint_names[0], "z"):
                with contextlib.suppress(JogRefusedError):
                    self.plan(JogWish(axis, 1e-3, held=False, arm=name), home, {})

    def _surrounded(self, arm: str, others: Mapping[str, Stands]) -> ArmJog:
        known = self._alone.get(arm)
        if known is None:
            scene = self._arms.scene(arm, others)
            known = ArmJog(self._cell.arms[arm], self._arms.robot(arm), scene)
        if not others:
            self._alone[arm] = known
        return known

    def _check_grips(
        self, wish: JogWish, at: Mapping[str, Array], held: Mapping[str, PartShape]
    ) -> None:
        """See that no other gripper has hold of what the arm holds.

        Raises:
            JogRefusedError: one may have.
        """
        mine = held.get(wish.arm)
        if mine is None:
            return
        tcp = self._arms.tcp(wish.arm, at[wish.arm])[:3, 3]
        for other in held.keys() - {wish.arm}:
            apart_m = float(np.linalg.norm(self._arms.tcp(other, at[other])[:3, 3] - tcp))
            if apart_m < max(mine.size_m):
                raise JogRefusedError(
                    f"{wish}: the grippers of {wish.arm} and {other} may hold the same part, and a "
                    "move would tear it; have one of them let go first"
                )
