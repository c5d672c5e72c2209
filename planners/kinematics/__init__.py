"""Six-axis arms: description, forward and inverse kinematics, collision."""

from planners.kinematics.arm_description import expand_xacro
from planners.kinematics.errors import (
    ArmDescriptionError,
    KinematicsError,
    UnreachablePoseError,
)
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import Body, Box, Cylinder, PartShape, Sphere

__all__ = [
    "ArmDescriptionError",
    "Body",
    "Box",
    "Cylinder",
    "KinematicsError",
    "PartShape",
    "Robot",
    "Sphere",
    "UnreachablePoseError",
    "expand_xacro",
]
