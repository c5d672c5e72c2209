"""Runs one operation: step by step, each with an intent before it and an outcome after it.

The executor knows no ROS and no device: it is given ports. What a step did is never guessed: the
arm's outcome comes from measured joints, a fixture's from the device that was asked. Where an
answer does not come, and after a restart, the device is asked again (`asking`). What it cannot say,
and what it says against the program (a gripper that closed on nothing), is uncertain and waits for
a person, with the cell held.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from drivers.clock import PlantClock
from robot_cell import failpoints
from robot_cell.errors import RobotCellError
from robot_cell.execution.asking import (
    AT_START_RAD,
    Ended,
    Recovery,
    after,
    assumed,
    from_positions,
    judged,
)
from robot_cell.execution.control import CellControl, CommandRefusedError, StoppedError
from robot_cell.execution.interlocks import Interlocks, Reading
from robot_cell.execution.letting_go import may_not_let_go
from robot_cell.execution.operation import BrokenOffError, OperationOutcome, Work, moving_s
from robot_cell.execution.ports import (
    Alarming,
    ArmPort,
    FixtureOutcome,
    FixturePort,
    MotionOutcome,
    RestPlanner,
    StepRecorder,
)
from robot_cell.execution.verdicts import STEP_ALARMS, Verdicts
from robot_cell.model import Cell, FixtureStep, InspectStep, MoveStep, Step, WaitStep
from robot_cell.model.hands import HELD, holds_after
from robot_cell.model.packml import Command, State
from robot_cell.model.step_text import arguments, describe
from robot_cell.programs import ProgramCycle, StepMotion
from robot_cell.programs.cycle import step_duration_s
from robot_cell.store import EndStatus, StepEnd, StepOutcome, StepRecord

__all__ = ["Executor", "FixtureOutcome", "MotionOutcome", "OperationOutcome"]

SILENT_NS = 1_000_000_000
"""For how long at most nothing is said of an operation, though it will take longer. In simulation
one that fails is reported that much later; what stops at once is the arm."""

TIMEOUT_FACTOR = 4.0
"""A fixture has this many times its planned duration, and a second more, before it has failed."""

AGAIN_AT_MOST: Final = 3
"""So often one step is begun anew by itself; then a person has to look."""


@dataclass(frozen=True)
class Executor:
    """A cell's ports (an arm's by its name), and what an operation needs besides them."""

    cell: Cell
    arms: Mapping[str, ArmPort]
    fixtures: FixturePort
    recorder: StepRecorder
    clock: PlantClock
    control: CellControl
    rest: RestPlanner
    alarms: Alarming
    interlocks: Interlocks
    verdicts: Verdicts = field(default_factory=Verdicts)
    recovery: Recovery = "ask"
    lost_arm: Callable[[], tuple[str, str] | None] = lambda: None
    """Of several arms, one that takes no commands now, and why: then no step begins."""

    def run(
        self,
        operation_id: str,
        product: str,
        cycle: ProgramCycle,
        on_step: Callable[[int, str], None],
        begun: Sequence[StepRecord] = (),
        by_hand: str = "",
    ) -> OperationOutcome:
        """Run every step of a program; the first one that fails ends the operation.

        `begun` are the steps that the journal has of this attempt, oldest first: the operation goes
        on behind them, and of the last one its device is asked if nobody knows how it ended.
        `by_hand` is what devices were told by hand since: then a person is asked before it goes on.

        Raises:
            BrokenOffError: the arm has let go of a motion; what became of the step is asked from
                where it stands when the operation is taken up again.
        """
        try:
            work = Work(operation_id, product, cycle, by_hand=by_hand)
            return self._run(work, on_step, begun)
        finally:
            self.interlocks.leave()

    def _run(
        self,
        work: Work,
        on_step: Callable[[int, str], None],
        begun: Sequence[StepRecord],
    ) -> OperationOutcome:
        steps = self.cell.programs[work.cycle.program].steps
        left_s = moving_s(work.cycle, len(steps))
        index, again = 0, 0
        open_step: StepRecord | None = None
        if begun:
            index, open_step = self._take_up(work, steps, begun)
        ended: StepEnd | None = None
        status: EndStatus = "complete"
        message = ""
        while index < len(steps):
            step, label = steps[index], describe(steps[index], work.product)
            on_step(index, label)
            silent_ns = min(int(left_s[index] * 1e9), SILENT_NS)
            self.clock.silent_until(self.clock.now_ns() + silent_ns)
            if open_step is not None:
                step_id, known = open_step.step_id, open_step
            else:
                step_id, known = self._intend(work, index, label, ended), None
            ended, open_step, waits = None, None, False
            try:
                end = self._one(work, step, step_id, index, known)
                if end.again and again == AGAIN_AT_MOST:
                    end = Ended("uncertain", f"begun {again + 1} times: {end.message}")
                if end.outcome == "uncertain":
                    waits = True
                    end = self._ask_person(step, step_id, label, end)
            except StoppedError as error:
                if waits:  # nobody has said what became of it, and the journal says so
                    status, message = "uncertain", f"step {index + 1} ({label}): {error}"
                    break
                ended = StepEnd(step_id, "not_done", str(error))
                status, message = "failed", f"before step {index + 1} ({label}): {error}"
                break
            ended = StepEnd(step_id, end.outcome, end.message)
            failpoints.reach("cell.step-ended")
            if end.outcome == "done":
                index, again = index + 1, 0
            elif end.again:
                again += 1
            else:
                status = "failed"
                message = f"step {index + 1} ({label}): {end.message}"
                self._tell_failure(step, end)
                break
        if ended is not None:
            self.recorder.step_outcome(
                ended.step_id, ended.outcome, self.clock.now_ns(), ended.message
            )
        return OperationOutcome(status, message, tuple(work.errors), tuple(work.positions))

    # -- one step -------------------------------------------------------------------------------

    def _intend(self, work: Work, index: int, label: str, after: StepEnd | None) -> int:
        step_id = self.recorder.step_intent(
            work.operation_id, index, label, self.clock.now_ns(), after
        )
        failpoints.reach("cell.step-intended")
        return step_id

    def _one(
        self, work: Work, step: Step, step_id: int, index: int, known: StepRecord | None
    ) -> Ended:
        """Do a step, or ask what became of one that had been begun.

        Raises:
            StoppedError: the cell was stopped before it was commanded.
        """
        if known is not None and known.outcome == "failed":
            return Ended("failed", known.message, alarm="")
        if work.by_hand:
            return self._told_by_hand(work)
        if known is not None:
            end = self._ask(work, step, step_id, index, known.intent_ns)
        else:
            work.epoch = self._permission(work, index)
            end = self._perform(work, step, step_id, index)
            self.interlocks.leave()
            if end.lost:
                end = self._ask(work, step, step_id, index, self.clock.now_ns(), end.message)
        self._note_grip(work, step, end.outcome)
        return end

    def _permission(self, work: Work, index: int) -> int:
        """Wait until the cell and its interlocks let a step begin; the epoch in which they do.

        Raises:
            StoppedError: the cell was stopped instead.
            BrokenOffError: an arm of the cell is lost; the step has not begun.
        """
        steps = self.cell.programs[work.cycle.program].steps
        guards = self.interlocks.guards(steps, work.cycle, index)
        while True:
            epoch = self.control.checkpoint(self.clock.wait_for, self.clock.busy)
            lost = self.lost_arm()
            if lost is not None:
                arm, why = lost
                self.alarms.raise_("arm_gone", arm, why)
                raise BrokenOffError(why)
            broken = self.interlocks.enter(guards)
            if broken is None:
                return epoch
            self.alarms.raise_("interlock_broken", broken.name, str(broken))
            with contextlib.suppress(CommandRefusedError):  # it has been stopped, or is held
                self.control.command(Command.HOLD, str(broken))

    def _perform(self, work: Work, step: Step, step_id: int, index: int) -> Ended:
        if isinstance(step, MoveStep):
            return self._move(work, step, index)
        if isinstance(step, WaitStep):
            return self._wait(self.clock.now_ns() + int(step.wait_s * 1e9))
        if isinstance(step, InspectStep):
            return self._fixture(work, step.inspect, step_id, "read", (), step.expect, 1.0)
        closed = may_not_let_go(
            self.cell,
            work.holding,
            step,
            lambda gripper: self._fixture(work, gripper, step_id, "read", (), HELD, 1.0),
        )
        if closed is not None:
            return closed
        args, timeout_s = arguments(step, work.product), self._timeout_s(step)
        return self._fixture(
            work, step.fixture, step_id, step.command, args, step.expect, timeout_s
        )

    def _wait(self, until_ns: int) -> Ended:
        if self.clock.sleep_until(until_ns, self.control.ending):
            return Ended("done")
        return Ended("failed", f"the cell is {self.control.state.label}")

    def _move(self, work: Work, step: MoveStep, index: int) -> Ended:
        motion, arm = work.cycle.motions.get(index), self.cell.mover(step)
        if motion is None:
            return Ended("done")
        if work.doubted:
            found = self._from_where_they_stand(work, arm, index, motion)
            if isinstance(found, Ended):
                return found
            motion = found
            work.doubted.discard(arm)
        ended = self.arms[arm].follow(motion, work.epoch)
        if ended.positions_rad:
            work.errors.append(max(abs(error) for error in ended.error_rad))
            work.positions.append(ended.positions_rad)
        if ended.ok:
            return Ended("done")
        if ended.arm_gone:
            self.alarms.raise_("arm_gone", arm, ended.message)
            raise BrokenOffError(ended.message)
        outcome: StepOutcome = "uncertain" if ended.lost else "failed"
        return Ended(outcome, ended.message, lost=ended.lost, alarm="arm_fault")

    def _from_where_they_stand(
        self, work: Work, arm: str, index: int, motion: StepMotion
    ) -> StepMotion | Ended:
        """The motion, or what is left of it.

        It is planned anew unless the arm stands at its start, and the others where the program has
        them: it was planned, and checked, with them there. Whose place is as planned is in doubt no
        more.
        """
        planned = work.cycle.standing_before(self.cell, index)
        planned[arm] = motion.positions[0]
        measured = {name: tuple(map(float, q)) for name, q in planned.items()}
        elsewhere = False
        for name in [n for n in self.cell.arms if n == arm or n in work.doubted]:
            at = self.arms[name].standing()
            if at is None:
                return Ended("uncertain", self._silent(name))
            measured[name] = at
            if np.abs(np.asarray(at) - planned[name]).max() > AT_START_RAD:
                elsewhere = True
            else:
                work.doubted.discard(name)
        if not elsewhere:
            return motion
        try:
            return self.rest(work.cycle, index, measured, holding=work.holding)
        except RobotCellError as error:
            return Ended("uncertain", f"no way on from where the arm stands: {error}")

    def _silent(self, arm: str) -> str:
        whose = "the arm" if len(self.cell.arms) == 1 else f"arm {arm}"
        return f"{whose} does not say where it stands"

    def _fixture(
        self,
        work: Work,
        device: str,
        step_id: int,
        command: str,
        args: Sequence[str],
        expect: Mapping[str, str],
        timeout_s: float,
    ) -> Ended:
        outcome = self.fixtures.command(device, step_id, command, args, timeout_s, work.epoch)
        return self._judged(device, outcome, expect)

    def _judged(self, device: str, outcome: FixtureOutcome, expect: Mapping[str, str]) -> Ended:
        """What a fixture's answer means for the step; interlocks hear what it read."""
        if outcome.reading:
            self.interlocks.note(device, Reading(outcome.reading, outcome.values))
        return judged(device, outcome, expect)

    def _timeout_s(self, step: FixtureStep) -> float:
        return 1.0 + TIMEOUT_FACTOR * step_duration_s(self.cell, step)

    # -- what became of a step ------------------------------------------------------------------

    def _ask(
        self, work: Work, step: Step, step_id: int, index: int, intent_ns: int, why: str = ""
    ) -> Ended:
        """Ask the step's device what became of it; `why` nobody knows."""
        work.doubted = set(self.cell.arms)
        wrong = assumed(self.recovery)
        if wrong is not None:
            return wrong
        if isinstance(step, MoveStep):
            motion = work.cycle.motions.get(index)
            if motion is None:
                return Ended("done")
            arm = self.cell.mover(step)
            measured = self.arms[arm].standing()
            if measured is None:
                return Ended("uncertain", why or self._silent(arm))
            end = from_positions(motion, measured)
            if end.outcome == "done":
                off = np.abs(np.asarray(measured) - motion.positions[-1])
                work.errors.append(float(off.max()))
                work.positions.append(measured)
            return end
        if isinstance(step, WaitStep):
            return self._wait(intent_ns + int(step.wait_s * 1e9))
        if isinstance(step, InspectStep):
            return Ended("not_done", "a reading that was lost", again=True)
        outcome = self.fixtures.outcome(step.fixture, step_id, self._timeout_s(step))
        if outcome.status == "not_done":
            return Ended("not_done", outcome.message, again=True)
        return self._judged(step.fixture, outcome, step.expect)

    def _take_up(
        self, work: Work, steps: Sequence[Step], begun: Sequence[StepRecord]
    ) -> tuple[int, StepRecord | None]:
        """Where to go on behind the steps that the journal has; the last of them if it is open."""
        work.doubted = set(self.cell.arms)
        for record in begun:
            self._note_grip(work, steps[record.step_index], record.outcome)
        last = begun[-1]
        if last.outcome == "done":
            return last.step_index + 1, None
        if last.outcome == "not_done":
            return last.step_index, None
        return last.step_index, last

    def _ask_person(self, step: Step, step_id: int, label: str, end: Ended) -> Ended:
        """Hold the cell until a person has said what became of a step.

        Raises:
            StoppedError: the cell was stopped or aborted instead.
        """
        self.recorder.step_outcome(step_id, "uncertain", self.clock.now_ns(), end.message)
        self.verdicts.ask(step_id)
        why = (
            f"step {step_id} ({label}) is uncertain: {end.message}; look, then say "
            f"`robot-cell resolve {step_id} done|redo|abort`"
        )
        if end.alarm != "step_uncertain":
            self.alarms.raise_(end.alarm, self._subject(step), f"{label}: {end.message}")
        self.alarms.raise_("step_uncertain", str(step_id), why)
        try:
            while (verdict := self.verdicts.take(step_id)) is None:
                if self.control.state is State.EXECUTE:
                    self.control.command(Command.HOLD, why)
                self.control.checkpoint(self.clock.wait_for, self.clock.busy)
        finally:
            self.verdicts.withdraw()
        self.alarms.over(STEP_ALARMS)
        return after(verdict)

    def _tell_failure(self, step: Step, end: Ended) -> None:
        """A step has failed: an alarm, unless a person has stopped it or said so."""
        if end.alarm and not self.control.ending():
            self.alarms.raise_(end.alarm, self._subject(step), end.message)

    # -- what the grippers hold -----------------------------------------------------------------

    def _note_grip(self, work: Work, step: Step, outcome: StepOutcome | None) -> None:
        if outcome == "done":
            work.holding = holds_after(self.cell, step, work.holding)

    def _told_by_hand(self, work: Work) -> Ended:
        """Nobody here can tell what of the program still holds: a person is asked, once.

        A device may have forgotten the step that it had before. What a gripper should hold it is
        asked for before it lets go; what one has been given by hand is in the way as well.
        """
        end = Ended("uncertain", work.by_hand)
        work.by_hand = ""
        for gripper, arm in self.cell.grippers.items():
            told = self.fixtures.command(gripper, 0, "read", (), 1.0, self.control.epoch)
            if told.status == "done" and told.values.get("part") == HELD["part"]:
                work.holding |= {arm}
        return end

    def _subject(self, step: Step) -> str:
        """The device that a step is for."""
        if isinstance(step, FixtureStep):
            return step.fixture
        if isinstance(step, InspectStep):
            return step.inspect
        return self.cell.mover(step) if isinstance(step, MoveStep) else next(iter(self.cell.arms))
