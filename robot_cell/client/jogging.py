"""Waits for the end of a move by hand, whichever way it was asked for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from robot_cell.client.views import CommandResult, JogResult

STEP_WITHIN_S: Final = 60.0
"""A step takes a second or two; the first may wait for the planners to be loaded."""

_LOOK_S: Final = 0.05


def new_press() -> str:
    """A name for a press that nobody else has."""
    return secrets.token_hex(8)


def ended(begun: JogResult, look: Callable[[], JogResult]) -> CommandResult:
    """How a step ended, once it has; `look` asks for it."""
    now, deadline_s = begun, time.monotonic() + STEP_WITHIN_S
    while now.success and now.phase != "ended":
        if time.monotonic() > deadline_s:
            return CommandResult(False, f"it has not ended within {STEP_WITHIN_S:g} s")
        time.sleep(_LOOK_S)
        now = look()
    return CommandResult(now.success, now.message)
