"""What inverse kinematics answers: every branch of every pose, and how good each is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array

if TYPE_CHECKING:
    from planners.kinematics.robot import Robot

BRANCH_LABELS: Final = tuple(
    f"{shoulder}, elbow {elbow}, wrist {wrist}"
    for shoulder in ("front", "back")
    for elbow in ("up", "down")
    for wrist in ("positive", "negative")
)
"""Closed forms: wrist centre on the side of axis 1 where it is at zero, or behind; elbow above or
below the line from shoulder to wrist (up is z of the base); sign of the sine of joint 5, counted
from its singular position. The same label is the same branch everywhere."""

LIMIT_SLACK_RAD: Final = 1e-9


@dataclass(frozen=True, eq=False)
class InverseSolutions:
    """Solutions of n poses.

    Attributes:
        q: (n, 8, dof) rad, each joint at its turn nearest to where it was asked for, within its
            limits if a turn is; NaN where a branch has no solution.
        valid: (n, 8) whether the branch reaches the pose, joint limits ignored.
        limit_distance_rad: (n, 8) distance to the nearest joint limit; negative outside, -inf where
            there is no solution.
        labels: (8,) what each branch is; the numeric engine numbers its solutions.
    """

    q: Array
    valid: NDArray[np.bool_]
    limit_distance_rad: Array
    labels: tuple[str, ...]
    robot: Robot = field(repr=False)

    @property
    def within_limits(self) -> NDArray[np.bool_]:
        """(n, 8) whether the branch reaches the pose within the joint limits (slack 1e-9 rad)."""
        return np.asarray(self.limit_distance_rad >= -LIMIT_SLACK_RAD)

    @cached_property
    def smallest_singular_value(self) -> Array:
        """(n, 8) of the Jacobian with lengths divided by the arm's reach; 0 is singular.

        NaN where there is no solution. Computed at the first use.
        """
        values = np.full(self.valid.shape, np.nan)
        if self.valid.any():
            values[self.valid] = self.robot.smallest_singular_value(self.q[self.valid])
        return values

    def __len__(self) -> int:
        return len(self.q)
