"""The typed client of a running plant's ROS services, for the command line and the gateway."""

from robot_cell.client.plant_client import PlantClient, PlantNotReachable
from robot_cell.client.views import (
    CellStateView,
    CommandResult,
    FaultResult,
    InputErrorView,
    JobView,
    OperationView,
    ScheduleView,
    SubmitResult,
)

__all__ = [
    "CellStateView",
    "CommandResult",
    "FaultResult",
    "InputErrorView",
    "JobView",
    "OperationView",
    "PlantClient",
    "PlantNotReachable",
    "ScheduleView",
    "SubmitResult",
]
