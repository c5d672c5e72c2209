"""Programs of the plant file, turned into planned and verified motion."""

from robot_cell.programs.cycle import (
    ProgramCycle,
    ProgramError,
    StepMotion,
    plan_home,
    plan_program,
)
from robot_cell.programs.library import CycleLibrary, ProgramKey

__all__ = [
    "CycleLibrary",
    "ProgramCycle",
    "ProgramError",
    "ProgramKey",
    "StepMotion",
    "plan_home",
    "plan_program",
]
