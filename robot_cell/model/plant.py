"""The plant: its cells with arms, fixtures, frames, programs and calendars, and its products."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from robot_cell.model.base import (
    BrokenReference,
    BrokenReferences,
    Name,
    PositiveVector3,
    Vector3,
    Word,
)
from robot_cell.model.calendar import Calendar
from robot_cell.model.geometry import Box, CartesianPose, Frame, JointPose, Pose
from robot_cell.model.interlock import Interlock
from robot_cell.model.program import FixtureStep, InspectStep, MoveStep, Program
from robot_cell.model.sparkplug import Sparkplug


class Tool(Word):
    """What is mounted on the flange: TCP in the flange frame, mass, hull, and how it grips.

    Attributes:
        tcp_xyz_m, tcp_rpy_deg: the TCP in the flange frame.
        size_m: edge lengths of the tool's hull, a box between flange and TCP.
        gripper: the fixture (kind `clamp`) whose `close` grips a part and whose `open` lets it go.
    """

    tcp_xyz_m: Vector3
    tcp_rpy_deg: Vector3 = (0.0, 0.0, 0.0)
    mass_kg: float = Field(gt=0.0)
    size_m: PositiveVector3
    gripper: Name


class Arm(Word):
    """An industrial arm.

    Attributes:
        urdf: path of the URDF or xacro file, relative to the plant file's folder or absolute.
        driver: name in the entry-point group `robot_cell.arm_drivers`.
        home: taught pose where every program starts and ends.
    """

    urdf: Path
    driver: str
    tool: Tool
    home: Name = "home"


class Bus(Word):
    """A serial bus. A relative port is relative to the run directory (simulated plants).

    Attributes:
        protocol: `fixture` is docs/fixture_protocol.md; `modbus_rtu` needs a register map for each
            of its fixtures (docs/modbus_fixtures.md).
        port: its path; `/dev/serial/by-id/...` stays the same wherever a converter is plugged in.
    """

    port: str = Field(min_length=1)
    baudrate: int = Field(default=115_200, gt=0)
    parity: Literal["none", "even", "odd"] = "none"
    protocol: Literal["fixture", "modbus_rtu"] = "fixture"


class Fixture(Word):
    """A device on a serial bus.

    Attributes:
        kind: name in the entry-point group `robot_cell.fixture_drivers`.
        address: address on its bus.
        frame: where it acts (clamps, tables, sensors, feeders); none for a gripper.
        mounted_on: the rotary table on which it is mounted, if it turns with one.
        clears: the frame from which a feeder's `clear` takes parts away.
        registers: path of the register map of a Modbus device, relative to the plant file's folder
            or absolute.
        simulate_as: the kind that the simulation puts in its place, where it does not know its own.
    """

    kind: Name
    bus: Name
    address: int = Field(ge=1, le=247)
    frame: Name | None = None
    mounted_on: Name | None = None
    clears: Name | None = None
    registers: Path | None = None
    simulate_as: Name | None = None
    durations_s: dict[Name, Annotated[float, Field(gt=0.0)]] = Field(default_factory=dict)

    @property
    def simulated_kind(self) -> str:
        """What it is in the simulation."""
        return self.simulate_as or self.kind


class Cell(Word):
    """A robot cell. All geometry is in the arm's base frame, metres and degrees."""

    description: str = ""
    arm: Arm
    buses: dict[Name, Bus] = Field(min_length=1)
    fixtures: dict[Name, Fixture] = Field(min_length=1)
    frames: dict[Name, Frame]
    obstacles: tuple[Box, ...] = ()
    poses: dict[Name, Pose]
    programs: dict[Name, Program]
    interlocks: dict[Name, Interlock] = Field(default_factory=dict)
    calendar: Calendar = Calendar()

    @model_validator(mode="after")
    def _references(self) -> Cell:
        problems: list[BrokenReference] = []

        def check(kind: str, name: str | None, known: Collection[str], *path: str | int) -> None:
            if name is not None and name not in known:
                expected = f"a {kind} of the cell: {', '.join(sorted(known))}"
                problems.append(BrokenReference(path, name, expected))

        addresses: dict[tuple[str, int], str] = {}
        for name, fixture in self.fixtures.items():
            check("bus", fixture.bus, self.buses, "fixtures", name, "bus")
            check("frame", fixture.frame, self.frames, "fixtures", name, "frame")
            check("frame", fixture.clears, self.frames, "fixtures", name, "clears")
            check("fixture", fixture.mounted_on, self.fixtures, "fixtures", name, "mounted_on")
            bus = self.buses.get(fixture.bus)
            needs_map = bus is not None and bus.protocol == "modbus_rtu"
            if bus is not None and needs_map is not (fixture.registers is not None):
                expected = (
                    "a register map: its bus speaks modbus_rtu"
                    if needs_map
                    else f"none: its bus {fixture.bus} does not speak modbus_rtu"
                )
                path = ("fixtures", name, "registers")
                problems.append(BrokenReference(path, fixture.registers, expected))
            other = addresses.setdefault((fixture.bus, fixture.address), name)
            if other != name:
                expected = f"a free address; {other} has this one on the same bus"
                path = ("fixtures", name, "address")
                problems.append(BrokenReference(path, fixture.address, expected))
        check("fixture", self.arm.tool.gripper, self.fixtures, "arm", "tool", "gripper")
        check("pose", self.arm.home, self.poses, "arm", "home")
        if not isinstance(self.poses.get(self.arm.home), JointPose | None):
            expected = "a pose given as joints_deg"
            problems.append(BrokenReference(("arm", "home"), self.arm.home, expected))
        for name, pose in self.poses.items():
            if isinstance(pose, CartesianPose):
                check("frame", pose.frame, self.frames, "poses", name, "frame")
        for name, interlock in self.interlocks.items():
            at = ("interlocks", name)
            for index, frame in enumerate(interlock.arm_at):
                check("frame", frame, self.frames, *at, "arm_at", index)
            for fixture_name in interlock.commands:
                check("fixture", fixture_name, self.fixtures, *at, "commands", fixture_name)
            for index, condition in enumerate(interlock.only_if):
                for device in condition:
                    check("fixture", device, self.fixtures, *at, "only_if", index, device)
        for name, program in self.programs.items():
            for index, step in enumerate(program.steps):
                here = ("programs", name, "steps", index)
                if isinstance(step, MoveStep):
                    check("pose", step.to, self.poses, *here, "to")
                    if step.above_m and isinstance(self.poses.get(step.to), JointPose):
                        expected = "no above_m: the pose is given by joints, not by a frame"
                        problems.append(BrokenReference((*here, "above_m"), step.above_m, expected))
                    check("pose", step.via, self.poses, *here, "via")
                    if isinstance(self.poses.get(step.via or ""), JointPose):
                        expected = "a pose given in a frame: an arc passes a point in space"
                        problems.append(BrokenReference((*here, "via"), step.via, expected))
                    after = program.steps[index + 1 : index + 2]
                    if step.blend_radius_m and not (after and isinstance(after[0], MoveStep)):
                        expected = "exact: only the corner to a move that comes next can be cut"
                        problems.append(BrokenReference((*here, "blend_m"), step.blend_m, expected))
                elif isinstance(step, FixtureStep):
                    check("fixture", step.fixture, self.fixtures, *here, "fixture")
                elif isinstance(step, InspectStep):
                    check("fixture", step.inspect, self.fixtures, *here, "inspect")
        if problems:
            raise BrokenReferences(problems)
        return self


