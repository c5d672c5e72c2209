"""Cells with several arms: what a plant file may say of them, and what of it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from robot_cell.model import FixtureStep, Interlock, MoveStep, Plant, PlantFileError, load_plant
from robot_cell.model.arm_names import (
    base_frame,
    joint_states_topic,
    page_name,
    servo_name,
    socket_name,
)
from robot_cell.model.device_fault import breakable_devices, read_device_fault
from robot_cell.model.hands import known_to_hold
from robot_cell.model.step_text import describe

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = (EXAMPLES / "handover_plant.yaml").read_text()
GIVES = "          - {fixture: gripper_left, command: open}\n"
TAKES = "          - {fixture: gripper_right, command: close, expect: {part: present}}\n"
LEFT = "tool: {tcp_xyz_m: [0, 0, 0.150], mass_kg: 0.9, size_m: [0.06, 0.06, 0.10], gripper: "


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(EXAMPLES / "handover_plant.yaml")


def test_the_arms_of_a_cell_have_names_and_places(plant: Plant) -> None:
    cell = plant.cells["transfer"]
    assert list(cell.arms) == ["left", "right"]
    assert cell.arms["right"].base.xyz_m == (1.35, 0.0, 0.0)
    assert cell.grippers == {"gripper_left": "left", "gripper_right": "right"}
    with pytest.raises(ValueError, match="too many values"):
        _ = cell.arm
    assert read_device_fault("left:off@3s", breakable_devices(plant))[0].device == "left"


def test_one_arm_is_called_arm_and_keeps_its_short_names() -> None:
    cell = load_plant(EXAMPLES / "housing_plant.yaml").cells["cell_a"]
    assert cell.arms == {"arm": cell.arm}
    assert cell.arm.base.xyz_m == (0.0, 0.0, 0.0)
    names = [
        (joint_states_topic, ("arm",), "joint_states", "left/joint_states"),
        (base_frame, ("cell_a", "arm"), "cell_a/base_link", "cell_a/left/base_link"),
        (servo_name, ("arm",), "servo", "left_servo"),
        (page_name, ("cell_a", "arm"), "cell_a", "cell_a.left"),
        (socket_name, ("cell_a", "arm"), "cell_a.arm", "cell_a.left"),
    ]
    for named, arguments, of_one, of_left in names:
        assert named(*arguments) == of_one  # type: ignore[operator]
        assert named(*(*arguments[:-1], "left")) == of_left  # type: ignore[operator]
    assert describe(MoveStep(move="lin", to="nest"), "p") == "lin to nest"
    assert describe(MoveStep(move="lin", to="nest", arm="left"), "p") == "left: lin to nest"


def test_who_holds_the_part_step_by_step(plant: Plant) -> None:
    cell = plant.cells["transfer"]
    steps = cell.programs["hand_over"].steps
    holding = known_to_hold(cell, steps)
    (opens, puts_down) = [
        i for i, s in enumerate(steps) if isinstance(s, FixtureStep) and s.command == "open"
    ]
    assert holding[0] == holding[-1] == frozenset()
    assert holding[opens] == {"left", "right"}
    assert holding[opens + 1] == holding[puts_down] == {"right"}


BAD = [
    # old, new, path, expected
    (
        "arm: left, move: lin, to: infeed, speed: 0.6",
        "move: lin, to: infeed, speed: 0.6",
        "steps.2.arm",
        "which arm moves, one of: left, right",
    ),
    (
        "arm: left, move: lin, to: infeed, speed: 0.6",
        "arm: middle, move: lin, to: infeed",
        "steps.2.arm",
        "an arm of the cell: left, right",
    ),
    ("      right:\n", "      cell:\n", "cells.transfer.arms.cell", "another name"),
    (
        "gripper: gripper_right}",
        "gripper: gripper_left}",
        "arms.right.tool.gripper",
        "a gripper of its own; left has this one",
    ),
    (
        "gripper: gripper_right}",
        "gripper: hand}",
        "arms.right.tool.gripper",
        "a fixture of the cell",
    ),
    (
        "      gripper_left: {kind",
        "      left: {kind",
        "fixtures.left",
        "what the cell's arm is called",
    ),
    (
        "    arms:\n      left:\n",
        "    arm: {urdf: a, driver: mujoco, tool: {tcp_xyz_m: [0, 0, 0.1], "
        "mass_kg: 1, size_m: [1, 1, 1], gripper: gripper_left}}\n    arms:\n      left:\n",
        "cells.transfer.arms",
        "nothing, as arm: is given",
    ),
    (
        "base: {xyz_m: [1.35, 0, 0], rpy_deg: [0, 0, 180]}",
        "home: far",
        "arms.right.home",
        "a pose of",
    ),
    ("base: {xyz_m: [1.35, 0, 0]", "base: {xyz: [1.35, 0, 0]", "arms.right.base.xyz", "unknown"),
    (
        "to: give}\n",
        "to: give, blend_m: 0.05}\n",
        "steps.5.blend_m",
        "of the same arm that comes next",
    ),
    (
        "      give: {frame: give}\n",
        "      give: {joints_deg: [0, 0, 0, 0, 0, 0, 0]}\n",
        "steps.5.to",
        "a pose of 6 joints, as the home of left has",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "expected"), BAD)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, old: str, new: str, path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, TEXT.replace(old, new, 1), old)
    assert any(p.path.endswith(path) and expected in p.expected for p in problems), problems


AIR = [
    pytest.param(TEXT.replace(GIVES, "", 1).replace(TAKES, GIVES + TAKES, 1), id="too early"),
    pytest.param(TEXT.replace(TAKES, "", 1), id="nobody takes it"),
    pytest.param(
        TEXT.replace(TAKES, TAKES.replace(", expect: {part: present}", ""), 1), id="not known"
    ),
]


@pytest.mark.parametrize("text", AIR)
def test_a_giver_that_lets_go_in_the_air_is_an_error_of_the_program(
    tmp_path: Path, text: str
) -> None:
    (problem,) = problems_of(tmp_path, text, "")
    assert problem.path.endswith(".command")
    assert "before left lets go of it" in problem.expected


def test_a_part_may_be_put_on_an_obstacle(tmp_path: Path) -> None:
    put_down = TEXT.replace(TAKES, "", 1).replace("obstacles:\n", "obstacles:\n"
        "      - {name: shelf, size_m: [0.1, 0.1, 0.1], xyz_m: [0.62, 0, 0.42]}\n", 1)  # fmt: skip
    path = tmp_path / "plant.yaml"
    path.write_text(with_arms(put_down))
    load_plant(path)


def test_a_cell_has_arms(tmp_path: Path) -> None:
    begin, end = TEXT.index("    arms:\n"), TEXT.index("    buses:\n")
    (problem,) = problems_of(tmp_path, TEXT[:begin] + TEXT[end:], "")
    assert "an arm, as arm: {...}, or several" in problem.expected


def test_an_interlock_may_be_for_one_arm() -> None:
    only_if = [{"table": {"state": "ready"}}]
    every = Interlock.model_validate({"arm_at": ["nest"], "only_if": only_if})
    left = Interlock.model_validate({"arm_at": ["nest"], "arm": "left", "only_if": only_if})
    assert every.guards_move("right", {"nest"})
    assert left.guards_move("left", {"nest"})
    assert not left.guards_move("right", {"nest"})
    assert not left.guards_move("left", {"infeed"})
    with pytest.raises(ValidationError, match="arm_at with arm"):
        Interlock.model_validate({"commands": {"a": ["b"]}, "arm": "left", "only_if": only_if})


def with_arms(text: str) -> str:
    return text.replace("../urdf/", f"{EXAMPLES.parent}/urdf/")


def problems_of(folder: Path, text: str, changed: str):
    assert changed in TEXT
    path = folder / "plant.yaml"
    path.write_text(with_arms(text))
    with pytest.raises(PlantFileError) as error:
        load_plant(path)
    return error.value.problems
