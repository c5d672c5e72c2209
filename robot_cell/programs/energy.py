"""What a program takes of electrical energy, by the model of its arm: no arm here has a meter.

Every figure made with this is a model's and says so: `planners.kinematics.energy` names its sources
and which of its parameters are estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robot_cell.model import Cell, FixtureStep, MoveStep, Plant
from robot_cell.programs.arms import CellArms
from robot_cell.programs.cycle import ProgramCycle
from robot_cell.programs.library import CycleLibrary, ProgramKey

if TYPE_CHECKING:
    from planners.kinematics.payload import Payload


@dataclass(frozen=True)
class ProgramEnergy:
    """Energy of a program.

    Attributes:
        above_base_j: of its motions, and of standing between them, beyond the base power, J.
        base_w: what the controller draws as long as it lasts, W.
        estimated: whether some parameter of the arm is an estimate.
    """

    above_base_j: float
    base_w: float
    estimated: bool

    def of(self, duration_s: float, times: int = 1) -> float:
        """Energy of an operation that ran the program and took so long, or of several, J."""
        return times * self.above_base_j + self.base_w * duration_s


def program_energy(
    cell: Cell, cycle: ProgramCycle, product_mass_kg: float, product_size_m: tuple[float, ...]
) -> ProgramEnergy:
    """Energy of a planned program; what a tool carries is a box of that mass and size (3,).

    An arm that stands while another one moves holds itself and what it carries up.
    """
    from planners.kinematics import PartShape
    from planners.kinematics.energy import BASE_POWER_W
    from planners.kinematics.payload import carried

    x, y, z = product_size_m
    part = carried(PartShape((x, y, z), mass_kg=product_mass_kg))
    arms = CellArms(cell)
    total = ProgramEnergy(0.0, 0.0, False)
    for name in cell.arms:
        above_j, estimated = _above_base(arms, name, cycle, part)
        given = arms.robot(name).description.base_power_w
        total = ProgramEnergy(
            total.above_base_j + above_j,
            total.base_w + (BASE_POWER_W if given is None else given),
            total.estimated or estimated,
        )
    return total


def _above_base(
    arms: CellArms, name: str, cycle: ProgramCycle, part: Payload | None
) -> tuple[float, bool]:
    """Energy of one arm in a program beyond its base power, J; whether it is an estimate."""
    import numpy as np

    from planners.kinematics.energy import motion_energy

    cell, robot = arms.cell, arms.robot(name)
    at, load = arms.home(name), None
    above_j, estimated = 0.0, False
    for index, step in enumerate(cell.programs[cycle.program].steps):
        motion = cycle.motions.get(index)
        mine = isinstance(step, MoveStep) and cell.mover(step) == name
        if motion is not None and mine:
            spent = motion_energy(
                robot, motion.times, motion.positions, motion.velocities, motion.accelerations,
                payload=load,
            )  # fmt: skip
            at = motion.positions[-1]
        elif mine:
            continue  # it is part of the motion before
        else:
            stands_s, still = cycle.step_durations_s[index], np.zeros((2, robot.dof))
            if stands_s <= 0.0:
                continue
            spent = motion_energy(
                robot, np.array([0.0, stands_s]), np.stack([at, at]), still, still, payload=load
            )
            found = cell.gripping(step)
            if isinstance(step, FixtureStep) and step.fixture == cell.arms[name].tool.gripper:
                load = part if found == (name, "close") else None
        above_j += spent.total_j - spent.base_j
        estimated |= spent.estimated
    return above_j, estimated


def energies_of(
    plant: Plant, keys: Iterable[ProgramKey], cache_dir: Path | None = None
) -> Mapping[ProgramKey, ProgramEnergy]:
    """The energy of those programs that are planned; nothing is planned for it.

    What the plant file no longer has is left out as well. `cache_dir` is where plans are kept.
    """
    library = CycleLibrary(plant, cache_dir)
    found: dict[ProgramKey, ProgramEnergy] = {}
    for key in keys:
        cell = plant.cells.get(key.cell)
        if cell is None or key.program not in cell.programs or key.product not in plant.products:
            continue
        cycle = library.find(key)
        if cycle is not None:
            part = plant.products[key.product].part
            found[key] = program_energy(cell, cycle, part.mass_kg, part.size_m)
    return found
