"""Why a program cannot be planned: which item, what is in the way, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from planners.arrays import Array
from planners.errors import PlannerError

Reason = Literal[
    "out_of_reach", "joint_limits", "collision", "singularity", "no_path", "verification"
]


class MotionError(PlannerError):
    """One motion cannot be made.

    Attributes:
        reason: the kind of obstacle.
        bodies: the two bodies that would collide, if that is the reason.
        q: joint position at which it happens, if there is one.
        transform_base_tool: the pose that cannot be reached, if there is one.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        bodies: tuple[str, str] | None = None,
        q: Array | None = None,
        transform_base_tool: Array | None = None,
    ) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.bodies = bodies
        self.q = q
        self.transform_base_tool = transform_base_tool

    def __reduce__(self) -> tuple[Callable[..., MotionError], tuple[Any, ...]]:
        """Errors of worker processes come back as what they were."""
        given = (self.reason, str(self), self.bodies, self.q, self.transform_base_tool)
        return _motion_error, given


def _motion_error(
    reason: Reason,
    message: str,
    bodies: tuple[str, str] | None,
    q: Array | None,
    transform_base_tool: Array | None,
) -> MotionError:
    return MotionError(reason, message, bodies=bodies, q=q, transform_base_tool=transform_base_tool)


class PlanningError(MotionError):
    """A cycle cannot be planned.

    Attributes:
        item_index: index of the item that cannot be planned (the number of items if it is the way
            back to the start).
        label: that item's label.
        cause: the motion's own error.
    """

    def __init__(self, item_index: int, label: str, cause: MotionError) -> None:
        super().__init__(
            cause.reason,
            f"item {item_index} ({label}): {cause}",
            bodies=cause.bodies,
            q=cause.q,
            transform_base_tool=cause.transform_base_tool,
        )
        self.item_index = item_index
        self.label = label
        self.cause = cause

    def __reduce__(self) -> tuple[Callable[..., MotionError], tuple[Any, ...]]:
        """Errors of worker processes come back as what they were."""
        return PlanningError, (self.item_index, self.label, self.cause)
