"""A planned program: a trajectory for each move and a duration for each step."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivers.fixtures import CommandSpec, load_fixture_driver
from robot_cell.errors import RobotCellError
from robot_cell.model import (
    Cell,
    FixtureStep,
    InspectStep,
    JointPose,
    MoveStep,
    Step,
    WaitStep,
)
from robot_cell.programs.geometry import joints_rad

if TYPE_CHECKING:
    from planners.motion import Trajectory

FORMAT = 2
"""Version of the planned cycle's content; part of every cache key."""

INSPECT_S = 0.0
"""Plant time of one reading: a serial transaction of about 2 ms, less than a tick."""

STEP_OVERHEAD_S = 0.02
"""Plant time between the end of a step and the first motion of the next: two ticks."""


class ProgramError(RobotCellError):
    """A program of the plant file cannot be planned."""

    def __init__(self, cell: str, program: str, product: str, reason: str) -> None:
        super().__init__(f"cell {cell}, program {program} for {product}: {reason}")
        self.cell = cell
        self.program = program
        self.product = product
        self.reason = reason

    def __reduce__(self) -> tuple[type[ProgramError], tuple[str, str, str, str]]:
        """Errors of worker processes come back as what they were."""
        return ProgramError, (self.cell, self.program, self.product, self.reason)


@dataclass(frozen=True)
class StepMotion:
    """The trajectory of one move: k points, quintic in between.

    Attributes:
        times: (k,) seconds from the start of the move, the first is 0.
        positions, velocities, accelerations: (k, n) in rad, rad/s, rad/s².
    """

    times: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    accelerations: NDArray[np.float64]

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last point."""
        return float(self.times[-1])


@dataclass(frozen=True)
class ProgramCycle:
    """A planned program: how long each step takes and how its arm moves in it.

    Attributes:
        motions: by the index of the step, of the arm that moves in it. Moves whose corners are
            blended are one motion, which belongs to the first of them; the others have none, and
            their share of its duration.
    """

    program: str
    product: str
    step_durations_s: tuple[float, ...]
    motions: Mapping[int, StepMotion]

    @property
    def duration_s(self) -> float:
        """Planned duration of the whole program, from home to home."""
        return sum(self.step_durations_s)

    def blended(self, steps: Sequence[Step], index: int) -> list[int]:
        """The steps whose moves are made in the motion of step `index`, which is the first."""
        found, first = [index], steps[index]
        if isinstance(first, MoveStep) and index in self.motions:
            for after in range(index + 1, len(steps)):
                step = steps[after]
                if not isinstance(step, MoveStep) or step.arm != first.arm or after in self.motions:
                    break
                found.append(after)
        return found

    def moved_until_s(self, steps: Sequence[Step], index: int) -> float:
        """How long a step takes together with those whose moves are blended into its motion."""
        return sum(self.step_durations_s[at] for at in self.blended(steps, index))

    def standing_before(self, cell: Cell, index: int) -> dict[str, NDArray[np.float64]]:
        """Where each arm stands when step `index` begins, as planned: (n,) rad."""
        steps, found = cell.programs[self.program].steps, {}
        for name, arm in cell.arms.items():
            home = cell.poses[arm.home]
            assert isinstance(home, JointPose)
            found[name] = joints_rad(home)
        for at in range(index):
            step = steps[at]
            if isinstance(step, MoveStep) and at in self.motions:
                found[cell.mover(step)] = self.motions[at].positions[-1]
        return found


def step_duration_s(cell: Cell, step: Step) -> float:
    """Planned plant time of a step that does not move the arm."""
    if isinstance(step, FixtureStep):
        fixture = cell.fixtures[step.fixture]
        given = fixture.durations_s.get(step.command)
        if given is not None:
            return given
        commands: Mapping[str, CommandSpec] = getattr(
            load_fixture_driver(fixture.kind), "commands", {}
        )
        spec = commands.get(step.command)
        return spec.duration_s if spec is not None else INSPECT_S
    if isinstance(step, InspectStep):
        return INSPECT_S
    if isinstance(step, WaitStep):
        return step.wait_s
    raise TypeError(f"a {type(step).__name__} has no fixed duration")


def step_motion(trajectory: Trajectory) -> StepMotion:
    """A planned trajectory as a step's motion."""
    return StepMotion(
        times=trajectory.times,
        positions=trajectory.positions,
        velocities=trajectory.velocities,
        accelerations=trajectory.accelerations,
    )


def save_cycle(cycle: ProgramCycle, path: Path) -> None:
    """Write a cycle so that it is either there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.float64]] = {}
    for index, motion in cycle.motions.items():
        arrays[f"t{index}"] = motion.times
        arrays[f"q{index}"] = motion.positions
        arrays[f"v{index}"] = motion.velocities
        arrays[f"a{index}"] = motion.accelerations
    head = {
        "format": FORMAT,
        "program": cycle.program,
        "product": cycle.product,
        "step_durations_s": cycle.step_durations_s,
        "motions": sorted(cycle.motions),
    }
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_cycle(path: Path) -> ProgramCycle | None:
    """Read a saved cycle; None if there is none or it cannot be trusted."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            head = json.loads(archive["head"].tobytes())
            if head["format"] != FORMAT:
                return None
            motions = {
                index: StepMotion(
                    archive[f"t{index}"],
                    archive[f"q{index}"],
                    archive[f"v{index}"],
                    archive[f"a{index}"],
                )
                for index in head["motions"]
            }
            return ProgramCycle(
                head["program"], head["product"], tuple(head["step_durations_s"]), motions
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
