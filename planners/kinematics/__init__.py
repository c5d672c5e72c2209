"""Six-axis arms: description, forward and inverse kinematics, collision."""

from planners.kinematics.arm_description import expand_xacro
from planners.kinematics.collision import Clearance, CollisionScene, PathCollision
from planners.kinematics.dynamics import joint_torques
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
    "Clearance",
    "CollisionScene",
    "Cylinder",
    "KinematicsError",
    "PartShape",
    "PathCollision",
    "Robot",
    "Sphere",
    "UnreachablePoseError",
    "expand_xacro",
    "joint_torques",
]
