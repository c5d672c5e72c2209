"""What an arm offers: a state each period, and a way to move it that is one of two.

Every arm can be connected to, read, stopped and closed (`Arm`). One that takes a setpoint each
period is an `ArmDriver`; one whose controller follows whole trajectories by itself is a
`TrajectoryDriver`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from drivers.errors import DriverError
from drivers.plugins import load_driver

__all__ = [
    "ARM_DRIVERS",
    "Arm",
    "ArmDriver",
    "ArmError",
    "ArmFault",
    "ArmNotConnected",
    "ArmState",
    "ArmTimeout",
    "Ended",
    "Looks",
    "SetpointsRefused",
    "Trajectory",
    "TrajectoryDriver",
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
        speed_fraction: at how much of the planned speed the arm's own controller permits motion
            now, 0 to 1: its speed slider, or a reduced mode.
    """

    time_ns: int
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    efforts: NDArray[np.float64]
    speed_fraction: float = 1.0

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


@dataclass(frozen=True)
class Trajectory:
    """A whole motion, from rest to rest.

    Attributes:
        times: (k,) s, increasing, the first 0.
        positions, velocities, accelerations: (k, n) each, in rad and seconds.
    """

    times: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    accelerations: NDArray[np.float64]


@dataclass(frozen=True)
class Ended:
    """How the controller says that a trajectory has ended.

    Attributes:
        done: it was followed to its end.
        code: the controller's own (control_msgs/FollowJointTrajectory), or what was wrong.
        what: in words; empty if nothing was wrong.
    """

    done: bool
    code: str = ""
    what: str = ""


class Arm(Protocol):
    """What every arm offers. A driver is used by one thread."""

    @property
    def joint_names(self) -> tuple[str, ...]:
        """In the order of every array; fixed after `connect`."""

    def connect(self, timeout_s: float) -> ArmState:
        """Connect, or connect again after a loss; the measured state to start from.

        Whatever still moved the arm on an earlier connection's behalf has been stopped.

        Raises:
            ArmNotConnected: nobody answered in time.
            ArmFault: the controller answered but cannot move.
        """

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the next periodic state.

        Raises:
            ArmTimeout: none came in time; the connection may still be good.
            ArmNotConnected: the connection was lost, or has been silent for longer than it may.
            ArmFault: the controller stopped by itself.
        """

    def stop(self) -> None:
        """Stop the arm on its path and hold; needs nothing further. Never raises ArmFault."""

    def close(self) -> None:
        """Let go of the connection; the arm holds. May be called twice."""


class ArmDriver(Arm, Protocol):
    """One arm that takes position setpoints in real time.

    The servo loop calls `connect`, then for ever `read` and `write`, once a period each. An arm
    that gets no setpoints in time stops by itself.
    """

    @property
    def period_ns(self) -> int:
        """Time between two states."""

    @property
    def setpoints_per_period(self) -> int:
        """How many setpoints `write` takes."""

    def write(self, setpoints: NDArray[np.float64]) -> None:
        """Send the next (k, n) setpoints in rad, at `period_ns / k` spacing; does not wait.

        Raises:
            SetpointsRefused: wrong shape, or not finite.
            ArmNotConnected: the connection was lost.
        """


@runtime_checkable
class TrajectoryDriver(Arm, Protocol):
    """One arm whose controller follows a whole trajectory by itself, at a speed of its own."""

    @property
    def stalled_s(self) -> float:
        """How long the arm may make no way in mid-motion."""

    def send(self, trajectory: Trajectory) -> None:
        """Have a trajectory followed from now on; does not wait.

        Raises:
            SetpointsRefused: wrong shape, or not finite; or another one is being followed.
            ArmNotConnected: there is no connection.
        """

    def ended(self) -> Ended | None:
        """How the last trajectory has ended; None while it is followed."""


@runtime_checkable
class Looks(Protocol):
    """An arm that can be looked at while somebody else moves it, or nobody can."""

    def look(self, timeout_s: float) -> str:
        """What is found, in words; nothing is written, nothing moves, nothing is left open.

        Raises:
            ArmNotConnected: nobody answered in time.
            ArmFault: the controller answered but cannot move the arm.
        """


def in_words(positions: Sequence[float] | NDArray[np.float64]) -> str:
    """Where an arm stands, for people; positions (n,) in rad."""
    return f"joints at {', '.join(f'{math.degrees(q):.1f}' for q in positions)} degrees"


def load_arm_driver(name: str) -> Callable[..., ArmDriver | TrajectoryDriver]:
    """The factory that entry-point group `robot_cell.arm_drivers` registers under a name.

    It takes what the plant file gives the driver, as keywords.

    Raises:
        DriverNotFound: no such driver; the message lists those that exist.
    """
    return cast(
        "Callable[..., ArmDriver | TrajectoryDriver]", cast(Any, load_driver(ARM_DRIVERS, name))
    )
