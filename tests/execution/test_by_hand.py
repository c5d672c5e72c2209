"""What falls when a gripper opens by hand, and what is thought of the cell after that."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_cell.execution.by_hand import (
    begun_after,
    lets_go,
    may_fall,
    told_since,
    within,
)
from robot_cell.execution.left_behind import held_over, left_otherwise
from robot_cell.model import Plant, load_plant
from robot_cell.store import CommandRecord, StepOutcome, StepRecord

REACH_M = 0.05
HERE = (0.62, 0.0, 0.5)
HOLDS = {"state": "closed", "part": "present"}
EMPTY = {"state": "closed", "part": "absent"}
NEST = (0.6, 0.0, 0.225)


@pytest.fixture(scope="module")
def two_arms() -> Plant:
    return load_plant(Path(__file__).parents[2] / "examples" / "handover_plant.yaml")


@pytest.mark.parametrize(
    ("left", "right", "apart_m", "falls"),
    [
        (HOLDS, HOLDS, 0.0, False),
        (HOLDS, HOLDS, REACH_M, True),  # another part, elsewhere
        (HOLDS, EMPTY, 0.0, True),
        (HOLDS, {}, 0.0, True),  # the taker does not answer
        (EMPTY, EMPTY, 0.0, False),
        ({}, EMPTY, 0.0, True),  # it does not say that it holds none
        ({"state": "closed"}, EMPTY, 0.0, True),  # nor does one without a sensor for the part
        ({"state": "open"}, EMPTY, 0.0, False),
    ],
)
def test_a_part_falls_unless_the_other_gripper_is_seen_to_have_it(
    two_arms: Plant,
    left: dict[str, str],
    right: dict[str, str],
    apart_m: float,
    falls: bool,
) -> None:
    cell = two_arms.cells["transfer"]
    readings = {"gripper_left": left, "gripper_right": right}
    at = {"left": HERE, "right": (HERE[0], HERE[1] + apart_m, HERE[2])}
    why = may_fall(cell, "gripper_left", readings, at, REACH_M)
    assert bool(why) is falls
    if falls:
        assert "--drop" in why


@pytest.mark.parametrize(
    ("clamp", "at", "falls"),
    [
        (HOLDS, NEST, False),
        (EMPTY, NEST, True),
        ({"state": "open", "part": "present"}, NEST, True),
        (HOLDS, (0.6, 0.0, 0.4), True),  # above it
    ],
)
def test_a_part_in_a_closed_clamp_does_not_fall(
    plant: Plant, clamp: dict[str, str], at: tuple[float, float, float], falls: bool
) -> None:
    readings = {"gripper": HOLDS, "nest_clamp": clamp}
    why = may_fall(plant.cells["cell_a"], "gripper", readings, {"arm": at}, REACH_M)
    assert bool(why) is falls


def test_what_acts_near_a_gripper_is_asked(plant: Plant) -> None:
    cell = plant.cells["cell_a"]
    assert within(cell, NEST, REACH_M) == ["table", "nest_clamp"]
    assert within(cell, (0.42, -0.4, 0.22), REACH_M) == ["infeed"]
    assert within(cell, HERE, REACH_M) == []


def test_only_grippers_let_parts_go(plant: Plant) -> None:
    cell = plant.cells["cell_a"]
    assert lets_go(cell, "gripper", "open")
    assert not lets_go(cell, "gripper", "close")
    assert not lets_go(cell, "nest_clamp", "open")


def given(
    step_id: int, device: str, command: str, outcome: str | None = "done", at_ns: int = 50
) -> CommandRecord:
    data = {"device": device, "command": command, "args": [], "step_id": step_id}
    return CommandRecord(
        step_id, at_ns, 0, "Kim", f"device {device} {command}", "cell_a", data, outcome, 1
    )


def step(step_id: int, outcome: StepOutcome | None) -> StepRecord:
    return StepRecord(step_id, "WO-1/1/x", 1, step_id, "a step", 10, outcome, None, "")


@pytest.mark.parametrize(
    ("begun", "commands", "told"),
    [
        ([step(4, "done")], [], []),
        ([step(4, "done")], [given(5, "gripper", "open")], ["gripper open (Kim)"]),
        ([step(6, "done")], [given(5, "gripper", "open")], []),
        # A step whose outcome nobody knew: its device may have forgotten it since.
        ([step(4, "done"), step(5, None)], [given(6, "gripper", "open")], ["gripper open (Kim)"]),
        # Asked about, and the controller died before there was an answer: asked again.
        (
            [step(4, "done"), step(6, "uncertain")],
            [given(5, "gripper", "open")],
            ["gripper open (Kim)"],
        ),
        # A person has said "do it again".
        ([step(4, "done"), step(6, "not_done")], [given(5, "gripper", "open")], []),
        ([step(4, "done")], [given(5, "gripper", "open", "refused: busy")], []),
        ([step(4, "done")], [given(5, "gripper", "open", None)], ["gripper open (Kim)"]),
        ([], [given(5, "gripper", "open", at_ns=9)], []),  # before the operation
        ([], [given(5, "gripper", "open", at_ns=11)], ["gripper open (Kim)"]),
        (
            [],
            [given(n, "table", "home") for n in range(1, 6)],
            ["2 more, table home (Kim), table home (Kim), table home (Kim)"],
        ),
    ],
)
def test_what_was_told_since_the_last_step_is_told(
    begun: list[StepRecord], commands: list[CommandRecord], told: list[str]
) -> None:
    found = told_since(commands, begun, 10)
    assert bool(found) is bool(told)
    for text in told:
        assert text in found


@pytest.mark.parametrize(
    ("commands", "last_step", "holds", "says"),
    [
        ([given(5, "gripper", "close")], 4, "", "gripper was last told close by hand"),
        ([given(5, "gripper", "close")], 6, "gripper", ""),  # a program has run since
        ([given(5, "gripper", "close"), given(6, "gripper", "open")], 4, "", ""),
        ([given(5, "gripper", "close", "refused: busy")], 4, "gripper", ""),
        ([given(5, "table", "home")], 4, "", ""),
        ([given(5, "nest_clamp", "close", None)], 4, "", "nest_clamp was last told close by hand"),
        # Whoever has acted by hand takes the part out as well.
        ([given(5, "table", "home")], 4, "gripper", "gripper holds a part"),
        ([given(5, "table", "home")], 4, "nest_clamp", ""),
    ],
)
def test_programs_begin_with_empty_grippers_and_jaws_as_they_leave_them(
    plant: Plant, commands: list[CommandRecord], last_step: int, holds: str, says: str
) -> None:
    since = begun_after(commands, last_step)
    found = left_otherwise(
        plant.cells["cell_a"], since, lambda device: HOLDS if device == holds else EMPTY
    )
    assert (says in found) if says else (found == "")


def test_a_part_that_no_program_leaves_in_a_gripper_is_in_the_way(plant: Plant) -> None:
    cell = plant.cells["cell_a"]
    assert "gripper holds a part" in held_over(cell, lambda _: HOLDS)
    assert held_over(cell, lambda _: EMPTY) == ""
    assert held_over(cell, lambda _: {}) == "", "one that does not answer says nothing of it"
    name, program = next((n, p) for n, p in cell.programs.items() if p.steps)
    step = next(s for s in program.steps if getattr(s, "fixture", "") == "gripper")
    closed = step.model_copy(update={"command": "close"})
    leaves = program.model_copy(update={"steps": [*program.steps, closed]})
    keeps = cell.model_copy(update={"programs": cell.programs | {name: leaves}})
    assert held_over(keeps, lambda _: HOLDS) == "", "the next one may begin with it"
