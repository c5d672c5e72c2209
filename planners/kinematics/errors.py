"""What can be wrong with an arm's description, a pose or a scene; each error carries its data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from planners.arrays import Array
from planners.errors import PlannerError

UnreachableReason = Literal["out_of_reach", "joint_limits"]


class KinematicsError(PlannerError):
    """Root of the errors of this package."""


class ArmDescriptionError(KinematicsError):
    """The URDF cannot be used as a six-axis arm.

    Attributes:
        path: the file that was read.
        problem: what is wrong with it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[ArmDescriptionError], tuple[Path, str]]:
        """Errors of worker processes come back as what they were."""
        return type(self), (self.path, self.problem)


class UnreachablePoseError(KinematicsError):
    """No joint position puts the tool at the pose.

    Attributes:
        transform_base_tool: (4, 4) the pose that was asked for.
        reason: `out_of_reach`, or `joint_limits` when only joint limits forbid it.
        detail: which limits, or what else.
    """

    def __init__(self, transform_base_tool: Array, reason: UnreachableReason, detail: str) -> None:
        position = np.array2string(transform_base_tool[:3, 3], precision=4, suppress_small=True)
        super().__init__(f"tool position {position} m in the arm's base frame: {detail}")
        self.transform_base_tool = transform_base_tool
        self.reason: UnreachableReason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[UnreachablePoseError], tuple[Array, UnreachableReason, str]]:
        """Errors of worker processes come back as what they were."""
        return type(self), (self.transform_base_tool, self.reason, self.detail)
