"""What the executor is given: a cell's arms, its fixtures, and the journal as far as steps go.

Each port says how something ended, and can be asked again later what became of it: after a restart,
or where an answer did not come.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from robot_cell.programs import ProgramCycle, StepMotion
from robot_cell.store import StepEnd, StepOutcome


@dataclass(frozen=True)
class MotionOutcome:
    """How a motion ended; `error_rad` and `positions_rad` (n,) were measured at its end.

    `lost`: nobody answered; where the arm stands says what became of it. `arm_gone`: the arm itself
    has let go of its motion (an emergency stop, a lost link) and takes none for now.
    """

    ok: bool
    message: str
    error_rad: tuple[float, ...] = ()
    positions_rad: tuple[float, ...] = ()
    lost: bool = False
    arm_gone: bool = False


@dataclass(frozen=True)
class FixtureOutcome:
    """How a fixture's command ended and what the device reads now.

    `status` is `done`, `failed`, `refused`, `not_done` where the device says that it never began
    the step, or `uncertain` where it could not be asked.

    Attributes:
        reading: sequence of `values` among all readings of the device; 0 if there are none.
        unanswered: it is the device's node that did not answer, not the device.
    """

    status: str
    message: str
    values: Mapping[str, str] = field(default_factory=dict)
    reading: int = 0
    unanswered: bool = False


class ArmPort(Protocol):
    """An arm of the cell."""

    def follow(self, motion: StepMotion, epoch: int) -> MotionOutcome:
        """Follow a trajectory to its end; returns when the arm stands or has failed.

        `epoch` is the motion epoch in which that was permitted: in a later one it is void.
        """

    def standing(self) -> tuple[float, ...] | None:
        """Measured joint positions (n,) in rad once the arm stands; None if it cannot be asked."""


class FixturePort(Protocol):
    """The cell's fixtures."""

    def command(
        self,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        timeout_s: float,
        epoch: int,
    ) -> FixtureOutcome:
        """Give a command (or `read`) and wait for its outcome; void in an epoch after `epoch`."""

    def outcome(self, device: str, step_id: int, timeout_s: float) -> FixtureOutcome:
        """Ask the device what became of a step; waits for one that still runs."""


class StepRecorder(Protocol):
    """The journal, as far as steps are concerned; durable when a call returns."""

    def step_intent(
        self,
        operation_id: str,
        index: int,
        label: str,
        at_ns: int,
        after: StepEnd | None = None,
    ) -> int:
        """Record how the last step ended and that one is about to be commanded; its step id."""

    def step_outcome(
        self, step_id: int, outcome: StepOutcome, at_ns: int, message: str = ""
    ) -> None:
        """Record how it ended."""


class Alarming(Protocol):
    """Who is told of what is wrong; neither call waits."""

    def raise_(self, kind: str, subject: str, text: str) -> None:
        """Something is wrong (`robot_cell.model.alarm.ALARM_KINDS`)."""

    def over(self, kinds: Collection[str], subject: str | None = None) -> None:
        """It is not, or no longer."""


class RestPlanner(Protocol):
    """Plans what is left of a motion."""

    def __call__(
        self,
        cycle: ProgramCycle,
        index: int,
        measured_rad: Mapping[str, tuple[float, ...]],
        *,
        holding: Collection[str],
    ) -> StepMotion:
        """From where the arms stand to the end of the motion of step `index`.

        `holding` names the arms that have a part.

        Raises:
            RobotCellError: there is no free way.
        """
