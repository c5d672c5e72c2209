"""What every arm driver offers, and how drivers are found."""

from drivers.arms.base import (
    ArmDriver,
    ArmError,
    ArmFault,
    ArmNotConnected,
    ArmState,
    ArmTimeout,
    SetpointsRefused,
    load_arm_driver,
)

__all__ = [
    "ArmDriver",
    "ArmError",
    "ArmFault",
    "ArmNotConnected",
    "ArmState",
    "ArmTimeout",
    "SetpointsRefused",
    "load_arm_driver",
]
