"""Motions of an arm: programs in, verified trajectories out."""

from planners.kinematics.shapes import PartShape
from planners.motion.cycle import Cycle, PlannedMotion, plan_cycle
from planners.motion.errors import MotionError, PlanningError
from planners.motion.governor import Forecast, Governor, SpliceError
from planners.motion.items import Attach, Blend, Detach, Dwell, Item, JointTarget, Move, PoseTarget
from planners.motion.shared_space import SharedSpace, SharedSpaceError, Timetable
from planners.motion.slack import energy_j, with_slack
from planners.motion.slow_spots import SlowSpot
from planners.motion.speed_requests import SpeedRequests
from planners.motion.stretch import verified
from planners.motion.swept import Visit, visits
from planners.motion.track import JointLimits, Track, joined
from planners.motion.trajectory import Trajectory, TrajectoryPoint
from planners.motion.verify import TrajectoryViolation, verify_trajectory
from planners.motion.warm import warm_up
from planners.motion.within import cycle_within

__all__ = [
    "Attach",
    "Blend",
    "Cycle",
    "Detach",
    "Dwell",
    "Forecast",
    "Governor",
    "Item",
    "JointLimits",
    "JointTarget",
    "MotionError",
    "Move",
    "PartShape",
    "PlannedMotion",
    "PlanningError",
    "PoseTarget",
    "SharedSpace",
    "SharedSpaceError",
    "SlowSpot",
    "SpeedRequests",
    "SpliceError",
    "Timetable",
    "Track",
    "Trajectory",
    "TrajectoryPoint",
    "TrajectoryViolation",
    "Visit",
    "cycle_within",
    "energy_j",
    "joined",
    "plan_cycle",
    "verified",
    "verify_trajectory",
    "visits",
    "warm_up",
    "with_slack",
]
