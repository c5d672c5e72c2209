"""Register maps: what the values and commands of a Modbus device are, written in YAML."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from robot_cell.model.base import BrokenReference, BrokenReferences, Name, Word
from robot_cell.model.yaml_file import Location, PlantFileError, YamlFile

__all__ = ["Point", "RegisterCommand", "RegisterMap", "Rule", "Steps", "load_register_map"]

_WIDTHS = {"16": 1, "32": 2, "64": 4}

Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,15}$")]
_ARGUMENT = re.compile(r"\$[a-z][a-z0-9_]{0,47}")


class Point(Word):
    """One value of a device: value = raw * scale + offset, in `unit`.

    Attributes:
        table: which of the four tables of Modbus; in a table of bits there is no type.
        address: of its first entry as on the wire: 40001 of a manual is holding register 0.
        plausible: lowest and highest value that can be true.
    """

    table: Literal["coil", "discrete_input", "holding_register", "input_register"]
    address: int = Field(ge=0, le=65535)
    type: Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"] = (
        "uint16"
    )
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    plausible: tuple[float, float] | None = None

    @property
    def of_bits(self) -> bool:
        """Whether it is a single bit."""
        return self.table in ("coil", "discrete_input")

    @property
    def width(self) -> int:
        """How many entries of its table it takes."""
        return 1 if self.of_bits else _WIDTHS[self.type[-2:]]

    @model_validator(mode="after")
    def _numbers(self) -> Point:
        problems: list[BrokenReference] = []
        if self.of_bits:
            for name in sorted(self.model_fields_set & {"type", "scale", "offset", "plausible"}):
                expected = f"nothing: a {self.table} is 0 or 1"
                problems.append(BrokenReference((name,), getattr(self, name), expected))
        if self.scale == 0.0:
            problems.append(BrokenReference(("scale",), self.scale, "another number than 0"))
        if self.plausible is not None and self.plausible[0] >= self.plausible[1]:
            expected = "two numbers, the lower one first"
            problems.append(BrokenReference(("plausible",), self.plausible, expected))
        if self.address + self.width > 65536:
            expected = f"at most {65536 - self.width}, for the last of its {self.width} registers"
            problems.append(BrokenReference(("address",), self.address, expected))
        if problems:
            raise BrokenReferences(problems)
        return self


class Rule(Word):
    """A reading says `is` when each point in `when` has that value."""

    says: str = Field(alias="is", min_length=1)
    when: dict[Name, float] = Field(min_length=1)


class RegisterCommand(Word):
    """What is written for a command, and what the device reads when it is done.

    Attributes:
        write: a value for each point; `$name` is an argument of the command.
        until: readings that say that it is done; only for a device that remembers no steps.
    """

    does: str = ""
    duration_s: float = Field(gt=0.0)
    write: dict[Name, float | str] = Field(min_length=1)
    until: dict[Name, str] = Field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of its arguments, in the order in which they are written."""
        names = (value.removeprefix("$") for value in self.write.values() if isinstance(value, str))
        return tuple(dict.fromkeys(names))


class Steps(Word):
    """Where a device remembers its last step.

    Attributes:
        id: holding register that a command's step id is written to.
        last_id: point with the id of the step that the device began last.
        outcome: point that says what became of it: `running`, `done`, or one of `failed`.
    """

    id: Name
    last_id: Name
    outcome: Name
    running: int
    done: int
    failed: dict[int, Code] = Field(min_length=1)


