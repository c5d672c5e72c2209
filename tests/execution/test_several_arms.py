"""Operations of two arms: whose step is whose, who may let go, and what is in doubt after a fault.

The ports are scripted; the same executor runs on real ones in tests/faults/test_hand_over.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from drivers.clock import WallClock
from drivers.time_page import process_birth
from robot_cell.execution.arm_state import CONNECTING
from robot_cell.execution.control import CellControl
from robot_cell.execution.executor import Executor, FixtureOutcome, MotionOutcome
from robot_cell.execution.heartbeat import Beat, Heartbeat, HeartbeatPage
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.interlocks import Interlocks, Reading
from robot_cell.execution.operation import BrokenOffError
from robot_cell.execution.safe_state import stop_motion
from robot_cell.execution.supervisor import ended_movers, lost_arms
from robot_cell.execution.trajectory_goal import GoalCode
from robot_cell.execution.verdicts import Verdicts
from robot_cell.model import Cell, Interlock
from robot_cell.model.packml import Command, State
from robot_cell.nodes.other_arms import OtherArms
from robot_cell.programs import ProgramCycle, StepMotion
from robot_cell.store import StepEnd, StepRecord

ARM = {"urdf": "arm.urdf", "driver": "scripted"}
TOOL = {"tcp_xyz_m": (0, 0, 0.1), "mass_kg": 1, "size_m": (0.1, 0.1, 0.1)}
CELL = Cell.model_validate(
    {
        "arms": {name: {**ARM, "tool": {**TOOL, "gripper": f"grip_{name}"}} for name in "ab"},
        "buses": {"bus": {"port": "bus"}},
        "fixtures": {
            f"grip_{name}": {"kind": "clamp", "bus": "bus", "address": number}
            for number, name in enumerate("ab", 1)
        },
        "frames": {"middle": {"xyz_m": (0.5, 0, 0.5)}},
        "poses": {"home": {"joints_deg": (0,) * 6}, "meet": {"frame": "middle"}},
        "programs": {
            "hand_over": {
                "steps": [
                    {"fixture": "grip_a", "command": "close", "expect": {"part": "present"}},
                    {"arm": "a", "move": "ptp", "to": "meet"},
                    {"arm": "b", "move": "ptp", "to": "meet"},
                    {"fixture": "grip_b", "command": "close", "expect": {"part": "present"}},
                    {"fixture": "grip_a", "command": "open"},
                    {"arm": "a", "move": "ptp", "to": "home"},
                    {"arm": "b", "move": "ptp", "to": "home"},
                ]
            }
        },
    }
)
THERE, BACK = (0.0, 0.5), (0.5, 0.0)


def motion(ends: tuple[float, float]) -> StepMotion:
    positions = np.array([[end] * 6 for end in ends])
    return StepMotion(np.array([0.0, 1.0]), positions, np.zeros((2, 6)), np.zeros((2, 6)))


CYCLE = ProgramCycle(
    "hand_over",
    "bush",
    (0.1,) * 7,
    {1: motion(THERE), 2: motion(THERE), 5: motion(BACK), 6: motion(BACK)},
)


class Arm:
    """One scripted arm: where it stands, and whether its motions succeed."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name, self.lines = name, lines
        self.at: tuple[float, ...] | None = (0.0,) * 6
        self.ends = MotionOutcome(True, "")
        self.on_move: Callable[[], None] = lambda: None

    def follow(self, motion: StepMotion, epoch: int) -> MotionOutcome:
        del epoch
        self.lines.append(f"{self.name} moves")
        self.on_move()
        if self.ends.ok:
            self.at = tuple(motion.positions[-1])
        return self.ends

    def standing(self) -> tuple[float, ...] | None:
        self.lines.append(f"where is {self.name}")
        return self.at


