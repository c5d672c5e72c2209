"""Runs one operation: step by step, each with an intent before it and an outcome after it.

The executor knows no ROS and no device: it is given ports. What a step did is never guessed: the
arm's outcome comes from measured joints, a fixture's from the device that was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drivers.clock import PlantClock
from robot_cell.execution.control import CellControl, StoppedError
from robot_cell.model import Cell, FixtureStep, InspectStep, MoveStep, Step, WaitStep
from robot_cell.programs import ProgramCycle, StepMotion
from robot_cell.programs.cycle import arguments, describe, step_duration_s
from robot_cell.store import EndStatus, StepEnd, StepOutcome

_OUTCOMES: dict[str, StepOutcome] = {"failed": "failed", "refused": "not_done"}

SILENT_NS = 1_000_000_000
"""For how long at most nothing is said of an operation, though it will take longer. In simulation
one that fails is reported that much later; what stops at once is the arm."""

TIMEOUT_FACTOR = 4.0
"""A fixture has this many times its planned duration, and a second more, before it has failed."""


@dataclass(frozen=True)
class MotionOutcome:
    """How a motion ended; `error_rad` and `positions_rad` (n,) were measured at its end."""

    ok: bool
    message: str
    error_rad: tuple[float, ...] = ()
    positions_rad: tuple[float, ...] = ()


@dataclass(frozen=True)
class FixtureOutcome:
    """How a fixture's command ended and what the device reads now.

    `status` is `done`, `failed`, `refused`, or `uncertain` where the device could not be asked.
    """

    status: str
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


class ArmPort(Protocol):
    """The cell's arm."""

    def follow(self, motion: StepMotion) -> MotionOutcome:
        """Follow a trajectory to its end; returns when the arm stands or has failed."""


class FixturePort(Protocol):
    """The cell's fixtures."""

    def command(
        self, device: str, step_id: int, command: str, args: Sequence[str], timeout_s: float
    ) -> FixtureOutcome:
        """Give a command (or `read`) and wait for its outcome."""


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


@dataclass(frozen=True)
class OperationOutcome:
    """How an operation ended.

    Attributes:
        joint_error_rad: for each motion, the largest measured joint error at its end.
        end_positions_rad: for each motion, the joint positions (n,) measured at its end.
    """

    status: EndStatus
    message: str
    joint_error_rad: tuple[float, ...] = ()
    end_positions_rad: tuple[tuple[float, ...], ...] = ()


def _moving_s(cycle: ProgramCycle, steps: int) -> list[float]:
    """For each step, how long the arm still has to move from its beginning on."""
    left_s = [0.0] * (steps + 1)
    for index in reversed(range(steps)):
        motion = cycle.motions.get(index)
        left_s[index] = left_s[index + 1] + (motion.duration_s if motion is not None else 0.0)
    return left_s


@dataclass
class _Progress:
    """What has been measured so far, and whether the gripper should hold a part."""

    errors: list[float] = field(default_factory=list)
    positions: list[tuple[float, ...]] = field(default_factory=list)
    holding: bool = False


@dataclass(frozen=True)
class Executor:
    """A cell's ports, and what an operation needs besides them."""

    cell: Cell
    arm: ArmPort
    fixtures: FixturePort
    recorder: StepRecorder
    clock: PlantClock
    control: CellControl

    def run(
        self,
        operation_id: str,
        product: str,
        cycle: ProgramCycle,
        on_step: Callable[[int, str], None],
    ) -> OperationOutcome:
        """Run every step of a program; the first one that fails ends the operation."""
        steps = self.cell.programs[cycle.program].steps
        progress = _Progress()
        status: EndStatus = "complete"
        message = ""
        ended: StepEnd | None = None
        moving_s = _moving_s(cycle, len(steps))
        for index, step in enumerate(steps):
            label = describe(step, product)
            on_step(index, label)
            silent_ns = min(int(moving_s[index] * 1e9), SILENT_NS)
            self.clock.silent_until(self.clock.now_ns() + silent_ns)
            step_id = self.recorder.step_intent(
                operation_id, index, label, self.clock.now_ns(), ended
            )
            try:
                self.control.checkpoint(self.clock.wait_for, self.clock.busy)
            except StoppedError as error:
                ended = StepEnd(step_id, "not_done", str(error))
                status, message = "failed", f"before step {index + 1} ({label}): {error}"
                break
            ended = StepEnd(step_id, *self._perform(step, step_id, index, product, cycle, progress))
            if ended.outcome != "done":
                status = "uncertain" if ended.outcome == "uncertain" else "failed"
                message = f"step {index + 1} ({label}): {ended.message}"
                break
        if ended is not None:
            self.recorder.step_outcome(
                ended.step_id, ended.outcome, self.clock.now_ns(), ended.message
            )
        return OperationOutcome(status, message, tuple(progress.errors), tuple(progress.positions))

    def _perform(
        self,
        step: Step,
        step_id: int,
        index: int,
        product: str,
        cycle: ProgramCycle,
        progress: _Progress,
    ) -> tuple[StepOutcome, str]:
        if isinstance(step, MoveStep):
            return self._move(cycle.motions.get(index), progress)
        if isinstance(step, WaitStep):
            until_ns = self.clock.now_ns() + int(step.wait_s * 1e9)
            if self.clock.sleep_until(until_ns, self.control.ending):
                return "done", ""
            return "failed", f"the cell is {self.control.state.label}"
        if isinstance(step, InspectStep):
            return self._fixture(step.inspect, step_id, "read", (), step.expect, 1.0)
        if progress.holding and self._lets_go(step):
            held, reason = self._fixture(
                step.fixture, step_id, "read", (), {"part": "present"}, 1.0
            )
            if held != "done":
                return held, f"the part was dropped on the way: {reason}"
        timeout_s = 1.0 + TIMEOUT_FACTOR * step_duration_s(self.cell, step)
        args = arguments(step, product)
        outcome = self._fixture(step.fixture, step_id, step.command, args, step.expect, timeout_s)
        self._note_grip(step, outcome[0], progress)
        return outcome

    def _move(self, motion: StepMotion | None, progress: _Progress) -> tuple[StepOutcome, str]:
        if motion is None:
            return "done", ""
        ended = self.arm.follow(motion)
        if ended.positions_rad:
            progress.errors.append(max(abs(error) for error in ended.error_rad))
            progress.positions.append(ended.positions_rad)
        return ("done", "") if ended.ok else ("failed", ended.message)

    def _fixture(
        self,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        expect: Mapping[str, str],
        timeout_s: float,
    ) -> tuple[StepOutcome, str]:
        outcome = self.fixtures.command(device, step_id, command, args, timeout_s)
        if outcome.status != "done":
            return _OUTCOMES.get(outcome.status, "uncertain"), outcome.message
        for key, expected in expect.items():
            found = outcome.values.get(key, "no such reading")
            if found != expected:
                return "failed", f"{device} reads {key} = {found}, expected {expected}"
        return "done", ""

    def _lets_go(self, step: FixtureStep) -> bool:
        return step.fixture == self.cell.arm.tool.gripper and step.command == "open"

    def _note_grip(self, step: FixtureStep, outcome: StepOutcome, progress: _Progress) -> None:
        if step.fixture != self.cell.arm.tool.gripper or outcome != "done":
            return
        if step.command == "close":
            progress.holding = step.expect.get("part") == "present"
        elif step.command == "open":
            progress.holding = False
