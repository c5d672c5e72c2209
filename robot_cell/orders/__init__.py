"""From a batch file to a published schedule: intake, planning, and what has become of an order."""

from robot_cell.orders.intake import Batch, read_batch
from robot_cell.orders.problems import BatchError, InputProblem

__all__ = ["Batch", "BatchError", "InputProblem", "read_batch"]
