"""Reads a plant file: YAML in, a validated `Plant` out, or every error at once with its line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from robot_cell.model.base import BrokenReference
from robot_cell.model.plant import Cell, Fixture, Plant, broken_programs
from robot_cell.model.program import FixtureStep, InspectStep
from robot_cell.model.register_map import RegisterMap, load_register_map
from robot_cell.model.sparkplug import with_files
from robot_cell.model.yaml_file import Location, PlantFileError, PlantFileProblem, YamlFile

__all__ = ["PlantFileError", "PlantFileProblem", "load_plant"]


def load_plant(path: Path | str) -> Plant:
    """Read and check a plant file, and the register maps that it names.

    The paths in `arm.urdf`, `registers` and `sparkplug` come back absolute; in the file they are
    relative to its folder. Durations that a register map knows and the plant file does not give are
    filled in.

    Raises:
        PlantFileError: with every problem found.
    """
    file = YamlFile(Path(path), "a plant", "plant, products and cells")
    plant: Plant | None = None
    try:
        plant = Plant.model_validate(file.content)
    except ValidationError as error:
        file.report_all(error)
        # Pydantic checks a plant's own references only when all its parts are good.
        if all(item["loc"] for item in error.errors()):
            for broken in _broken_recipes(file.content):
                file.report(broken.path, broken.value, broken.expected)
    if plant is not None:
        plant = _with_sparkplug(_with_registers(_with_urdfs(plant, file), file), file)
    if file.problems or plant is None:
        raise PlantFileError(file.problems)
    return plant


def _broken_recipes(raw: dict[str, Any]) -> list[BrokenReference]:
    try:
        programs_by_cell = {c: set(cell["programs"]) for c, cell in raw["cells"].items()}
        return [
            broken
            for name, product in raw["products"].items()
            for index, operation in enumerate(product["operations"])
            for broken in broken_programs(
                ("products", name, "operations", index, "programs"),
                operation["programs"],
                programs_by_cell,
            )
        ]
    except (AttributeError, KeyError, TypeError):
        return []  # the shape is wrong, and that has been reported


def _with_urdfs(plant: Plant, file: YamlFile) -> Plant:
    folder = file.path.absolute().parent
    cells = {}
    for name, cell in plant.cells.items():
        arms = {}
        for arm_name, arm in cell.arms.items():
            urdf = (folder / arm.urdf).resolve()
            if not urdf.is_file():
                place = ("cells", name, *cell.path_of(arm_name), "urdf")
                file.report(place, str(arm.urdf), f"a file; {urdf} is none")
            arms[arm_name] = arm.model_copy(update={"urdf": urdf})
        cells[name] = cell.with_arms(arms)
    return plant.model_copy(update={"cells": cells})


def _with_registers(plant: Plant, file: YamlFile) -> Plant:
    folder = file.path.absolute().parent
    known: dict[Path, RegisterMap | None] = {}
    cells = {}
    for name, cell in plant.cells.items():
        fixtures = {}
        for device, fixture in cell.fixtures.items():
            fixtures[device] = fixture
            if fixture.registers is None:
                continue
            path = (folder / fixture.registers).resolve()
            if not path.is_file():
                place = ("cells", name, "fixtures", device, "registers")
                file.report(place, str(fixture.registers), f"a file; {path} is none")
                continue
            if path not in known:
                try:
                    known[path] = load_register_map(path)
                except PlantFileError as error:
                    known[path] = None
                    file.problems.extend(error.problems)
            registers = known[path]
            fixtures[device] = _with_durations(fixture, path, registers)
            if registers is not None:
                _check_programs(cell, name, device, registers, file)
        cells[name] = cell.model_copy(update={"fixtures": fixtures})
    return plant.model_copy(update={"cells": cells})


def _with_sparkplug(plant: Plant, file: YamlFile) -> Plant:
    if plant.sparkplug is None:
        return plant
    section, problems = with_files(plant.sparkplug, file.path.absolute().parent)
    for problem in problems:
        file.report(problem.path, problem.value, problem.expected)
    return plant.model_copy(update={"sparkplug": section})


def _check_programs(
    cell: Cell, name: str, device: str, registers: RegisterMap, file: YamlFile
) -> None:
    """See that a cell's programs and interlocks ask of a device what its register map has."""
    for program, content in cell.programs.items():
        for index, step in enumerate(content.steps):
            here = ("cells", name, "programs", program, "steps", index)
            if isinstance(step, FixtureStep) and step.fixture == device:
                command = registers.commands.get(step.command)
                if command is None:
                    known = ", ".join(registers.commands) or "it has none"
                    expected = f"a command of {registers.device}: {known}"
                    file.report((*here, "command"), step.command, expected)
                elif len(step.args) != len(command.arguments):
                    named = ", ".join(command.arguments) or "none"
                    file.report((*here, "args"), list(step.args), f"its arguments: {named}")
            elif not (isinstance(step, InspectStep) and step.inspect == device):
                continue
            _check_readings((*here, "expect"), step.expect, registers, file)
    for interlock, wanted in cell.interlocks.items():
        for index, condition in enumerate(wanted.only_if):
            at = ("cells", name, "interlocks", interlock, "only_if", index, device)
            _check_readings(at, condition.get(device, {}), registers, file)


def _check_readings(
    at: Location, expect: Mapping[str, str], registers: RegisterMap, file: YamlFile
) -> None:
    """See that readings exist, and can say what is expected of them."""
    for reading, text in expect.items():
        said = registers.sayings(reading)
        if reading not in registers.readings:
            expected = f"a reading of {registers.device}: {', '.join(registers.readings)}"
            file.report((*at, reading), reading, expected)
        elif said is not None and text not in said:
            expected = f"what {reading} can say: {', '.join(said)}"
            file.report((*at, reading), text, expected)


def _with_durations(fixture: Fixture, path: Path, registers: RegisterMap | None) -> Fixture:
    commands = registers.commands if registers is not None else {}
    durations = {name: command.duration_s for name, command in commands.items()}
    update = {"registers": path, "durations_s": {**durations, **fixture.durations_s}}
    return fixture.model_copy(update=update)
