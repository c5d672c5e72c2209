"""Motions of an arm: programs in, verified trajectories out."""

from planners.kinematics.shapes import PartShape
from planners.motion.cycle import Cycle, PlannedMotion, plan_cycle
from planners.motion.errors import MotionError, PlanningError
from planners.motion.items import Attach, Blend, Detach, Dwell, Item, JointTarget, Move, PoseTarget
from planners.motion.slow_spots import SlowSpot
from planners.motion.trajectory import Trajectory, TrajectoryPoint
from planners.motion.verify import TrajectoryViolation, verify_trajectory
from planners.motion.warm import warm_up

__all__ = [
    "Attach",
    "Blend",
    "Cycle",
    "Detach",
    "Dwell",
    "Item",
    "JointTarget",
    "MotionError",
    "Move",
    "PartShape",
    "PlannedMotion",
    "PlanningError",
    "PoseTarget",
    "SlowSpot",
    "Trajectory",
    "TrajectoryPoint",
    "TrajectoryViolation",
    "plan_cycle",
    "verify_trajectory",
    "warm_up",
]
