"""What every arm driver offers, and how drivers are found."""

from drivers.arms.base import (
    Arm,
    ArmDriver,
    ArmError,
    ArmFault,
    ArmNotConnected,
    ArmState,
    ArmTimeout,
    Ended,
    Looks,
    SetpointsRefused,
    Trajectory,
    TrajectoryDriver,
    load_arm_driver,
)

__all__ = [
    "Arm",
    "ArmDriver",
    "ArmError",
    "ArmFault",
    "ArmNotConnected",
    "ArmState",
    "ArmTimeout",
    "Ended",
    "Looks",
    "SetpointsRefused",
    "Trajectory",
    "TrajectoryDriver",
    "load_arm_driver",
]
