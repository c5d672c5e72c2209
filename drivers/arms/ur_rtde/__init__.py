"""Universal Robots, by RTDE (Real-Time Data Exchange) and a program of ours on the controller."""

from drivers.arms.ur_rtde.arm import UrRtdeArm

__all__ = ["UrRtdeArm"]
