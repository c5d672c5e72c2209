from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from robot_cell.model import Plant, PlantFileError, load_plant

Change = Callable[[str], str]


@pytest.fixture
def edited(plant: Plant, tmp_path: Path, pytestconfig: pytest.Config) -> Callable[..., Path]:
    """The example with pieces of its text replaced."""
    folder = next(iter(plant.cells.values())).arm.urdf.parents[1] / "examples"

    def edit(*changes: tuple[str, str]) -> Path:
        text = (pytestconfig.rootpath / "examples/housing_plant.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = folder / f"{tmp_path.name}.yaml"
        path.write_text(text)
        return path

    return edit


def refused(path: Path) -> PlantFileError:
    with pytest.raises(PlantFileError) as error:
        load_plant(path)
    return error.value


def line_of(path: Path, text: str) -> int:
    lines = path.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_the_example(plant: Plant) -> None:
    assert set(plant.cells) == {"cell_a", "cell_b"}
    assert all(cell.arm.urdf.is_absolute() for cell in plant.cells.values())


BROKEN = [
    (
        "driver: mujoco",
        "driver: {kind: ur_rtde, host: 10.0.0.2, hots: 1}",
        "cells.cell_a.arm.driver.hots",
        "nothing: this name is unknown here (misspelt?)",
        "hots",
    ),
    (
        "arm_at: [nest]",
        "arm_at: [nset]",
        "cells.cell_a.interlocks.table_stands.arm_at.0",
        "a frame of the cell: cell, infeed",
        "[nset]",
    ),
    (
        "- {table: {state: ready}}",
        "- {tabel: {state: ready}}",
        "cells.cell_a.interlocks.table_stands.only_if.0.tabel",
        "a fixture of the cell: gripper, infeed",
        "tabel",
    ),
    (
        "commands: {table: [index]}",
        "commands: {tabel: [index]}",
        "cells.cell_a.interlocks.clamped_to_turn.commands.tabel",
        "a fixture of the cell",
        "tabel",
    ),
    (
        "        arm_at: [nest]\n",
        "",
        "cells.cell_a.interlocks.table_stands",
        "arm_at, commands or both",
        "table_stands:",
    ),
    (
        "- {table: {state: ready}}",
        "- {table: {}}",
        "cells.cell_a.interlocks.table_stands.only_if.0.table",
        "at least 1 item",
        "{table: {}}",
    ),
    (
        "arm_at: [nest]",
        "arm_in: [nest]",
        "cells.cell_a.interlocks.table_stands.arm_in",
        "this name is unknown",
        "arm_in",
    ),
    (
        "outfeed_sensor: {kind",
        "arm: {kind",
        "cells.cell_a.fixtures.arm",
        "what the cell's arm is called",
        "arm: {kind",
    ),
    # old, new, path, expected, text on the line that is to be named
    ("mass_kg: 0.30", "mass_kg: -1", "products.housing_s.part.mass_kg", "greater than 0", "-1"),
    ("mass_kg: 0.30", "mass_kg: .nan", "products.housing_s.part.mass_kg", "finite", ".nan"),
    ("mass_kg: 0.30", "mass: 1", "products.housing_s.part.mass", "this name is unknown", "mass: 1"),
    ("mass_kg: 0.30", "mass: 1", "products.housing_s.part.mass_kg", "required", "mass: 1"),
    (
        "time_zone: Europe/Berlin",
        "time_zone: Europe/Bonn",
        "time_zone",
        "such as Europe/Berlin",
        "Bonn",
    ),
    (
        "address: 2, frame: nest",
        "address: 1, frame: nest",
        "cells.cell_a.fixtures.table.address",
        "gripper has this one",
        "table: {kind",
    ),
    (
        "infeed_s: {frame: infeed",
        "infeed_s: {frame: infed",
        "cells.cell_a.poses.infeed_s.frame",
        "a frame of the cell: cell, infeed",
        "infed,",
    ),
    (
        "{cell_a: deburr_s}",
        "{cell_a: polish}",
        "products.housing_s.operations.0.programs.cell_a",
        "a program of cell_a",
        "polish",
    ),
    (
        "{cell_a: deburr_s}",
        "{cell_z: deburr_s}",
        "products.housing_s.operations.0.programs.cell_z",
        "a cell of the plant: cell_a, cell_b",
        "cell_z",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{move: lin, to: infeed_s, speed: 60}",
        "cells.cell_a.programs.deburr_s.steps.2.speed",
        "less than or equal to 1",
        "speed: 60",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{move: lin, speed: 0.6}",
        "cells.cell_a.programs.deburr_s.steps.2.to",
        "required",
        "{move: lin, speed: 0.6}",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{move: circ, to: infeed_s}",
        "cells.cell_a.programs.deburr_s.steps.2.move",
        "via with a circ move",
        "circ",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{move: lin, to: infeed_s, via: nest_s}",
        "cells.cell_a.programs.deburr_s.steps.2.move",
        "no via with a lin move",
        "via: nest_s",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{move: circ, to: infeed_s, via: home}",
        "cells.cell_a.programs.deburr_s.steps.2.via",
        "a pose given in a frame",
        "via: home",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{move: lin, to: infeed_s, blend_m: 0.02}",
        "cells.cell_a.programs.deburr_s.steps.2.blend_m",
        "exact: only the corner to a move that comes next can be cut",
        "blend_m: 0.02",
    ),
    (
        "{move: lin, to: infeed_s, speed: 0.6}",
        "{jump: far}",
        "cells.cell_a.programs.deburr_s.steps.2",
        "exactly one of: move, fixture",
        "jump",
    ),
    (
        "home: {joints_deg: [0, -90, 90, 0, 90, 0]}",
        "home: {frame: cell}",
        "cells.cell_a.arm.home",
        "joints_deg",
        "arm:",
    ),
    (
        "../urdf/ur10e.urdf.xacro",
        "../urdf/ur5.urdf.xacro",
        "cells.cell_b.arm.urdf",
        "a file;",
        "ur5",
    ),
    ("end: '22:00'", "end: '05:00'", "cells.cell_a.calendar.shifts.0", "midnight", "05:00"),
    (
        "{name: pack, prog",
        "{name: deburr, prog",
        "products.housing_s.operations.2.name",
        "",
        "deburr, programs: {cell_b",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "expected", "on_line"), BROKEN)
def test_a_broken_value_is_named_with_its_line(
    old: str, new: str, path: str, expected: str, on_line: str, edited: Callable[..., Path]
) -> None:
    file = edited((old, new))
    [problem] = [p for p in refused(file).problems if p.path == path]
    assert expected in problem.expected
    assert problem.line == line_of(file, on_line)
    assert f"{file}:{problem.line}: {path}" in str(problem)


def test_everything_is_reported_at_once_in_the_order_of_the_file(
    edited: Callable[..., Path],
) -> None:
    file = edited(
        ("{cell_a: deburr_s}", "{cell_a: polish}"),
        ("mass_kg: 0.45", "mass_kg: heavy"),
        ("address: 4", "address: 0"),
        ("cell_b:\n    description", "cell_b:\n    colour: red\n    description"),
    )
    problems = refused(file).problems
    assert [p.path for p in problems] == [
        "products.housing_s.operations.0.programs.cell_a",
        "products.housing_m.part.mass_kg",
        "cells.cell_a.fixtures.infeed.address",
        "cells.cell_b.colour",
    ]
    assert [p.line for p in problems] == sorted(p.line for p in problems)


def test_a_name_that_stands_twice(edited: Callable[..., Path]) -> None:
    file = edited(("  housing_m:\n", "  housing_s:\n"))
    [problem] = [p for p in refused(file).problems if "each name once" in p.expected]
    assert problem.path == "products.housing_s"
    assert problem.line == line_of(file, "Pump housing, medium") - 1


def test_words_that_yaml_1_1_would_change(edited: Callable[..., Path]) -> None:
    file = edited(
        ("start: '06:00'", "start: 06:00"),
        ("end: '22:00'", "end: 14:30"),
        ("Finishing of cast housings", "no"),
        ("mass_kg: 0.30", "mass_kg: 3e-1"),
    )
    plant = load_plant(file)
    shift = plant.cells["cell_a"].calendar.shifts[0]
    assert (shift.start.isoformat(), shift.end.isoformat()) == ("06:00:00", "14:30:00")
    assert plant.description == "no"
    assert plant.products["housing_s"].part.mass_kg == 0.3


FILES = [
    (b"", "the file is empty"),
    (b"# only a comment\n", "the file is empty"),
    (b"just text", "a mapping with plant, products and cells"),
    (b"plant: [1", "YAML;"),
    (b"plant: \xff\xfe", "UTF-8"),
    (b"plant: !!python/object/apply:os.system ['true']", "YAML;"),
    (b"{}", "a value; it is required"),
]


@pytest.mark.parametrize(("content", "expected"), FILES)
def test_files_that_are_no_plant(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes(content)
    assert expected in str(refused(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "a readable file" in str(refused(tmp_path / "plant.yaml"))


def test_what_is_dumped_is_read_back(plant: Plant, tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(yaml.safe_dump(plant.model_dump(mode="json", exclude_none=True)))
    assert load_plant(path) == plant
