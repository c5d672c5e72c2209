"""Steps in order, intent before and outcome after, and an end at the first step that fails.

The ports here are scripted; the same executor runs on real ones in tests/plant.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pytest

from drivers.clock import WallClock
from robot_cell.execution.control import CellControl
from robot_cell.execution.executor import Executor, FixtureOutcome, MotionOutcome
from robot_cell.model import Cell
from robot_cell.model.packml import Command, State
from robot_cell.programs import ProgramCycle, StepMotion
from robot_cell.store import StepEnd

CELL = Cell.model_validate(
    {
        "arm": {
            "urdf": "arm.urdf",
            "driver": "scripted",
            "tool": {"tcp_xyz_m": (0, 0, 0.1), "mass_kg": 1, "size_m": (0.1, 0.1, 0.1),
                     "gripper": "gripper"},
        },
        "buses": {"bus": {"port": "bus"}},
        "fixtures": {
            "gripper": {"kind": "clamp", "bus": "bus", "address": 1},
            "infeed": {"kind": "feeder", "bus": "bus", "address": 2},
        },
        "frames": {"table": {"xyz_m": (0.5, 0, 0)}},
        "poses": {"home": {"joints_deg": (0,) * 6}, "pick": {"frame": "table"}},
        "programs": {
            "carry": {
                "steps": [
                    {"fixture": "infeed", "command": "present", "args": ["$product"]},
                    {"move": "lin", "to": "pick"},
                    {"fixture": "gripper", "command": "close", "expect": {"part": "present"}},
                    {"move": "ptp", "to": "home"},
                    {"fixture": "gripper", "command": "open"},
                    {"inspect": "infeed", "expect": {"state": "idle"}},
                ]
            }
        },
    }
)  # fmt: skip
MOTION = StepMotion(np.array([0.0, 1.0]), *(np.zeros((2, 6)) for _ in range(3)))
CYCLE = ProgramCycle("carry", "housing", (0.1,) * 6, {1: MOTION, 3: MOTION})


class Story:
    """Everything that happens, in order; ports and journal in one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.values: dict[str, dict[str, str]] = {
            "gripper": {"part": "present"},
            "infeed": {"state": "idle"},
        }
        self.fails: Mapping[str, str] = {}
        self.motion = MotionOutcome(True, "", (0.0004, -0.001), (0.1, 0.2))
        self.on_move = lambda: None
        self._ids = 0

    def step_intent(
        self, operation_id: str, index: int, label: str, at_ns: int, after: StepEnd | None = None
    ) -> int:
        if after is not None:
            self.step_outcome(after.step_id, after.outcome, at_ns, after.message)
        self._ids += 1
        self.lines.append(f"intent {index} {label}")
        return self._ids

    def step_outcome(self, step_id: int, outcome: str, at_ns: int, message: str = "") -> None:
        self.lines.append(f"outcome {step_id} {outcome}")

    def follow(self, motion: StepMotion) -> MotionOutcome:
        self.lines.append("move")
        self.on_move()
        return self.motion

    def command(
        self, device: str, step_id: int, command: str, args: Sequence[str], timeout_s: float
    ) -> FixtureOutcome:
        self.lines.append(" ".join((device, command, *args)))
        status = self.fails.get(f"{device} {command}", "done")
        return FixtureOutcome(status, "as scripted", self.values[device])


def run(story: Story, control: CellControl | None = None):
    control = control or CellControl("cell_x", lambda _: None, State.EXECUTE)
    executor = Executor(CELL, story, story, story, WallClock(), control)
    return executor.run("WO-1/1/carry", "housing", CYCLE, lambda index, label: None)


def test_each_step_has_its_intent_before_and_its_outcome_after() -> None:
    story = Story()
    outcome = run(story)
    assert outcome.status == "complete"
    assert story.lines == [
        "intent 0 infeed: present housing", "infeed present housing", "outcome 1 done",
        "intent 1 lin to pick", "move", "outcome 2 done",
        "intent 2 gripper: close", "gripper close", "outcome 3 done",
        "intent 3 ptp to home", "move", "outcome 4 done",
        "intent 4 gripper: open", "gripper read", "gripper open", "outcome 5 done",
        "intent 5 inspect infeed", "infeed read", "outcome 6 done",
    ]  # fmt: skip


def test_what_was_measured_is_reported_per_motion() -> None:
    outcome = run(Story())
    assert outcome.joint_error_rad == (0.001, 0.001)
    assert outcome.end_positions_rad == ((0.1, 0.2), (0.1, 0.2))


def test_a_part_that_is_gone_after_a_move_was_dropped() -> None:
    story = Story()
    moves = iter([lambda: None, lambda: story.values["gripper"].update(part="absent")])
    story.on_move = lambda: next(moves)()
    outcome = run(story)
    assert outcome.status == "failed"
    assert "dropped" in outcome.message
    assert story.lines[-1] == "outcome 5 failed"
    assert "gripper open" not in story.lines


def test_a_reading_that_was_not_expected_fails_and_is_said() -> None:
    story = Story()
    story.values["gripper"] = {"part": "absent"}
    outcome = run(story)
    assert outcome.status == "failed"
    assert "gripper reads part = absent, expected present" in outcome.message
    assert "move" not in story.lines[9:]


@pytest.mark.parametrize(
    ("status", "recorded", "ends"),
    [("failed", "failed", "failed"), ("refused", "not_done", "failed"),
     ("uncertain", "uncertain", "uncertain")],
)  # fmt: skip
def test_a_fixture_that_does_not_do_it_ends_the_operation(status, recorded, ends) -> None:
    story = Story()
    story.fails = {"gripper close": status}
    outcome = run(story)
    assert outcome.status == ends
    assert story.lines[-1] == f"outcome 3 {recorded}"
    assert "step 3" in outcome.message


def test_a_motion_that_fails_ends_the_operation() -> None:
    story = Story()
    story.motion = MotionOutcome(False, "elbow is off")
    outcome = run(story)
    assert outcome.status == "failed"
    assert "elbow is off" in outcome.message


def test_a_stop_ends_before_the_next_step() -> None:
    story = Story()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.on_move = lambda: control.command(Command.STOP, "operator")
    outcome = run(story, control)
    assert outcome.status == "failed"
    assert "operator" in outcome.message
    assert [line for line in story.lines if line.startswith("intent")] == [
        "intent 0 infeed: present housing", "intent 1 lin to pick", "intent 2 gripper: close",
    ]  # fmt: skip
    assert story.lines[-1] == "outcome 3 not_done"
    assert "gripper close" not in story.lines


def test_the_wall_clock_starts_where_it_is_told() -> None:
    clock = WallClock()
    earlier = WallClock(clock.start() - timedelta(hours=1))
    assert earlier.now_ns() - clock.now_ns() == pytest.approx(3600e9, abs=1e9)
