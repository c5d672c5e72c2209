"""Steps in order, intent before and outcome after, and an end at the first step that fails.

The ports here are scripted; the same executor runs on real ones in tests/plant.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest

from drivers.clock import WallClock
from robot_cell.execution.asking import Recovery
from robot_cell.execution.control import CellControl, CommandRefusedError
from robot_cell.execution.executor import Executor, FixtureOutcome, MotionOutcome
from robot_cell.execution.interlocks import Interlocks, Reading
from robot_cell.execution.verdicts import Verdict, VerdictRefusedError, Verdicts, read_word
from robot_cell.model import Cell, Interlock
from robot_cell.model.packml import Command, State
from robot_cell.programs import ProgramCycle, StepMotion
from robot_cell.store import StepEnd, StepRecord

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
MOTION = StepMotion(
    np.array([0.0, 1.0]),
    np.array([[0.0] * 6, [0.5] * 6]),
    *(np.zeros((2, 6)) for _ in range(2)),
)
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
        self.asked: dict[int, FixtureOutcome] = {}
        self.stands: tuple[float, ...] | None = (0.0,) * 6
        self.rests: list[int] = []
        self.motion = MotionOutcome(True, "", (0.0004, -0.001), (0.1, 0.2))
        self.on_move = lambda: None
        self.on_command: Callable[[str], None] = lambda command: None
        self.alarms: list[tuple[str, str]] = []
        self.epochs: list[int] = []
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

    def raise_(self, kind: str, subject: str, text: str) -> None:
        self.alarms.append((kind, subject))

    def over(self, kinds: Sequence[str], subject: str | None = None) -> None:
        self.alarms = [one for one in self.alarms if one[0] not in kinds]

    def follow(self, motion: StepMotion, epoch: int) -> MotionOutcome:
        self.lines.append("move")
        self.epochs.append(epoch)
        self.on_move()
        return self.motion

    def standing(self) -> tuple[float, ...] | None:
        self.lines.append("where does the arm stand")
        return self.stands

    def rest(self, cycle, index, measured_rad, *, holding) -> StepMotion:
        self.lines.append(f"plan the rest of {index}{' with a part' if holding else ''}")
        return MOTION

    def outcome(self, device: str, step_id: int, timeout_s: float) -> FixtureOutcome:
        self.lines.append(f"{device} outcome of {step_id}")
        return self.asked.get(step_id, FixtureOutcome("uncertain", "silent"))

    def command(
        self,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        timeout_s: float,
        epoch: int,
    ) -> FixtureOutcome:
        self.lines.append(" ".join((device, command, *args)))
        self.epochs.append(epoch)
        self.on_command(f"{device} {command}")
        status = self.fails.get(f"{device} {command}", "done")
        return FixtureOutcome(status, "as scripted", self.values[device])


def run(
    story: Story,
    control: CellControl | None = None,
    begun: Sequence[StepRecord] = (),
    verdicts: Verdicts | None = None,
    recovery: Recovery = "ask",
    interlocks: Interlocks | None = None,
    by_hand: str = "",
):
    control = control or CellControl("cell_x", lambda _: None, State.EXECUTE)
    interlocks = interlocks or Interlocks(CELL)
    executor = Executor(
        interlocks._cell, {"arm": story}, story, story, WallClock(), control, story.rest, story,
        interlocks, verdicts or Verdicts(), recovery,
    )  # fmt: skip
    return executor.run("WO-1/1/carry", "housing", CYCLE, lambda index, label: None, begun, by_hand)


def steps(*outcomes: str | None) -> list[StepRecord]:
    """The journal's first steps with these outcomes."""
    return [
        StepRecord(i + 1, "WO-1/1/carry", 1, i, f"step {i}", 0, outcome, None, "")
        for i, outcome in enumerate(outcomes)
    ]


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


