"""Programs of the plant file, turned into planned and verified motion."""

from robot_cell.programs.cycle import ProgramCycle, load_cycle, plan_program, save_cycle
from robot_cell.programs.library import CycleLibrary, ProgramKey

__all__ = [
    "CycleLibrary",
    "ProgramCycle",
    "ProgramKey",
    "load_cycle",
    "plan_program",
    "save_cycle",
]
