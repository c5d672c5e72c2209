"""Programs of the plant file, turned into planned and verified motion."""

from robot_cell.programs.arms import tool_points
from robot_cell.programs.cycle import ProgramCycle, ProgramError, StepMotion
from robot_cell.programs.homing import away_from_home, plan_home
from robot_cell.programs.library import CycleLibrary, ProgramKey
from robot_cell.programs.planning import plan_program
from robot_cell.programs.rest import plan_rest
from robot_cell.programs.task_map import TaskMap, map_tasks

__all__ = [
    "CycleLibrary",
    "ProgramCycle",
    "ProgramError",
    "ProgramKey",
    "StepMotion",
    "TaskMap",
    "away_from_home",
    "map_tasks",
    "plan_home",
    "plan_program",
    "plan_rest",
    "tool_points",
]