def test_a_part_that_is_gone_after_a_move_was_dropped_and_a_person_decides() -> None:
    story, verdicts = Story(), Verdicts()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    moves = iter([lambda: None, lambda: story.values["gripper"].update(part="absent")])
    story.on_move = lambda: next(moves)()
    ended = in_background(story, control, verdicts)
    assert "dropped" in control.message
    assert story.lines[-1] == "outcome 5 uncertain"
    assert "gripper open" not in story.lines
    assert story.alarms == [("part_unexpected", "gripper"), ("step_uncertain", "5")]
    verdicts.give(Verdict(5, "abort", "Ann"))
    control.command(Command.UNHOLD)
    assert ended.result(10.0).status == "failed"
    assert story.alarms == []  # the cell that aborts now is the alarm


@pytest.mark.parametrize(
    ("word", "part", "closes", "status"),
    [
        ("redo", "present", 2, "complete"),
        ("done", "present", 1, "complete"),
        ("abort", "absent", 1, "failed"),
    ],
)
def test_a_gripper_that_closed_on_nothing_holds_the_cell(word, part, closes, status) -> None:
    story, verdicts = Story(), Verdicts()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.values["gripper"] = {"part": "absent"}
    ended = in_background(story, control, verdicts)
    assert "gripper reads part = absent, expected present" in control.message
    assert "robot-cell resolve 3 done|redo|abort" in control.message
    assert story.alarms == [("part_unexpected", "gripper"), ("step_uncertain", "3")]
    assert "move" not in story.lines[8:]
    story.values["gripper"] = {"part": part}
    verdicts.give(Verdict(3, word, "Ann"))
    control.command(Command.UNHOLD)
    assert ended.result(10.0).status == status
    assert story.lines.count("gripper close") == closes
    assert story.alarms == []


@pytest.mark.parametrize(
    ("word", "status", "closed"), [("redo", "complete", 1), ("done", "complete", 0)]
)
@pytest.mark.parametrize("open_step", [True, False])
def test_after_commands_by_hand_a_person_says_how_to_go_on(
    word, status, closed, open_step: bool
) -> None:
    """The device has forgotten the step meanwhile: it says that it never began it."""
    story, verdicts = Story(), Verdicts()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.asked[3] = FixtureOutcome("not_done", "never began it")
    begun = steps("done", "done", *((None,) if open_step else ()))
    story._ids = len(begun)
    ended = in_background(story, control, verdicts, begun, by_hand="gripper open (Kim) by hand")
    assert "gripper open (Kim) by hand" in control.message
    assert "gripper close" not in story.lines
    assert "move" not in story.lines
    assert not [line for line in story.lines if "outcome of" in line]  # nobody asks the device
    verdicts.give(Verdict(3, word, "Ann"))
    control.command(Command.UNHOLD)
    assert ended.result(10.0).status == status
    assert story.lines.count("gripper close") == closed


def test_a_gripper_that_closed_on_nothing_is_still_empty_after_a_restart() -> None:
    story, verdicts = Story(), Verdicts()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.asked[3] = FixtureOutcome("done", "", {"part": "absent"})
    ended = in_background(story, control, verdicts, steps("done", "done", "uncertain"))
    assert "gripper reads part = absent" in control.message
    control.command(Command.STOP, "test")
    assert ended.result(10.0).status == "uncertain"


@pytest.mark.parametrize("device_says", ["failed", "refused"])
def test_a_device_that_does_not_do_it_is_an_alarm(device_says: str) -> None:
    story = Story()
    story.fails = {"gripper close": device_says}
    run(story)
    assert story.alarms == [("device_fault", "gripper")]


def test_what_a_stop_ends_is_no_alarm() -> None:
    story = Story()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.motion = MotionOutcome(False, "stopped on the path")
    story.on_move = lambda: control.command(Command.STOP, "operator")
    assert run(story, control).status == "failed"
    assert story.alarms == []


def test_a_step_is_commanded_in_the_epoch_in_which_it_was_permitted() -> None:
    story = Story()
    run(story, CellControl("cell_x", lambda _: None, State.EXECUTE, epoch=7))
    assert set(story.epochs) == {7}


# -- interlocks ------------------------------------------------------------------------------------

GUARDED = CELL.model_copy(
    update={
        "interlocks": {
            "fed": Interlock.model_validate(
                {"arm_at": ["table"], "only_if": [{"infeed": {"state": "idle"}}]}
            )
        }
    }
)


