"""What a cell's engine asks of Gazebo, whatever carries it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """How things stand after a step.

    Attributes:
        joints: positions and velocities (2, n) of each model that has joints, in rad and rad/s,
            counted from the pose in which the model is drawn.
        parts: position and quaternion (w, x, y, z) of each part, (7,).
    """

    joints: dict[str, Vector]
    parts: dict[str, Vector]


class Link(Protocol):
    """One world that stands still unless it is asked to step. Used by one thread."""

    def reset(self) -> None:
        """As the world was loaded; its time begins at zero again.

        Raises:
            SimulationError: Gazebo or its bridge did not answer.
        """

    def follow(self, model: str, rows: Vector, speeds: Vector, efforts: Vector) -> None:
        """Have a model's joints follow (k, n) positions, speeds and efforts, a row each step."""

    def step(self, count: int) -> Measured:
        """Let so many steps pass.

        Raises:
            SimulationError: Gazebo did not step in time.
        """

    def attach(self, clamp: str, part: str) -> None:
        """Join a part to a clamp as it lies, at the next step."""

    def detach(self, clamp: str, part: str) -> None:
        """Undo it, at the next step."""

    def place(self, part: str, pose: Vector) -> None:
        """Put a part somewhere: position and quaternion (w, x, y, z), (7,).

        Raises:
            SimulationError: Gazebo did not answer, or refused.
        """

    def while_waiting(self, serve: Callable[[], None]) -> None:
        """What to do again and again while Gazebo is waited for."""

    def close(self) -> None:
        """Let go of the connection; may be called twice."""
