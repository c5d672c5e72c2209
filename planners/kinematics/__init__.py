"""Arms: description, forward and inverse kinematics, collision, torques, energy."""

from planners.kinematics.allowed import AllowedCollisions
from planners.kinematics.arm_description import ArmDescription, Drive, expand_xacro, read_arm
from planners.kinematics.collision import Clearance, CollisionScene, PathCollision
from planners.kinematics.dynamics import TorqueLoad, joint_torques, torque_load
from planners.kinematics.energy import Energy, motion_energy
from planners.kinematics.errors import (
    ArmDescriptionError,
    KinematicsError,
    UnreachablePoseError,
)
from planners.kinematics.payload import Payload, Tool
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import (
    Body,
    Box,
    Cylinder,
    Hull,
    Mesh,
    MeshFile,
    PartShape,
    Sphere,
)
from planners.kinematics.solutions import InverseSolutions
from planners.kinematics.warm import warm_up

__all__ = [
    "AllowedCollisions",
    "ArmDescription",
    "ArmDescriptionError",
    "Body",
    "Box",
    "Clearance",
    "CollisionScene",
    "Cylinder",
    "Drive",
    "Energy",
    "Hull",
    "InverseSolutions",
    "KinematicsError",
    "Mesh",
    "MeshFile",
    "PartShape",
    "PathCollision",
    "Payload",
    "Robot",
    "Sphere",
    "Tool",
    "TorqueLoad",
    "UnreachablePoseError",
    "expand_xacro",
    "joint_torques",
    "motion_energy",
    "read_arm",
    "torque_load",
    "warm_up",
]