def test_a_guarded_step_waits_held_until_its_interlock_holds_and_a_person_unholds() -> None:
    story, interlocks = Story(), Interlocks(GUARDED)
    control = CellControl(
        "cell_x",
        lambda _: None,
        State.EXECUTE,
        forbids=lambda c: str(interlocks.broken() or "") if c is Command.UNHOLD else "",
    )
    interlocks.note("infeed", Reading(1, {"state": "moving"}))
    interlocks.watched()
    ended = in_background(story, control, Verdicts(), interlocks=interlocks)
    assert control.message == (
        "interlock fed is broken: infeed reads state = moving; it has to be infeed state = idle"
    )
    assert story.alarms == [("interlock_broken", "fed")]
    assert story.lines[-1] == "intent 1 lin to pick"  # nothing has moved
    with pytest.raises(CommandRefusedError, match="Unhold: interlock fed is broken"):
        control.command(Command.UNHOLD)
    interlocks.note("infeed", Reading(2, {"state": "idle"}))
    control.command(Command.UNHOLD)
    assert ended.result(10.0).status == "complete"
    assert interlocks.broken() is None


@pytest.mark.parametrize(
    ("status", "recorded", "ends"),
    [("failed", "failed", "failed"), ("refused", "not_done", "failed")],
)
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


def test_a_stop_in_mid_clamp_keeps_what_the_clamp_did_and_nothing_more_is_commanded() -> None:
    story = Story()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)

    def stop(command: str) -> None:
        if command == "gripper close":
            control.command(Command.STOP, "operator")

    story.on_command = stop
    outcome = run(story, control)
    assert outcome.status == "failed"
    assert story.lines[-4:] == [
        "gripper close", "outcome 3 done", "intent 3 ptp to home", "outcome 4 not_done",
    ]  # fmt: skip
    assert story.alarms == []


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


# -- after a restart, and where an answer does not come --------------------------------------------


def test_a_step_that_the_device_has_done_is_not_done_again() -> None:
    story = Story()
    story.asked[3] = FixtureOutcome("done", "", {"part": "present"})
    outcome = run(story, begun=steps("done", "done", None))
    assert outcome.status == "complete"
    assert story.lines[:3] == [
        "gripper outcome of 3", "outcome 3 done", "intent 3 ptp to home",
    ]  # fmt: skip
    assert "gripper close" not in story.lines


def test_a_step_that_the_device_never_began_is_given_a_new_id() -> None:
    story = Story()
    story._ids = 3
    story.asked[3] = FixtureOutcome("not_done", "never began it")
    outcome = run(story, begun=steps("done", "done", None))
    assert outcome.status == "complete"
    assert story.lines[:5] == [
        "gripper outcome of 3", "outcome 3 not_done", "intent 2 gripper: close", "gripper close",
        "outcome 4 done",
    ]  # fmt: skip


def test_what_the_device_did_in_vain_ends_the_operation() -> None:
    story = Story()
    story.asked[3] = FixtureOutcome("failed", "JAM")
    outcome = run(story, begun=steps("done", "done", None))
    assert (outcome.status, "JAM" in outcome.message) == ("failed", True)


def test_an_arm_at_its_goal_has_made_its_motion() -> None:
    story = Story()
    story.stands = (0.497,) * 6
    outcome = run(story, begun=steps("done", None))
    assert outcome.status == "complete"
    assert story.lines[:2] == ["where does the arm stand", "outcome 2 done"]
    assert story.lines.count("move") == 1  # the one of step 4


def test_an_arm_that_stands_on_the_way_is_planned_from_there() -> None:
    story = Story()
    story._ids, story.stands = 4, (0.2,) * 6
    outcome = run(story, begun=steps("done", "done", "done", None))
    assert outcome.status == "complete"
    assert story.lines[:6] == [
        "where does the arm stand", "outcome 4 not_done", "intent 3 ptp to home",
        "where does the arm stand", "plan the rest of 3 with a part", "move",
    ]  # fmt: skip


def test_an_arm_that_stands_at_the_start_follows_the_plan() -> None:
    story = Story()
    story._ids, story.stands = 2, (0.001,) * 6
    run(story, begun=steps("done", None))
    assert not [line for line in story.lines if line.startswith("plan")]


