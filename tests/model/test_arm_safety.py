"""What an arm's state says of its stops: the words of the RTDE guide, and what nobody can know."""

from __future__ import annotations

import pytest

from drivers.arms.ur_rtde.modes import PLAYING, RUNNING, SAFETY_MODES, hindrance
from robot_cell.execution.arm_state import told_state
from robot_cell.model.arm_safety import ArmSafety, safety_of

# Safety modes of the RTDE guide: is an emergency stop, is a protective stop active?
BY_HAND = {
    3: (False, True),
    5: (False, True),
    6: (True, None),
    7: (True, None),
    8: (False, True),
    9: (False, True),
    4: (None, None),
    10: (None, None),
    11: (None, None),
}


@pytest.mark.parametrize("mode", SAFETY_MODES)
def test_each_safety_mode_of_a_universal_robot(mode: int) -> None:
    found = hindrance(RUNNING, mode, PLAYING)
    assert found is not None
    # As the page of the heartbeats keeps it: cut after 64 bytes.
    state = told_state(f"connecting: fault {found.code}: {found.what}"[:64])
    assert safety_of(state, "ur_rtde") == ArmSafety(*BY_HAND[mode])


@pytest.mark.parametrize(
    ("state", "driver", "stops"),
    [
        ("running", "ur_rtde", (False, False)),
        ("running", "mujoco", (False, False)),
        ("waiting for the arm", "ur_rtde", (False, False)),
        ("connecting: fault POWER_OFF: the arm is switched off", "ur_rtde", (False, False)),
        ("connecting: fault EMERGENCY_STOP: an emergency stop", "mujoco", (True, None)),
        ("connecting: connection refused", "ur_rtde", (None, None)),
        ("its servo has not come yet", "ur_rtde", (None, None)),
        ("", "mujoco", (None, None)),
        # A vendor's controller says no word of its stops.
        ("running", "trajectory_action", (None, None)),
        ("connecting: fault NOT_READY: its panel", "trajectory_action", (None, None)),
    ],
)
def test_what_cannot_be_known_is_not_said(
    state: str, driver: str, stops: tuple[bool | None, bool | None]
) -> None:
    assert safety_of(told_state(state), driver) == ArmSafety(*stops)
