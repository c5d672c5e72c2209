"""The typed clients of a running plant: over ROS services, and over REST."""

from robot_cell.client.connection import PlantNotReachable
from robot_cell.client.motion_feed import BodiesView, DevicesView, JointsView, MotionFeed
from robot_cell.client.operating import DeviceView
from robot_cell.client.plant_client import PlantClient, orders_json
from robot_cell.client.rest_connection import PlantRefusesError
from robot_cell.client.rest_plant import RestPlant
from robot_cell.client.views import (
    ArgumentView,
    CellStateView,
    CommandResult,
    CommandsView,
    DeviceCommandView,
    FaultResult,
    InputErrorView,
    JobView,
    JogResult,
    OperateResult,
    OperationView,
    ScheduleView,
    SubmitResult,
)

__all__ = [
    "ArgumentView",
    "BodiesView",
    "CellStateView",
    "CommandResult",
    "CommandsView",
    "DeviceCommandView",
    "DeviceView",
    "DevicesView",
    "FaultResult",
    "InputErrorView",
    "JobView",
    "JogResult",
    "JointsView",
    "MotionFeed",
    "OperateResult",
    "OperationView",
    "PlantClient",
    "PlantNotReachable",
    "PlantRefusesError",
    "RestPlant",
    "ScheduleView",
    "SubmitResult",
    "orders_json",
]