class Story:
    """Everything that happens, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.arms = {name: Arm(name, self.lines) for name in "ab"}
        self.parts = {"grip_a": "present", "grip_b": "present"}
        self.rests: list[tuple[int, Mapping[str, tuple[float, ...]], frozenset[str]]] = []
        self.alarms: list[tuple[str, str]] = []
        self.lost: tuple[str, str] | None = None
        self._ids = 0

    def step_intent(
        self, operation_id: str, index: int, label: str, at_ns: int, after: StepEnd | None = None
    ) -> int:
        del operation_id, index, at_ns, after
        self._ids += 1
        self.lines.append(f"intent {label}")
        return self._ids

    def step_outcome(self, step_id: int, outcome: str, at_ns: int, message: str = "") -> None:
        del step_id, at_ns, message
        self.lines.append(outcome)

    def raise_(self, kind: str, subject: str, text: str) -> None:
        del text
        self.alarms.append((kind, subject))

    def over(self, kinds: Collection[str], subject: str | None = None) -> None:
        """It is over."""

    def rest(
        self,
        cycle: ProgramCycle,
        index: int,
        measured_rad: Mapping[str, tuple[float, ...]],
        *,
        holding: Collection[str],
    ) -> StepMotion:
        self.rests.append((index, dict(measured_rad), frozenset(holding)))
        return cycle.motions[index]

    def outcome(self, device: str, step_id: int, timeout_s: float) -> FixtureOutcome:
        del step_id, timeout_s
        return FixtureOutcome("done", "", {"part": self.parts[device]})

    def command(
        self,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        timeout_s: float,
        epoch: int,
    ) -> FixtureOutcome:
        del step_id, args, timeout_s, epoch
        self.lines.append(f"{device} {command}")
        if command == "open":
            self.parts[device] = "absent"
        return FixtureOutcome("done", "", {"part": self.parts[device]})

    def run(self, begun: Sequence[StepRecord] = (), control: CellControl | None = None):
        executor = Executor(
            CELL, self.arms, self, self, WallClock(),
            control or CellControl("cell_x", lambda _: None, State.EXECUTE), self.rest, self,
            Interlocks(CELL), Verdicts(), lost_arm=lambda: self.lost,
        )  # fmt: skip
        return executor.run("WO/1/x", "bush", CYCLE, lambda index, label: None, begun)


def begun(count: int) -> list[StepRecord]:
    """The journal's first steps, all of them done."""
    return [StepRecord(i + 1, "WO/1/x", 1, i, "", 0, "done", None, "") for i in range(count)]


def test_each_step_is_of_its_arm_and_the_giver_asks_both_before_it_opens() -> None:
    story = Story()
    assert story.run().status == "complete"
    told = [line for line in story.lines if not line.startswith("intent") and line != "done"]
    assert told == [
        "grip_a close", "a moves", "b moves", "grip_b close",
        "grip_a read", "grip_b read", "grip_a open", "a moves", "b moves",
    ]  # fmt: skip


def test_the_giver_does_not_let_go_of_what_the_taker_has_lost() -> None:
    story = Story()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)

    def loses() -> None:
        story.parts["grip_b"] = "absent"
        control.command(Command.STOP, "ends the wait for a person")

    reads = story.command

    def command(device: str, *rest: object) -> FixtureOutcome:
        if (device, rest[1]) == ("grip_a", "read"):
            loses()
        return reads(device, *rest)  # type: ignore[arg-type]

    story.command = command  # type: ignore[method-assign]
    outcome = story.run(control=control)
    assert outcome.status == "uncertain"
    assert "grip_a open" not in story.lines
    assert ("part_unexpected", "grip_a") in story.alarms


def test_after_a_restart_every_arm_is_asked_where_it_stands() -> None:
    story = Story()
    story.arms["a"].at = story.arms["b"].at = (0.5,) * 6
    assert story.run(begun(5)).status == "complete"
    assert story.rests == []  # both are where the program has them
    asked = [line for line in story.lines if line.startswith("where")]
    assert asked == ["where is a", "where is b"]


def test_an_arm_elsewhere_has_the_others_motion_planned_anew() -> None:
    story = Story()
    story.arms["a"].at, story.arms["b"].at = (0.5,) * 6, (0.51,) * 6
    assert story.run(begun(5)).status == "complete"
    (first, then) = story.rests
    assert first == (5, {"a": (0.5,) * 6, "b": (0.51,) * 6}, frozenset("b"))
    assert then == (6, {"a": (0.0,) * 6, "b": (0.51,) * 6}, frozenset("b"))


def test_an_arm_that_does_not_say_where_it_stands_keeps_the_other_from_moving() -> None:
    story = Story()
    story.arms["a"].at, story.arms["b"].at = (0.5,) * 6, None
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    asked = story.arms["b"].standing

    def standing() -> None:
        asked()
        control.command(Command.STOP, "ends the wait for a person")

    story.arms["b"].standing = standing  # type: ignore[method-assign]
    assert story.run(begun(5), control).status == "uncertain"
    assert not any(line.endswith("moves") for line in story.lines)


