"""The typed client of a running plant's ROS services, for the command line and the gateway."""

from robot_cell.client.motion_feed import BodiesView, DevicesView, JointsView, MotionFeed
from robot_cell.client.plant_client import PlantClient, PlantNotReachable, orders_json
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
    "BodiesView",
    "CellStateView",
    "CommandResult",
    "DevicesView",
    "FaultResult",
    "InputErrorView",
    "JobView",
    "JointsView",
    "MotionFeed",
    "OperationView",
    "PlantClient",
    "PlantNotReachable",
    "ScheduleView",
    "SubmitResult",
    "orders_json",
]
