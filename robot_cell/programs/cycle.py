"""A planned program: a trajectory for each move and a duration for each step."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
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
    Product,
    Step,
    WaitStep,
)
from robot_cell.model.step_text import describe
from robot_cell.programs.geometry import (
    joints_rad,
    transform,
    transform_base_target,
    transform_base_via,
    transform_flange_tcp,
)

if TYPE_CHECKING:
    from planners.kinematics import Robot
    from planners.kinematics.collision import CollisionScene
    from planners.motion import Item, Move, Trajectory

FORMAT = 2
"""Version of the planned cycle's content; part of every cache key."""

INSPECT_S = 0.0
"""Plant time of one reading: a serial transaction of about 2 ms, less than a tick."""

STEP_OVERHEAD_S = 0.02
"""Plant time between the end of a step and the first motion of the next: two ticks."""

CONTACT_ALLOWANCE_M = 0.006
"""Held parts are planned this much smaller on each side: they may touch what they rest on."""

HOMING_SPEED = 0.25
"""Share of the arm's limits with which it goes home after a stop."""


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
    """A planned program: how long each step takes and how the arm moves in it.

    Attributes:
        motions: by the index of the step. Moves whose corners are blended are one motion, which
            belongs to the first of them; the others have none, and their share of its duration.
    """

    program: str
    product: str
    step_durations_s: tuple[float, ...]
    motions: Mapping[int, StepMotion]

    @property
    def duration_s(self) -> float:
        """Planned duration of the whole program, from home to home."""
        return sum(self.step_durations_s)

    def moved_until_s(self, steps: Sequence[Step], index: int) -> float:
        """How long a step takes together with those whose moves are blended into its motion."""
        takes_s = self.step_durations_s[index]
        if index in self.motions:
            for after in range(index + 1, len(steps)):
                if not isinstance(steps[after], MoveStep) or after in self.motions:
                    break
                takes_s += self.step_durations_s[after]
        return takes_s


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


def robot_and_scene(cell: Cell) -> tuple[Robot, CollisionScene]:
    """The kinematic model of a cell's arm with its tool, and what it must not touch."""
    from planners.kinematics import Body, Box, Robot
    from planners.kinematics.collision import CollisionScene

    tool = cell.arm.tool
    robot = Robot.from_urdf(
        cell.arm.urdf,
        transform_flange_tool=transform_flange_tcp(cell),
        tool_mass_kg=tool.mass_kg,
    )
    obstacles = [
        Body(box.name, Box(box.size_m), transform(box.xyz_m, (0.0, 0.0, box.yaw_deg)))
        for box in cell.obstacles
    ]
    hull = Body("tool", Box(tool.size_m), transform((0.0, 0.0, tool.size_m[2] / 2), (0.0,) * 3))
    return robot, CollisionScene(robot, obstacles=obstacles, tool=[hull])


def plan_program(
    cell_name: str,
    cell: Cell,
    program: str,
    product_name: str,
    product: Product,
    *,
    planner: tuple[Robot, CollisionScene] | None = None,
    slack_s: float = 0.0,
) -> ProgramCycle:
    """Plan, time and verify every move of a program.

    With `slack_s` it may take so much longer than the fastest plan, and takes less energy.

    Raises:
        ProgramError: a move cannot be made; the message says which step and what blocks it.
    """
    from planners.errors import PlannerError
    from planners.motion import cycle_within

    robot, scene = planner or robot_and_scene(cell)
    steps = cell.programs[program].steps
    last = next((step for step in reversed(steps) if isinstance(step, MoveStep)), None)
    if last is None or last.to != cell.arm.home:
        reason = f"a program ends at home; add the step {{move: ptp, to: {cell.arm.home}}}"
        raise ProgramError(cell_name, program, product_name, reason)
    items, step_of_item = program_items(cell, program, product_name, product)
    home = cell.poses[cell.arm.home]
    assert isinstance(home, JointPose)
    try:
        cycle = cycle_within(
            robot, scene, items, slack_s, q_start=joints_rad(home), q_end_same_as_start=False
        )
    except PlannerError as error:
        raise ProgramError(cell_name, program, product_name, str(error)) from error
    motions = {
        step_of_item[motion.item_index]: step_motion(motion.trajectory) for motion in cycle.motions
    }
    moving_s = {
        index: cycle.item_durations_s[item]
        for item, index in step_of_item.items()
        if isinstance(steps[index], MoveStep)
    }
    durations = tuple(
        moving_s[i] + (STEP_OVERHEAD_S if i in motions else 0.0)
        if i in moving_s
        else STEP_OVERHEAD_S + step_duration_s(cell, step)
        for i, step in enumerate(steps)
    )
    return ProgramCycle(program, product_name, durations, motions)


def program_items(
    cell: Cell, program: str, product_name: str, product: Product
) -> tuple[list[Item], dict[int, int]]:
    """A program as the motion planner wants it, and the index of the step of each item."""
    from planners.motion import Attach, Detach, Dwell, PartShape

    x, y, z = (edge - 2 * CONTACT_ALLOWANCE_M for edge in product.part.size_m)
    items: list[Item] = []
    step_of_item: dict[int, int] = {}
    for index, step in enumerate(cell.programs[program].steps):
        step_of_item[len(items)] = index
        label = f"step {index + 1} ({describe(step, product_name)})"
        if isinstance(step, MoveStep):
            items.append(planned_move(cell, step, label))
            continue
        items.append(Dwell(step_duration_s(cell, step), label))
        if isinstance(step, FixtureStep) and step.fixture == cell.arm.tool.gripper:
            if step.command == "close":
                items.append(Attach(PartShape((x, y, z), mass_kg=product.part.mass_kg)))
            elif step.command == "open":
                items.append(Detach())
    return items, step_of_item


def planned_move(cell: Cell, step: MoveStep, label: str) -> Move:
    """A move of a program as the motion planner wants it."""
    from planners.motion import Blend, JointTarget, Move, PoseTarget

    pose, goal, via = cell.poses[step.to], transform_base_target(cell, step), None
    target: JointTarget | PoseTarget
    if isinstance(pose, JointPose):
        target = JointTarget(joints_rad(pose))
    else:
        assert goal is not None
        target = PoseTarget(goal)
    passed = transform_base_via(cell, step)
    if passed is not None:
        via = PoseTarget(passed)
    return Move(
        step.move,
        target,
        speed=step.speed,
        tcp_speed_m_s=step.tcp_speed_m_s,
        label=label,
        via=via,
        blend=Blend(radius_m=step.blend_radius_m),
    )


def plan_home(cell_name: str, cell: Cell, measured: tuple[float, ...]) -> StepMotion:
    """Plan the way home from measured joint positions (n,) in rad, in a process of its own.

    Raises:
        ProgramError: there is no free way; the message says what blocks it.
    """
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_plan_home, cell_name, cell, measured).result()


def _plan_home(cell_name: str, cell: Cell, measured: tuple[float, ...]) -> StepMotion:
    from planners.errors import PlannerError
    from planners.motion import JointTarget, Move, plan_cycle

    robot, scene = robot_and_scene(cell)
    home = cell.poses[cell.arm.home]
    assert isinstance(home, JointPose)
    move = Move("ptp", JointTarget(joints_rad(home)), speed=HOMING_SPEED, label="home")
    try:
        cycle = plan_cycle(
            robot, scene, [move], q_start=np.asarray(measured), q_end_same_as_start=False
        )
    except PlannerError as error:
        raise ProgramError(cell_name, "(homing)", "(none)", str(error)) from error
    return step_motion(cycle.motions[0].trajectory)


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
