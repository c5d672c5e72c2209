"""What an arm says of its stops, read from the state that its driver tells.

It informs; it is no functional safety. What a driver cannot know is None, and never "no stop".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

AT_WORK: Final = "running"
"""What an arm is said to be of which nothing is wrong."""

EMERGENCY_STOPS: Final = frozenset(
    {"EMERGENCY_STOP", "ROBOT_EMERGENCY_STOP", "SYSTEM_EMERGENCY_STOP"}
)
PROTECTIVE_STOPS: Final = frozenset({"PROTECTIVE_STOP", "SAFEGUARD_STOP", "VIOLATION", "FAULT"})
"""Words of the Universal Robots' safety mode, and of the simulated arm. A safeguard stop is a
protective stop after ISO 10218-1."""

UNSURE: Final = frozenset({"RECOVERY", "VALIDATE_JOINT_ID", "UNDEFINED_SAFETY_MODE"})
"""Safety modes of which it is not said whether a stop is active."""

TELLS: Final = frozenset({"ur_rtde", "mujoco"})
"""Drivers that say when an emergency or a protective stop is active: without a word there is none.
The gravest comes first, so another fault (a program that is stopped) means that there is none."""

_FAULT: Final = "fault "


@dataclass(frozen=True)
class ArmSafety:
    """Whether stops are active; None: nobody knows."""

    emergency_stop: bool | None = None
    protective_stop: bool | None = None


def state_of_all(states: Mapping[str, str]) -> str:
    """The state of a cell's arms, by name: `running`, or what is wrong with which of them."""
    wrong = {name: state for name, state in states.items() if state != AT_WORK}
    if len(states) <= 1 or not wrong:
        return next(iter({**states, **wrong}.values()), "")
    if not all(states.values()):
        return ""  # one has not said anything yet
    return "; ".join(f"{name}: {state}" for name, state in wrong.items())


def safety_of_all(arms: Iterable[ArmSafety]) -> ArmSafety:
    """Of a cell: a stop of one arm is one; there is none where every arm says so."""
    known = list(arms)
    return ArmSafety(
        _any([one.emergency_stop for one in known]), _any([one.protective_stop for one in known])
    )


def _any(active: list[bool | None]) -> bool | None:
    if True in active:
        return True
    return None if None in active or not active else False


def safety_of(state: str, driver: str) -> ArmSafety:
    """What a told state says of the arm's stops, by the kind of its driver."""
    code = state.removeprefix(_FAULT).partition(":")[0] if state.startswith(_FAULT) else ""
    if code in EMERGENCY_STOPS:
        return ArmSafety(emergency_stop=True, protective_stop=None)
    if code in PROTECTIVE_STOPS:
        return ArmSafety(emergency_stop=False, protective_stop=True)
    knows = driver in TELLS and (state == AT_WORK or bool(code))
    if not knows or code in UNSURE or code.startswith("SAFETY_MODE_"):
        return ArmSafety()
    return ArmSafety(emergency_stop=False, protective_stop=False)