class RegisterMap(Word):
    """A kind of Modbus device.

    Attributes:
        device: what it is.
        word_order: of values wider than one register.
        readings: what READ tells: a point as it is, or the first rule that holds. When none holds,
            the points contradict each other, and the reading is not plausible.
        stop: a value for each point that a stop writes.
        identity: a value for each point by which the device is known.
        steps: none for a device that remembers no steps.
    """

    device: Name
    description: str = ""
    word_order: Literal["high_first", "low_first"] = "high_first"
    points: dict[Name, Point] = Field(min_length=1)
    readings: dict[Name, str | tuple[Rule, ...]]
    commands: dict[Name, RegisterCommand] = Field(default_factory=dict)
    stop: dict[Name, float] = Field(default_factory=dict)
    identity: dict[Name, float] = Field(default_factory=dict)
    steps: Steps | None = None

    @model_validator(mode="after")
    def _references(self) -> RegisterMap:
        problems = [
            *self._broken_readings(),
            *self._broken_commands(),
            *self._unknown(("stop",), self.stop, written=True),
            *self._unknown(("identity",), self.identity),
            *self._broken_steps(),
            *self._overlaps(),
        ]
        if "state" not in self.readings:
            expected = "a reading named state; every device has one"
            problems.append(BrokenReference(("readings",), None, expected))
        if problems:
            raise BrokenReferences(problems)
        return self

    def _unknown(
        self, path: Location, names: Iterable[str], *, written: bool = False
    ) -> list[BrokenReference]:
        problems = []
        for name in names:
            point = self.points.get(name)
            if point is None:
                expected = f"a point of the map: {', '.join(self.points)}"
                problems.append(BrokenReference((*path, name), name, expected))
            elif written and point.table not in ("coil", "holding_register"):
                expected = f"a coil or a holding register; nobody can write a {point.table}"
                problems.append(BrokenReference((*path, name), name, expected))
        return problems

    def _broken_readings(self) -> list[BrokenReference]:
        problems: list[BrokenReference] = []
        for name, reading in self.readings.items():
            if isinstance(reading, str):
                problems += [
                    BrokenReference(one.path[:-1], one.value, one.expected)
                    for one in self._unknown(("readings", name), [reading])
                ]
                continue
            for index, rule in enumerate(reading):
                problems += self._unknown(("readings", name, index, "when"), rule.when)
        return problems

    def _broken_commands(self) -> list[BrokenReference]:
        problems: list[BrokenReference] = []
        for name, command in self.commands.items():
            here: Location = ("commands", name)
            problems += self._unknown((*here, "write"), command.write, written=True)
            for point, value in command.write.items():
                if isinstance(value, str) and not _ARGUMENT.fullmatch(value):
                    expected = "a number, or $name for an argument of the command"
                    problems.append(BrokenReference((*here, "write", point), value, expected))
            for reading, text in command.until.items():
                said = self.sayings(reading)
                if said is None:
                    expected = f"a reading with rules: {', '.join(self.readings)}"
                    problems.append(BrokenReference((*here, "until", reading), reading, expected))
                elif text not in said:
                    expected = f"what {reading} can say: {', '.join(said)}"
                    problems.append(BrokenReference((*here, "until", reading), text, expected))
            if self.steps is None and not command.until:
                expected = "readings that say that it is done: the device remembers no steps"
                problems.append(BrokenReference((*here, "until"), None, expected))
            if self.steps is not None and command.until:
                expected = "nothing: a device with steps says itself what became of one"
                problems.append(BrokenReference((*here, "until"), dict(command.until), expected))
        return problems

    def sayings(self, reading: str) -> Collection[str] | None:
        """What a reading can say; None if it is a number, or there is none of that name."""
        rules = self.readings.get(reading)
        return [rule.says for rule in rules] if isinstance(rules, tuple) else None

    def _broken_steps(self) -> list[BrokenReference]:
        steps = self.steps
        if steps is None:
            return []
        used = {"id": steps.id, "last_id": steps.last_id, "outcome": steps.outcome}
        problems = []
        for key, name in used.items():
            point = self.points.get(name)
            if point is None:
                expected = f"a point of the map: {', '.join(self.points)}"
            elif point.of_bits or not point.type.startswith("uint") or point.scale != 1.0:
                expected = "a register of type uint16, uint32 or uint64 without scale"
            elif key == "id" and point.table != "holding_register":
                expected = "a holding register"
            else:
                continue
            problems.append(BrokenReference(("steps", key), name, expected))
        if problems:
            return problems
        if not self._side_by_side([steps.last_id, steps.outcome]):
            expected = "a point right beside last_id in the same table: one request reads both"
            problems.append(BrokenReference(("steps", "outcome"), steps.outcome, expected))
        for name, command in self.commands.items():
            known = all(point in self.points for point in command.write)
            if known and not self._side_by_side([steps.id, *command.write]):
                expected = (
                    f"points side by side with {steps.id}: the step id and its command have to "
                    "arrive in one request"
                )
                path = ("commands", name, "write")
                problems.append(BrokenReference(path, dict(command.write), expected))
        return problems

    def _side_by_side(self, names: Collection[str]) -> bool:
        points = sorted((self.points[name] for name in set(names)), key=lambda p: p.address)
        return all(
            one.table == other.table and one.address + one.width == other.address
            for one, other in pairwise(points)
        )

    def _overlaps(self) -> list[BrokenReference]:
        problems = []
        by_place = sorted(self.points.items(), key=lambda item: (item[1].table, item[1].address))
        for (before, one), (name, other) in pairwise(by_place):
            if one.table == other.table and one.address + one.width > other.address:
                expected = f"an address that {before} does not take"
                problems.append(
                    BrokenReference(("points", name, "address"), other.address, expected)
                )
        return problems


def load_register_map(path: Path | str) -> RegisterMap:
    """Read and check a register map.

    Raises:
        PlantFileError: with every problem found, each with line and key.
    """
    file = YamlFile(Path(path), "a register map", "device, points and readings")
    registers: RegisterMap | None = None
    try:
        registers = RegisterMap.model_validate(file.content)
    except ValidationError as error:
        file.report_all(error)
    if file.problems or registers is None:
        raise PlantFileError(file.problems)
    return registers
