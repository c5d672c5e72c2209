"""From a batch file to a verified plan, and what has become of an order."""

from robot_cell.model import PlannedOperation
from robot_cell.orders.intake import Batch, read_batch
from robot_cell.orders.planning import (
    Duration,
    Keys,
    Plan,
    PlanningError,
    PlanRejected,
    plan_orders,
    planning_problem,
    to_rows,
)
from robot_cell.orders.problems import BatchError, InputProblem
from robot_cell.orders.status import JobStatus, JobView, job_view, job_views

__all__ = [
    "Batch",
    "BatchError",
    "Duration",
    "InputProblem",
    "JobStatus",
    "JobView",
    "Keys",
    "Plan",
    "PlanRejected",
    "PlannedOperation",
    "PlanningError",
    "job_view",
    "job_views",
    "plan_orders",
    "planning_problem",
    "read_batch",
    "to_rows",
]