def test_what_both_held_before_a_restart_they_hold_after_it() -> None:
    story = Story()
    story.arms["a"].at = story.arms["b"].at = (0.5,) * 6
    story.run(begun(4))
    assert story.lines[1:4] == ["grip_a read", "grip_b read", "grip_a open"]


@pytest.mark.parametrize("moves", [1, 2])
def test_while_an_arm_is_lost_no_step_begins(moves: int) -> None:
    story = Story()
    arm = story.arms["ab"[moves - 1]]
    arm.on_move = lambda: setattr(story, "lost", ("b", "arm b is not there"))
    with pytest.raises(BrokenOffError, match="arm b is not there"):
        story.run()
    assert story.alarms == [("arm_gone", "b")]
    assert [line for line in story.lines if line.endswith("moves")] == ["a moves", "b moves"][
        :moves
    ]


def test_a_motion_that_ends_with_its_arm_is_that_arms_alarm() -> None:
    story = Story()
    story.arms["b"].ends = MotionOutcome(False, "stop", arm_gone=True)
    with pytest.raises(BrokenOffError):
        story.run()
    assert story.alarms == [("arm_gone", "b")]


def test_an_interlock_of_one_arm_does_not_guard_the_other() -> None:
    lock = {"arm_at": ["middle"], "arm": "b", "only_if": [{"grip_a": {"part": "present"}}]}
    guarded = CELL.model_copy(update={"interlocks": {"taken": Interlock.model_validate(lock)}})
    interlocks = Interlocks(guarded)
    interlocks.note("grip_a", Reading(1, {"part": "present"}))
    steps = guarded.programs["hand_over"].steps
    assert [interlocks.guards(steps, CYCLE, i) for i in (1, 2, 5, 6)] == [
        (), ("taken",), (), ("taken",),
    ]  # fmt: skip


# -- signs of life ---------------------------------------------------------------------------------


def beat(name: str, state: str, pid: int | None = None) -> Beat:
    number = os.getpid() if pid is None else pid
    return Beat(name, number, process_birth(number), 0.1, 1.0, 0.0, state)


def test_every_page_of_a_cell_is_voided_and_no_other(tmp_path: Path) -> None:
    pages = {
        name: Horizon(tmp_path / "horizons" / f"{name}.page", 6, create=True)
        for name in ("cell.left", "cell.right", "cell_b.left", "cell_b")
    }
    for page in pages.values():
        page._words[0] = 3
    assert stop_motion(tmp_path, "cell")
    assert {name: page.stopped() for name, page in pages.items()} == {
        "cell.left": 3, "cell.right": 3, "cell_b.left": 0, "cell_b": 0,
    }  # fmt: skip


def test_a_servo_that_loses_its_arm_is_told_once() -> None:
    seen: set[str] = set()
    gone = {"left_servo": beat("left_servo", f"{CONNECTING}: EMERGENCY_STOP")}
    assert lost_arms(gone, seen) == []  # it never had one
    assert lost_arms({"left_servo": beat("left_servo", "running")}, seen) == []
    assert lost_arms(gone, seen) == ["left_servo"]
    assert lost_arms(gone, seen) == []


def test_the_node_of_each_arm_is_a_mover() -> None:
    seen: dict[str, tuple[int, int]] = {}
    movers = ("cell", "left", "right")
    ended_movers({"right": beat("right", "active")}, seen, movers)
    gone = Beat("right", os.getpid(), 1, 0.25, 5.0, 0.0, "active")
    assert ended_movers({"right": gone}, seen, movers) == ["right"]


def test_trouble_with_another_arm(tmp_path: Path) -> None:
    path = tmp_path / "cell.page"
    servo = Heartbeat(path, "right_servo", 1.0)
    others = OtherArms(HeartbeatPage(path), ["right"])
    servo.beat(f"{CONNECTING}: not yet")
    starting = others.trouble()
    assert starting is not None
    assert starting.code is GoalCode.OTHER_ARM
    servo.beat("running")
    assert others.trouble() is None
    servo.beat(f"{CONNECTING}: EMERGENCY_STOP")
    lost = others.trouble()
    assert lost is not None
    assert (lost.arm, lost.code) == ("right", GoalCode.DEVICE)
    assert "EMERGENCY_STOP" in str(lost)
    servo.close()
    ended = others.trouble()
    assert ended is not None
    assert ended.code is GoalCode.OTHER_ARM
    assert OtherArms(HeartbeatPage(path), []).trouble() is None
