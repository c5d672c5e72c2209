"""What became of a step whose outcome nobody has written down: its device is asked.

A fixture keeps its steps with their outcomes. An arm keeps nothing, but stands somewhere: at the
goal of the motion, or not. What cannot be told is uncertain, and a person's to say. Nothing here
moves anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

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
    """

    outcome: StepOutcome
    message: str = ""
    again: bool = False
    lost: bool = False


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


def choices(step: Step) -> dict[str, str]:
    """What a person may say of an uncertain step, and when each is the right word."""
    if isinstance(step, MoveStep):
        done = f"the arm stands at {step.to}"
        redo = "the arm may move there from where it stands"
    elif isinstance(step, FixtureStep):
        done = f"{step.fixture} has carried out {step.command}"
        redo = f"{step.fixture} has not, and may do it now"
    else:
        done = "what was waited for or looked at is as the program expects it"
        redo = "it may be waited for, or looked at, again"
    abort = "neither, or the part is not good: the operation fails and the cell aborts"
    return {"done": done, "redo": redo, "abort": abort}
