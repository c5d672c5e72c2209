"""The energy of a program: of its motions, of standing, of what is carried, and of time."""

from __future__ import annotations

from pathlib import Path

import pytest

from planners.kinematics.energy import motion_energy
from planners.motion.slack import holding_w
from robot_cell.model import MoveStep, Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.programs import CycleLibrary, ProgramCycle, ProgramKey
from robot_cell.programs.arms import robot_and_scene
from robot_cell.programs.energy import energies_of, program_energy
from robot_cell.programs.geometry import joints_rad

ROOT = Path(__file__).parents[2]
KEY = ProgramKey("cell_b", "pack_s", "housing_s")


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(ROOT / "examples" / "housing_plant.yaml")


@pytest.fixture(scope="module")
def cycle(plant: Plant) -> ProgramCycle:
    library = CycleLibrary(plant)
    return library.find(KEY) or library.plan_here(KEY)


def test_an_empty_hand_takes_what_its_motions_and_its_standing_take(
    plant: Plant, cycle: ProgramCycle
) -> None:
    cell = plant.cells[KEY.cell]
    robot, _ = robot_and_scene(cell)
    moving_j = 0.0
    for motion in cycle.motions.values():
        # Coarser than the plan's own points: the integral must not depend on them.
        keep = sorted({*range(0, len(motion.times), 2), len(motion.times) - 1})
        states = (motion.positions, motion.velocities, motion.accelerations)
        spent = motion_energy(robot, motion.times[keep], *(one[keep] for one in states))
        moving_j += spent.total_j - spent.base_j
    at, standing_j = joints_rad(cell.poses[cell.arm.home]), 0.0  # type: ignore[arg-type]
    for index, step in enumerate(cell.programs[KEY.program].steps):
        if index in cycle.motions:
            at = cycle.motions[index].positions[-1]
        elif not isinstance(step, MoveStep):
            standing_j += holding_w(robot, at) * cycle.step_durations_s[index]
    assert standing_j > 0.0
    found = program_energy(cell, cycle, 1e-9, (0.01, 0.01, 0.01))
    assert found.above_base_j == pytest.approx(moving_j + standing_j, rel=0.02)


def test_a_heavier_part_takes_more_and_time_costs_the_base_power(
    plant: Plant, cycle: ProgramCycle
) -> None:
    cell = plant.cells[KEY.cell]
    light, heavy = (
        program_energy(cell, cycle, mass_kg, (0.08, 0.06, 0.04)) for mass_kg in (0.5, 4.0)
    )
    assert heavy.above_base_j > light.above_base_j > 0.0
    assert light.of(20.0) - light.of(10.0) == pytest.approx(10.0 * light.base_w)
    assert light.base_w == 80.0  # urdf/ur10e.urdf.xacro
    assert light.estimated


def test_only_what_is_planned_is_known(plant: Plant, cycle: ProgramCycle) -> None:
    del cycle
    gone = [
        ProgramKey("cell_a", "no_such_program", "housing_s"),
        ProgramKey("cell_x", "pack_s", "housing_s"),
        ProgramKey("cell_b", "pack_s", "no_such_product"),
    ]
    assert set(energies_of(plant, [*gone, KEY])) == {KEY}
