"""The vocabulary of a plant, validated once at the door and trusted inside."""

from robot_cell.model.geometry import Box, CartesianPose, Frame, JointPose, Pose
from robot_cell.model.job_order import JobOrder, operation_id
from robot_cell.model.plant import (
    Arm,
    Bus,
    Calendar,
    Cell,
    Fixture,
    PartShape,
    Plant,
    Product,
    RecipeOperation,
    Tool,
    unavailable,
)
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
    "JobOrder",
    "JointPose",
    "MoveStep",
    "PartShape",
    "Plant",
    "Pose",
    "Product",
    "Program",
    "RecipeOperation",
    "Step",
    "Tool",
    "WaitStep",
    "operation_id",
    "unavailable",
]
