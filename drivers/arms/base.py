"""What an arm offers to the servo loop: a state each period, and setpoints for the next one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drivers.errors import DriverError
from drivers.plugins import load_driver

__all__ = [
    "ARM_DRIVERS",
    "ArmDriver",
    "ArmError",
    "ArmFault",
    "ArmNotConnected",
    "ArmState",
    "ArmTimeout",
    "SetpointsRefused",
    "load_arm_driver",
]

ARM_DRIVERS: Final = "robot_cell.arm_drivers"


class ArmError(DriverError):
    """An arm cannot be used; `arm` says which."""

    def __init__(self, arm: str, what: str, to_do: str) -> None:
        self.arm = arm
        self.what = what
        self.to_do = to_do
        super().__init__(f"arm {arm}: {what}. {to_do}")


class ArmNotConnected(ArmError):
    """There is no connection to the arm's controller, or it was lost."""


class ArmTimeout(ArmError):
    """The arm's controller is connected but sent no state in time; `timeout_s` says how long."""

    def __init__(self, arm: str, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(
            arm,
            f"no state within {timeout_s:g} s",
            "Check that the controller runs and is not paused; then connect again.",
        )


class ArmFault(ArmError):
    """The arm's controller stopped by itself; `code` is the maker's own."""

    def __init__(self, arm: str, code: str, what: str, to_do: str) -> None:
        self.code = code
        super().__init__(arm, f"fault {code}: {what}", to_do)


class SetpointsRefused(ArmError):
    """Setpoints of a wrong shape, or with values that are not finite; nothing was sent."""


@dataclass(frozen=True)
class ArmState:
    """What the arm measured at one instant.

    Attributes:
        time_ns: the arm's own time, or plant time in simulation.
        positions: (n,) rad, in the order of the driver's `joint_names`.
        velocities: (n,) rad/s.
        efforts: (n,) N·m at the joint.
    """

    time_ns: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    efforts: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Raises ValueError if the arrays are not vectors of one length and finite."""
        positions, velocities, efforts = self.positions, self.velocities, self.efforts
        if positions.ndim == 1 and positions.shape == velocities.shape == efforts.shape:
            squares = positions.dot(positions) + velocities.dot(velocities) + efforts.dot(efforts)
            if math.isfinite(squares):  # the usual case, and the quickest look at all of them
                return
        shape = (positions.size,)
        for name in ("positions", "velocities", "efforts"):
            values = getattr(self, name)
            if values.shape != shape:
                raise ValueError(f"{name} has shape {values.shape}, expected {shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} has a value that is not finite: {values}")


class ArmDriver(Protocol):
    """One arm that takes position setpoints in real time.

    The servo loop calls `connect`, then for ever `read` and `write`, once a period each. An arm
    that gets no setpoints in time stops by itself. A driver is used by one thread.
    """

    @property
    def joint_names(self) -> tuple[str, ...]:
        """In the order of every array; fixed after `connect`."""

    @property
    def period_ns(self) -> int:
        """Time between two states."""

    @property
    def setpoints_per_period(self) -> int:
        """How many setpoints `write` takes."""

    def connect(self, timeout_s: float) -> ArmState:
        """Connect, or connect again after a loss; the measured state to start from.

        Raises:
            ArmNotConnected: nobody answered in time.
            ArmFault: the controller answered but cannot move.
        """

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the next periodic state.

        Raises:
            ArmTimeout: none came in time.
            ArmNotConnected: the connection was lost.
            ArmFault: the controller stopped by itself.
        """

    def write(self, setpoints: NDArray[np.float64]) -> None:
        """Send the next (k, n) setpoints in rad, at `period_ns / k` spacing; does not wait.

        Raises:
            SetpointsRefused: wrong shape, or not finite.
            ArmNotConnected: the connection was lost.
        """

    def stop(self) -> None:
        """Stop the arm on its path and hold; needs no further setpoints. Never raises ArmFault."""

    def close(self) -> None:
        """Let go of the connection; the arm holds. May be called twice."""


def load_arm_driver(name: str) -> Callable[..., ArmDriver]:
    """The factory that entry-point group `robot_cell.arm_drivers` registers under a name.

    Raises:
        DriverNotFound: no such driver; the message lists those that exist.
    """
    return cast("Callable[..., ArmDriver]", cast(Any, load_driver(ARM_DRIVERS, name)))
