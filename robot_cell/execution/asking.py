"""What became of a step whose outcome nobody has written down: its device is asked.

A fixture keeps its steps with their outcomes. An arm keeps nothing, but stands somewhere: at the
goal of the motion, or not. What cannot be told is uncertain, and a person's to say. Nothing here
moves anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from robot_cell.execution.ports import FixtureOutcome
from robot_cell.execution.verdicts import OUTCOMES, Verdict
from robot_cell.model import FixtureStep, MoveStep, Step
from robot_cell.programs import StepMotion
from robot_cell.store import StepOutcome

AT_GOAL_RAD: Final = 0.01
"""An arm this near to a motion's goal, in every joint, has done it."""

AT_START_RAD: Final = 0.003
"""An arm this near to a motion's start may follow it as it was planned."""

Recovery = Literal["ask", "resend", "assume-done"]
RECOVERIES: Final[tuple[Recovery, ...]] = ("ask", "resend", "assume-done")
"""How a step of unknown outcome is treated. Only `ask` is right; the others are there so that the
fault tests can be seen to catch them."""


@dataclass(frozen=True)
class Ended:
    """How a step ended.

    Attributes:
        again: it was not done, and it is safe to do it under a new id.
        lost: no answer came; the device may have one by now.
        alarm: the kind of alarm that it makes, unless it is done.
    """

    outcome: StepOutcome
    message: str = ""
    again: bool = False
    lost: bool = False
    alarm: str = "step_uncertain"


def assumed(recovery: Recovery) -> Ended | None:
    """What a wrong recovery says without asking anybody; None for the right one."""
    if recovery == "resend":
        return Ended("not_done", "sent again without asking", again=True)
    if recovery == "assume-done":
        return Ended("done", "assumed without asking")
    return None


def from_positions(motion: StepMotion, measured_rad: tuple[float, ...]) -> Ended:
    """What became of a motion, told from where the arm stands (n,) in rad."""
    at = np.asarray(measured_rad)
    from_goal = float(np.abs(at - motion.positions[-1]).max())
    from_start = float(np.abs(at - motion.positions[0]).max())
    if from_goal > AT_GOAL_RAD:
        return Ended("not_done", f"the arm stands {from_goal:.3f} rad before its goal", again=True)
    if from_start <= AT_GOAL_RAD:
        return Ended("uncertain", "it ends where it began: where the arm stands does not tell")
    return Ended("done")


_KNOWN: Final[dict[str, StepOutcome]] = {"failed": "failed", "refused": "not_done"}


def judged(device: str, outcome: FixtureOutcome, expect: Mapping[str, str]) -> Ended:
    """What a fixture's outcome and its readings mean for the step.

    A device that did what it was told, and reads otherwise than the program expects, found no part,
    or the wrong one: nobody here can tell what to do about that.
    """
    if outcome.status != "done":
        known = _KNOWN.get(outcome.status)
        alarm = "step_uncertain" if outcome.unanswered else "device_fault"
        return Ended(known or "uncertain", outcome.message, lost=known is None, alarm=alarm)
    for key, expected in expect.items():
        found = outcome.values.get(key, "no such reading")
        if found != expected:
            why = f"{device} reads {key} = {found}, expected {expected}"
            return Ended("uncertain", why, alarm="part_unexpected")
    return Ended("done")


def after(verdict: Verdict) -> Ended:
    """What a person's word makes of a step; it is no alarm."""
    again = verdict.word == "redo"
    return Ended(OUTCOMES[verdict.word], verdict.message, again=again, alarm="")


def choices(step: Step) -> dict[str, str]:
    """What a person may say of an uncertain step, and when each is the right word."""
    if isinstance(step, MoveStep):
        done = f"the arm stands at {step.to}"
        redo = "the arm may move there from where it stands"
    elif isinstance(step, FixtureStep):
        read = "".join(f", and {key} is {text} in truth" for key, text in step.expect.items())
        done = f"{step.fixture} has carried out {step.command}{read}"
        redo = f"{step.fixture} has not, or you have put it right: it may do it now"
    else:
        done = "what was waited for or looked at is as the program expects it"
        redo = "it may be waited for, or looked at, again: you may have put it right"
    abort = "neither, or the part is not good: the operation fails and the cell aborts"
    return {"done": done, "redo": redo, "abort": abort}
