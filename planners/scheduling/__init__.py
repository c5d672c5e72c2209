"""Scheduling: the problem, the plan, the engines that make one and the verifier that checks it.

Importing this package imports neither OR-Tools nor NumPy nor numba: engines load when used.
"""

from planners.scheduling.cold_start import get_ready
from planners.scheduling.dispatch import best_of
from planners.scheduling.errors import (
    Conflict,
    InfeasibleProblem,
    InstanceError,
    NoPlanFoundError,
    ProblemError,
)
from planners.scheduling.instances import read_fjsp, read_jsp, read_sdst
from planners.scheduling.problem import (
    FOREVER_MS,
    Alternative,
    Assignment,
    Buffer,
    Cell,
    Job,
    Operation,
    Operator,
    OptionalWork,
    Resource,
    SchedulingProblem,
    Skill,
    Tariff,
)
from planners.scheduling.schedule import Objective, ObjectiveWeights, Schedule
from planners.scheduling.solve import Progress, solve
from planners.scheduling.verify import Violation, verify
from planners.scheduling.warming import warm_up

__all__ = [
    "FOREVER_MS",
    "Alternative",
    "Assignment",
    "Buffer",
    "Cell",
    "Conflict",
    "InfeasibleProblem",
    "InstanceError",
    "Job",
    "NoPlanFoundError",
    "Objective",
    "ObjectiveWeights",
    "Operation",
    "Operator",
    "OptionalWork",
    "ProblemError",
    "Progress",
    "Resource",
    "Schedule",
    "SchedulingProblem",
    "Skill",
    "Tariff",
    "Violation",
    "best_of",
    "get_ready",
    "read_fjsp",
    "read_jsp",
    "read_sdst",
    "solve",
    "verify",
    "warm_up",
]
