"""Checks that everything that a cell names is there, and fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from robot_cell.model.arm_names import RESERVED
from robot_cell.model.base import BrokenReference
from robot_cell.model.geometry import CartesianPose, JointPose
from robot_cell.model.hands import let_go_in_the_air
from robot_cell.model.program import FixtureStep, InspectStep, MoveStep, Step

if TYPE_CHECKING:
    from robot_cell.model.plant import Cell

Path = tuple[str | int, ...]


def broken_references(cell: Cell) -> list[BrokenReference]:
    """Everything that a cell names wrongly, each with its place below the cell."""
    if (cell.arm_ is None) is not bool(cell.arms_):
        return [_which_arms(cell)]  # whose steps are whose cannot be told
    problems = [*_arms(cell)]
    problems += _fixtures(cell)
    problems += _poses(cell)
    problems += _interlocks(cell)
    for name, program in cell.programs.items():
        wrong = [
            problem
            for index, step in enumerate(program.steps)
            for problem in _step(cell, ("programs", name, "steps", index), step, program.steps)
        ]
        # What hands hold is asked of programs, and of cells, that are otherwise right.
        problems += wrong or ([] if problems else let_go_in_the_air(cell, name))
    return problems


def _named(
    kind: str, name: str | None, known: Collection[str], *path: str | int
) -> Iterator[BrokenReference]:
    if name is not None and name not in known:
        article = "an" if kind == "arm" else "a"
        expected = f"{article} {kind} of the cell: {', '.join(sorted(known))}"
        yield BrokenReference(path, name, expected)


def _which_arms(cell: Cell) -> BrokenReference:
    if cell.arm_ is None:
        expected = "an arm, as arm: {...}, or several, as arms: {left: {...}, right: {...}}"
        return BrokenReference(("arm",), None, expected)
    expected = "nothing, as arm: is given; put that arm among these, under a name"
    return BrokenReference(("arms",), sorted(cell.arms_ or ()), expected)


def _arms(cell: Cell) -> Iterator[BrokenReference]:
    of_gripper: dict[str, str] = {}
    for name, arm in cell.arms.items():
        path = cell.path_of(name)
        if name in RESERVED:
            expected = f"another name: {', '.join(RESERVED)} are processes of a plant"
            yield BrokenReference(path, name, expected)
        gripper = arm.tool.gripper
        yield from _named("fixture", gripper, cell.fixtures, *path, "tool", "gripper")
        other = of_gripper.setdefault(gripper, name)
        if other != name:
            expected = f"a gripper of its own; {other} has this one"
            yield BrokenReference((*path, "tool", "gripper"), gripper, expected)
        yield from _named("pose", arm.home, cell.poses, *path, "home")
        if not isinstance(cell.poses.get(arm.home), JointPose | None):
            expected = "a pose given as joints_deg"
            yield BrokenReference((*path, "home"), arm.home, expected)


def _fixtures(cell: Cell) -> Iterator[BrokenReference]:
    addresses: dict[tuple[str, int], str] = {}
    for name, fixture in cell.fixtures.items():
        at = ("fixtures", name)
        if name in cell.arms:
            expected = "another name: this is what the cell's arm is called"
            yield BrokenReference(at, name, expected)
        yield from _named("bus", fixture.bus, cell.buses, *at, "bus")
        yield from _named("frame", fixture.frame, cell.frames, *at, "frame")
        yield from _named("frame", fixture.clears, cell.frames, *at, "clears")
        yield from _named("fixture", fixture.mounted_on, cell.fixtures, *at, "mounted_on")
        bus = cell.buses.get(fixture.bus)
        needs_map = bus is not None and bus.protocol == "modbus_rtu"
        if bus is not None and needs_map is not (fixture.registers is not None):
            expected = (
                "a register map: its bus speaks modbus_rtu"
                if needs_map
                else f"none: its bus {fixture.bus} does not speak modbus_rtu"
            )
            yield BrokenReference((*at, "registers"), fixture.registers, expected)
        other = addresses.setdefault((fixture.bus, fixture.address), name)
        if other != name:
            expected = f"a free address; {other} has this one on the same bus"
            yield BrokenReference((*at, "address"), fixture.address, expected)


def _poses(cell: Cell) -> Iterator[BrokenReference]:
    for name, pose in cell.poses.items():
        if isinstance(pose, CartesianPose):
            yield from _named("frame", pose.frame, cell.frames, "poses", name, "frame")


def _interlocks(cell: Cell) -> Iterator[BrokenReference]:
    for name, interlock in cell.interlocks.items():
        at = ("interlocks", name)
        yield from _named("arm", interlock.arm, cell.arms, *at, "arm")
        for index, frame in enumerate(interlock.arm_at):
            yield from _named("frame", frame, cell.frames, *at, "arm_at", index)
        for fixture in interlock.commands:
            yield from _named("fixture", fixture, cell.fixtures, *at, "commands", fixture)
        for index, condition in enumerate(interlock.only_if):
            for device in condition:
                yield from _named("fixture", device, cell.fixtures, *at, "only_if", index, device)


def _step(cell: Cell, here: Path, step: Step, steps: tuple[Step, ...]) -> Iterator[BrokenReference]:
    if isinstance(step, MoveStep):
        yield from _move(cell, here, step, steps)
    elif isinstance(step, FixtureStep):
        yield from _named("fixture", step.fixture, cell.fixtures, *here, "fixture")
    elif isinstance(step, InspectStep):
        yield from _named("fixture", step.inspect, cell.fixtures, *here, "inspect")


def _move(
    cell: Cell, here: Path, step: MoveStep, steps: tuple[Step, ...]
) -> Iterator[BrokenReference]:
    yield from _named("pose", step.to, cell.poses, *here, "to")
    if step.arm is None and len(cell.arms) > 1:
        expected = f"which arm moves, one of: {', '.join(cell.arms)}"
        yield BrokenReference((*here, "arm"), None, expected)
        return
    if step.arm is not None and step.arm not in cell.arms:
        yield from _named("arm", step.arm, cell.arms, *here, "arm")
        return
    pose = cell.poses.get(step.to)
    if step.above_m and isinstance(pose, JointPose):
        expected = "no above_m: the pose is given by joints, not by a frame"
        yield BrokenReference((*here, "above_m"), step.above_m, expected)
    mover = cell.mover(step)
    home = cell.poses.get(cell.arms[mover].home)
    if isinstance(pose, JointPose) and isinstance(home, JointPose):
        joints = len(home.joints_deg)
        if len(pose.joints_deg) != joints:
            expected = f"a pose of {joints} joints, as the home of {mover} has"
            yield BrokenReference((*here, "to"), step.to, expected)
    yield from _named("pose", step.via, cell.poses, *here, "via")
    if isinstance(cell.poses.get(step.via or ""), JointPose):
        expected = "a pose given in a frame: an arc passes a point in space"
        yield BrokenReference((*here, "via"), step.via, expected)
    after = steps[int(here[-1]) + 1 : int(here[-1]) + 2]
    cut = after and isinstance(after[0], MoveStep) and after[0].arm == step.arm
    if step.blend_radius_m and not cut:
        whose = " of the same arm" if len(cell.arms) > 1 else ""
        expected = f"exact: only the corner to a move{whose} that comes next can be cut"
        yield BrokenReference((*here, "blend_m"), step.blend_m, expected)
