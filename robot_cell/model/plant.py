"""The plant: its cells with arms, fixtures, frames, programs and calendars, and its products."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, field_validator, model_validator

from robot_cell.model.base import Name, PositiveVector3, Vector3, Word
from robot_cell.model.geometry import Box, CartesianPose, Frame, JointPose, Pose
from robot_cell.model.program import FixtureStep, InspectStep, MoveStep, Program

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
    """A serial bus. A relative port is relative to the run directory (simulated plants)."""

    port: str = Field(min_length=1)
    baudrate: int = Field(default=115_200, gt=0)


class Fixture(Word):
    """A device on a serial bus.

    Attributes:
        kind: name in the entry-point group `robot_cell.fixture_drivers`.
        address: address on its bus.
        frame: where it acts (clamps, tables, sensors, feeders); none for a gripper.
        mounted_on: the rotary table on which it is mounted, if it turns with one.
        clears: the frame from which a feeder's `clear` takes parts away.
    """

    kind: Name
    bus: Name
    address: int = Field(ge=1, le=247)
    frame: Name | None = None
    mounted_on: Name | None = None
    clears: Name | None = None
    durations_s: dict[Name, float] = Field(default_factory=dict)


class Shift(Word):
    """Working time of a cell on some weekdays, in the plant's time zone."""

    days: tuple[Weekday, ...] = Field(min_length=1)
    start: time
    end: time

    @model_validator(mode="after")
    def _ordered(self) -> Shift:
        if self.end <= self.start:
            raise ValueError("a shift ends after it starts; split one that passes midnight")
        return self


class Maintenance(Word):
    """A time in which a cell does not work although its shift says so."""

    start: AwareDatetime
    end: AwareDatetime
    reason: str = "maintenance"

    @model_validator(mode="after")
    def _ordered(self) -> Maintenance:
        if self.end <= self.start:
            raise ValueError("maintenance ends after it starts")
        return self


class Calendar(Word):
    """When a cell works; no shifts mean always."""

    shifts: tuple[Shift, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()


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
    calendar: Calendar = Calendar()

    @model_validator(mode="after")
    def _references(self) -> Cell:
        problems: list[str] = []

        def check(kind: str, name: str | None, known: object, where: str) -> None:
            if name is not None and name not in known:  # type: ignore[operator]
                listed = ", ".join(sorted(known))  # type: ignore[call-overload]
                problems.append(f"{where}: unknown {kind} {name!r}; there are: {listed}")

        for name, fixture in self.fixtures.items():
            check("bus", fixture.bus, self.buses, f"fixtures.{name}.bus")
            check("frame", fixture.frame, self.frames, f"fixtures.{name}.frame")
            check("frame", fixture.clears, self.frames, f"fixtures.{name}.clears")
            check("fixture", fixture.mounted_on, self.fixtures, f"fixtures.{name}.mounted_on")
        addresses: dict[tuple[str, int], str] = {}
        for name, fixture in self.fixtures.items():
            other = addresses.setdefault((fixture.bus, fixture.address), name)
            if other != name:
                problems.append(
                    f"fixtures.{name}.address: {fixture.address} is taken by {other} on the bus"
                )
        check("fixture", self.arm.tool.gripper, self.fixtures, "arm.tool.gripper")
        check("pose", self.arm.home, self.poses, "arm.home")
        if not isinstance(self.poses.get(self.arm.home), JointPose | None):
            problems.append("arm.home: the home pose is given as joints_deg")
        for name, pose in self.poses.items():
            if isinstance(pose, CartesianPose):
                check("frame", pose.frame, self.frames, f"poses.{name}.frame")
        for name, program in self.programs.items():
            for number, step in enumerate(program.steps, start=1):
                where = f"programs.{name}, step {number}"
                if isinstance(step, MoveStep):
                    check("pose", step.to, self.poses, where)
                    if step.above_m and isinstance(self.poses.get(step.to), JointPose):
                        problems.append(f"{where}: above_m needs a pose given by a frame")
                elif isinstance(step, FixtureStep):
                    check("fixture", step.fixture, self.fixtures, where)
                elif isinstance(step, InspectStep):
                    check("fixture", step.inspect, self.fixtures, where)
        if problems:
            raise ValueError("; ".join(problems))
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
        seen: set[str] = set()
        for operation in self.operations:
            if operation.name in seen:
                raise ValueError(f"operation {operation.name!r} is listed twice")
            for other in operation.after or ():
                if other not in seen:
                    raise ValueError(
                        f"operation {operation.name!r} is after {other!r}, "
                        "which is not listed before it"
                    )
            seen.add(operation.name)
        return self

    def predecessors(self, index: int) -> tuple[int, ...]:
        """Indices of the operations that must be complete before operation `index`."""
        after = self.operations[index].after
        if after is None:
            return (index - 1,) if index else ()
        names = [operation.name for operation in self.operations]
        return tuple(names.index(name) for name in after)


class Plant(Word):
    """Everything a plant file says."""

    plant: Name
    description: str = ""
    time_zone: str = "UTC"
    products: dict[Name, Product] = Field(min_length=1)
    cells: dict[Name, Cell] = Field(min_length=1)

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
        problems: list[str] = []
        for product_name, product in self.products.items():
            for operation in product.operations:
                for cell_name, program in operation.programs.items():
                    where = f"products.{product_name}, operation {operation.name}"
                    cell = self.cells.get(cell_name)
                    if cell is None:
                        listed = ", ".join(sorted(self.cells))
                        problems.append(f"{where}: unknown cell {cell_name!r}; there are: {listed}")
                    elif program not in cell.programs:
                        listed = ", ".join(sorted(cell.programs))
                        problems.append(
                            f"{where}: {cell_name} has no program {program!r}; it has: {listed}"
                        )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The plant's time zone."""
        return ZoneInfo(self.time_zone)


def unavailable(
    calendar: Calendar, zone: ZoneInfo, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Intervals within [start, end) in which a cell with this calendar does not work.

    Returns:
        Disjoint intervals in order, in the time zone of the plant.
    """
    open_intervals: list[tuple[datetime, datetime]] = []
    if calendar.shifts:
        day = start.astimezone(zone).date() - timedelta(days=1)
        last = end.astimezone(zone).date() + timedelta(days=1)
        while day <= last:
            open_intervals += [
                (datetime.combine(day, s.start, zone), datetime.combine(day, s.end, zone))
                for s in calendar.shifts
                if WEEKDAYS[day.weekday()] in s.days
            ]
            day += timedelta(days=1)
    else:
        open_intervals.append((start, end))
    closed: list[tuple[datetime, datetime]] = []
    at = start
    for opens, closes in sorted(open_intervals):
        if opens > at:
            closed.append((at, min(opens, end)))
        at = max(at, closes)
        if at >= end:
            break
    if at < end:
        closed.append((at, end))
    closed += [
        (max(m.start, start), min(m.end, end))
        for m in calendar.maintenance
        if m.end > start and m.start < end
    ]
    merged: list[tuple[datetime, datetime]] = []
    for opens, closes in sorted(c for c in closed if c[0] < c[1]):
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], closes))
        else:
            merged.append((opens, closes))
    return merged