def test_an_operation_whose_last_step_is_known_goes_on_behind_it() -> None:
    story = Story()
    outcome = run(story, begun=steps("done", "done", "done", "done"))
    assert outcome.status == "complete"
    assert story.lines[0] == "intent 4 gripper: open"


def test_a_failed_step_ends_the_operation_after_a_restart_too() -> None:
    story = Story()
    outcome = run(story, begun=steps("done", "failed"))
    assert outcome.status == "failed"
    assert story.lines == ["outcome 2 failed"]


@pytest.mark.parametrize("recovery", ["resend", "assume-done"])
def test_a_wrong_recovery_asks_nobody(recovery: Recovery) -> None:
    story = Story()
    story.asked[3] = FixtureOutcome("done", "", {"part": "present"})
    run(story, begun=steps("done", "done", None), recovery=recovery)
    assert "gripper outcome of 3" not in story.lines
    assert ("gripper close" in story.lines) is (recovery == "resend")


def in_background(
    story: Story,
    control: CellControl,
    verdicts: Verdicts,
    begun: Sequence[StepRecord] = (),
    interlocks: Interlocks | None = None,
    by_hand: str = "",
) -> Future:
    pool = ThreadPoolExecutor(1)
    ended = pool.submit(
        run, story, control, begun, verdicts, interlocks=interlocks, by_hand=by_hand
    )
    until_s = time.monotonic() + 10.0
    while control.state is not State.HELD and not ended.done():
        assert time.monotonic() < until_s
        time.sleep(0.001)
    pool.shutdown(wait=False)
    return ended


@pytest.mark.parametrize(
    ("word", "status", "noted"),
    [("done", "complete", "done"), ("redo", "complete", "not_done"), ("abort", "failed", "failed")],
)
def test_a_step_that_cannot_be_told_waits_for_a_person(word, status, noted) -> None:
    story, verdicts = Story(), Verdicts()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.fails = {"gripper close": "uncertain"}
    ended = in_background(story, control, verdicts)
    assert "robot-cell resolve 3 done|redo|abort" in control.message
    assert story.lines[-1] == "outcome 3 uncertain"
    control.command(Command.UNHOLD)  # without a word on the step it is held again
    while control.state is not State.HELD:
        time.sleep(0.001)
    story.fails = {}
    verdicts.give(Verdict(3, word, "Ann"))
    control.command(Command.UNHOLD)
    assert ended.result(10.0).status == status
    assert f"outcome 3 {noted}" in story.lines
    assert story.lines.count("gripper close") == (2 if word == "redo" else 1)


def test_a_word_on_another_step_is_refused() -> None:
    verdicts = Verdicts()
    with pytest.raises(VerdictRefusedError, match="none does"):
        verdicts.give(Verdict(3, "done", "Ann"))
    verdicts.ask(3)
    with pytest.raises(VerdictRefusedError, match="step 3 does"):
        verdicts.give(Verdict(4, "done", "Ann"))


@pytest.mark.parametrize("text", ["", "done", "3", "3 perhaps", "x done", "-3 done"])
def test_what_is_no_word_on_a_step_is_refused(text: str) -> None:
    with pytest.raises(VerdictRefusedError, match="resolves nothing"):
        read_word(text, "Ann")
    assert read_word(" 3 REDO ", "") == Verdict(3, "redo", "nobody named")


def test_a_stop_ends_the_waiting_for_a_person() -> None:
    story, verdicts = Story(), Verdicts()
    control = CellControl("cell_x", lambda _: None, State.EXECUTE)
    story.fails = {"gripper close": "uncertain"}
    ended = in_background(story, control, verdicts)
    control.command(Command.STOP, "operator")
    assert ended.result(10.0).status == "uncertain"
    assert story.lines[-1] == "outcome 3 uncertain"


def test_the_wall_clock_starts_where_it_is_told() -> None:
    clock = WallClock()
    earlier = WallClock(clock.start() - timedelta(hours=1))
    assert earlier.now_ns() - clock.now_ns() == pytest.approx(3600e9, abs=1e9)
