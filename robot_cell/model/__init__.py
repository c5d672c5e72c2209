"""The vocabulary of a plant, validated once at the door and trusted inside."""

from robot_cell.model.calendar import Calendar, Maintenance, Shift, unavailable
from robot_cell.model.geometry import Box, CartesianPose, Frame, JointPose, Pose
from robot_cell.model.interlock import Interlock
from robot_cell.model.job_order import JobOrder, operation_id
from robot_cell.model.planned import PlannedOperation
from robot_cell.model.plant import (
    Arm,
    Bus,
    Cell,
    Fixture,
    PartShape,
    Plant,
    Product,
    RecipeOperation,
    Tool,
)
from robot_cell.model.plant_file import PlantFileError, PlantFileProblem, load_plant
from robot_cell.model.program import FixtureStep, InspectStep, MoveStep, Program, Step, WaitStep

__all__ = [
    "Arm",
    "Box",
    "Bus",
    "Calendar",
    "CartesianPose",
    "Cell",
    "Fixture",
    "FixtureStep",
    "Frame",
    "InspectStep",
    "Interlock",
    "JobOrder",
    "JointPose",
    "Maintenance",
    "MoveStep",
    "PartShape",
    "PlannedOperation",
    "Plant",
    "PlantFileError",
    "PlantFileProblem",
    "Pose",
    "Product",
    "Program",
    "RecipeOperation",
    "Shift",
    "Step",
    "Tool",
    "WaitStep",
    "load_plant",
    "operation_id",
    "unavailable",
]
