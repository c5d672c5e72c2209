"""The plant: its cells with arms, fixtures, frames, programs and calendars, and its products."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, field_validator, model_validator

from robot_cell.model.arm_driver import Driver, MujocoDriver
from robot_cell.model.arm_names import THE_ARM
from robot_cell.model.base import (
    BrokenReference,
    BrokenReferences,
    Name,
    PositiveVector3,
    Vector3,
    Word,
)
from robot_cell.model.calendar import Calendar
from robot_cell.model.cell_references import broken_references
from robot_cell.model.geometry import Box, Frame, Pose
from robot_cell.model.interlock import Interlock
from robot_cell.model.program import FixtureStep, MoveStep, Program, Step
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


class Base(Word):
    """Where an arm stands: its base link in the cell's frame."""

    xyz_m: Vector3 = (0.0, 0.0, 0.0)
    rpy_deg: Vector3 = (0.0, 0.0, 0.0)


class Arm(Word):
    """An industrial arm.

    Attributes:
        urdf: path of the URDF or xacro file, relative to the plant file's folder or absolute.
        driver: how it is spoken to (docs/arms.md).
        simulate_as: what takes the driver's place in simulated time.
        home: taught pose where every program starts and ends.
        base: where it stands; in the origin of the cell's frame unless given.
    """

    urdf: Path
    driver: Driver
    tool: Tool
    home: Name = "home"
    simulate_as: Driver = MujocoDriver()
    base: Base = Base()

    def driver_for(self, *, simulated: bool) -> Driver:
        """The driver to use: a plant in simulated time never moves its real arm."""
        return self.simulate_as if simulated else self.driver


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


SetupTime = Annotated[float, Field(ge=0.0, le=86_400.0)]
"""Seconds; a day at most."""


class Cell(Word):
    """A robot cell, with one arm or several; geometry is in its frame, metres and degrees.

    `arm: {...}` is short for one arm that is called `arm`; its base is mostly the cell's origin.
    `arms: {left: {...}, right: {...}}` names several (docs/several_arms.md).

    Attributes:
        setups_s: seconds to set the cell up, from the product made last to the next one; none
            between products that are not named (docs/scheduling.md).
    """

    model_config = ConfigDict(serialize_by_alias=True)

    description: str = ""
    arm_: Arm | None = Field(default=None, alias="arm")
    arms_: dict[Name, Arm] | None = Field(default=None, alias="arms")
    buses: dict[Name, Bus] = Field(min_length=1)
    fixtures: dict[Name, Fixture] = Field(min_length=1)
    frames: dict[Name, Frame]
    obstacles: tuple[Box, ...] = ()
    poses: dict[Name, Pose]
    programs: dict[Name, Program]
    interlocks: dict[Name, Interlock] = Field(default_factory=dict)
    calendar: Calendar = Calendar()
    setups_s: dict[Name, dict[Name, SetupTime]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _references(self) -> Cell:
        problems = broken_references(self)
        if problems:
            raise BrokenReferences(problems)
        return self

    @property
    def arms(self) -> Mapping[str, Arm]:
        """The cell's arms by name, in the order of the file."""
        return self.arms_ or ({} if self.arm_ is None else {THE_ARM: self.arm_})

    @property
    def arm(self) -> Arm:
        """The arm of a cell that has one.

        Raises:
            ValueError: it has several.
        """
        (only,) = self.arms.values()
        return only

    def with_arms(self, arms: Mapping[str, Arm]) -> Cell:
        """The same cell with other arms of the same names."""
        if self.arms_ is None:
            return self.model_copy(update={"arm_": arms[THE_ARM]})
        return self.model_copy(update={"arms_": dict(arms)})

    def path_of(self, arm: str) -> tuple[str, ...]:
        """Where in its section of the plant file an arm stands."""
        return ("arm",) if self.arms_ is None else ("arms", arm)

    @property
    def grippers(self) -> Mapping[str, str]:
        """The arm of each gripper, by the gripper's name."""
        return {arm.tool.gripper: name for name, arm in self.arms.items()}

    def mover(self, step: MoveStep) -> str:
        """Name of the arm that makes a move."""
        return step.arm or next(iter(self.arms))

    def gripping(self, step: Step) -> tuple[str, str] | None:
        """The arm whose gripper a step opens or closes, and the command; None of other steps."""
        if not isinstance(step, FixtureStep) or step.command not in ("open", "close"):
            return None
        arm = self.grippers.get(step.fixture)
        return None if arm is None else (arm, step.command)


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


class OpcUa(Word):
    """That the gateway is an OPC UA server as well.

    Attributes:
        port: 0 takes a free one (the one it had before, after a restart).
        anonymous_reading: one may read, and nothing else, without a token.
    """

    port: int = Field(default=4840, ge=0, le=65_535)
    anonymous_reading: bool = False


class Plant(Word):
    """Everything a plant file says."""

    plant: Name
    description: str = ""
    time_zone: str = "UTC"
    products: dict[Name, Product] = Field(min_length=1)
    cells: dict[Name, Cell] = Field(min_length=1)
    planning: Planning = Planning()
    opcua: OpcUa | None = None
    sparkplug: Sparkplug | None = None

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
        for name, cell in self.cells.items():
            problems += _broken_setups(("cells", name, "setups_s"), cell, self.products)
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


def _broken_setups(
    path: tuple[str | int, ...], cell: Cell, products: Collection[str]
) -> list[BrokenReference]:
    """Which of a cell's setups name products that the plant does not have, or one product twice."""
    problems: list[BrokenReference] = []
    known = f"a product of the plant: {', '.join(sorted(products))}"
    for before, times in cell.setups_s.items():
        if before not in products:
            problems.append(BrokenReference((*path, before), before, known))
        for product in times:
            if product not in products:
                problems.append(BrokenReference((*path, before, product), product, known))
            elif product == before:
                expected = "another product; what every part needs belongs into the program"
                problems.append(BrokenReference((*path, before, product), product, expected))
    return problems
