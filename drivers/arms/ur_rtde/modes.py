"""What a Universal Robots controller says of itself, and what a person does about it.

Numbers: "Real-Time Data Exchange (RTDE) Guide" (robot_mode, safety_mode, runtime_state).
"""

from __future__ import annotations

from typing import Final, NamedTuple

RUNNING: Final = 7
"""The robot mode in which brakes are released and joints are controlled."""

NORMAL, REDUCED = 1, 2
"""Safety modes in which the arm may move."""

PLAYING: Final = 2
"""The runtime state of a program that runs."""


class Hindrance(NamedTuple):
    """Why an arm cannot be moved: the maker's own word, what it is, and what to do."""

    code: str
    what: str
    to_do: str


_AT_THE_PANEL: Final = "Switch it on and release the brakes at the pendant; then play {program}."
_SEE_WHY: Final = "Find out why; enable the robot again at the pendant, and play {program}."
PROGRAM: Final = "the program with deploy/ur/robot_cell.script"

ROBOT_MODES: Final = {
    -1: ("NO_CONTROLLER", "the controller does not run"),
    0: ("DISCONNECTED", "the arm is not connected to its controller"),
    1: ("CONFIRM_SAFETY", "the safety configuration waits to be confirmed"),
    2: ("BOOTING", "the robot is booting"),
    3: ("POWER_OFF", "the arm is switched off"),
    4: ("POWER_ON", "the arm is switched on, its brakes are on"),
    5: ("IDLE", "the brakes are on"),
    6: ("BACKDRIVE", "the arm is being moved by hand"),
    8: ("UPDATING_FIRMWARE", "the firmware is being updated"),
}

SAFETY_MODES: Final = {
    3: ("PROTECTIVE_STOP", "a protective stop: the arm met something, or left its limits"),
    4: ("RECOVERY", "recovery mode: a joint is beyond its safety limits"),
    5: ("SAFEGUARD_STOP", "a safeguard stop: a light curtain or a gate is open"),
    6: ("SYSTEM_EMERGENCY_STOP", "an emergency stop of the system"),
    7: ("ROBOT_EMERGENCY_STOP", "an emergency stop at the robot"),
    8: ("VIOLATION", "a violation of the safety limits"),
    9: ("FAULT", "a fault of the safety system"),
    10: ("VALIDATE_JOINT_ID", "a joint waits to be validated"),
    11: ("UNDEFINED_SAFETY_MODE", "a safety mode that is not defined"),
}

RUNTIME_STATES: Final = {
    0: ("STOPPING", "its program is stopping"),
    1: ("STOPPED", "no program runs on it"),
    3: ("PAUSING", "its program is pausing"),
    4: ("PAUSED", "its program is paused"),
    5: ("RESUMING", "its program is resuming"),
}


def hindrance(robot_mode: int, safety_mode: int, runtime_state: int) -> Hindrance | None:
    """What keeps the arm from being moved, the gravest first; None if nothing does."""
    if safety_mode not in (NORMAL, REDUCED):
        code, what = SAFETY_MODES.get(safety_mode, (f"SAFETY_MODE_{safety_mode}", "unknown"))
        return Hindrance(code, what, _SEE_WHY.format(program=PROGRAM))
    if robot_mode != RUNNING:
        code, what = ROBOT_MODES.get(robot_mode, (f"ROBOT_MODE_{robot_mode}", "unknown"))
        return Hindrance(code, what, _AT_THE_PANEL.format(program=PROGRAM))
    if runtime_state != PLAYING:
        code, what = RUNTIME_STATES.get(runtime_state, (f"RUNTIME_{runtime_state}", "unknown"))
        return Hindrance(f"PROGRAM_{code}", what, f"Play {PROGRAM}.")
    return None