class PartShape(Word):
    """A product's part: a box resting on its bottom face."""

    size_m: PositiveVector3
    mass_kg: float = Field(gt=0.0)


class RecipeOperation(Word):
    """One operation of a recipe.

    Attributes:
        name: unique in the recipe.
        after: operations that must be complete before; by default the one listed before it.
        programs: which program each cell that can do it runs.
    """

    name: Name
    after: tuple[Name, ...] | None = None
    programs: dict[Name, Name] = Field(min_length=1)


class Product(Word):
    """A product and its recipe (ISA-88: what is done, in which order, on which equipment)."""

    description: str = ""
    part: PartShape
    operations: tuple[RecipeOperation, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _acyclic(self) -> Product:
        problems: list[BrokenReference] = []
        seen: list[str] = []
        for index, operation in enumerate(self.operations):
            path = ("operations", index)
            if operation.name in seen:
                expected = "a name that no other operation of the recipe has"
                problems.append(BrokenReference((*path, "name"), operation.name, expected))
            for position, other in enumerate(operation.after or ()):
                if other not in seen:
                    expected = f"an operation listed before it: {', '.join(seen) or 'none is'}"
                    problems.append(BrokenReference((*path, "after", position), other, expected))
            seen.append(operation.name)
        if problems:
            raise BrokenReferences(problems)
        return self

    def predecessors(self, index: int) -> tuple[int, ...]:
        """Indices of the operations that must be complete before operation `index`."""
        after = self.operations[index].after
        if after is None:
            return (index - 1,) if index else ()
        names = [operation.name for operation in self.operations]
        return tuple(names.index(name) for name in after)


class Planning(Word):
    """How the scheduler treats a plan that is being carried out.

    Attributes:
        confirm_ahead_s: work that is to start within that time is confirmed: no new plan moves it,
            unless its cell is lost.
        improve_gain_s: seconds of makespan (or ms of weighted lateness) that a better plan must
            gain after a repair to be published.
        improve_gain_per_move_s: and so much more for each operation that it moves to another cell.
        approve_drafts: a better plan waits until a person approves it; repairs do not.
    """

    confirm_ahead_s: float = Field(default=0.0, ge=0.0, le=86_400.0)
    improve_gain_s: float = Field(default=1.0, ge=0.0)
    improve_gain_per_move_s: float = Field(default=0.5, ge=0.0)
    approve_drafts: bool = False


class Plant(Word):
    """Everything a plant file says."""

    plant: Name
    description: str = ""
    time_zone: str = "UTC"
    products: dict[Name, Product] = Field(min_length=1)
    cells: dict[Name, Cell] = Field(min_length=1)
    sparkplug: Sparkplug | None = None
    planning: Planning = Planning()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"unknown time zone {value!r}; use a name such as Europe/Berlin"
            ) from error
        return value

    @model_validator(mode="after")
    def _references(self) -> Plant:
        problems = [
            problem
            for name, product in self.products.items()
            for index, operation in enumerate(product.operations)
            for problem in broken_programs(
                ("products", name, "operations", index, "programs"),
                operation.programs,
                {cell: set(content.programs) for cell, content in self.cells.items()},
            )
        ]
        if problems:
            raise BrokenReferences(problems)
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The plant's time zone."""
        return ZoneInfo(self.time_zone)


def broken_programs(
    path: tuple[str | int, ...],
    programs: Mapping[str, str],
    programs_by_cell: Mapping[str, Collection[str]],
) -> list[BrokenReference]:
    """Which of an operation's programs name a cell or a program that the plant does not have."""
    problems: list[BrokenReference] = []
    for cell, program in programs.items():
        known = programs_by_cell.get(cell)
        if known is None:
            expected = f"a cell of the plant: {', '.join(sorted(programs_by_cell))}"
            problems.append(BrokenReference((*path, cell), cell, expected))
        elif program not in known:
            expected = f"a program of {cell}: {', '.join(sorted(known))}"
            problems.append(BrokenReference((*path, cell), program, expected))
    return problems
