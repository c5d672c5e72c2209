"""Waits for the end of a command to a device by hand, whichever way it was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from robot_cell.client.views import DeviceCommandView, OperateResult

OPERATED_WITHIN_S: Final = 60.0
"""Wall time; a command takes seconds, and the cell itself gives it up after its own time."""

_LOOK_S: Final = 0.05


@dataclass(frozen=True)
class DeviceView:
    """A device of a cell, and what it can be told; None where it has not said."""

    name: str
    commands: tuple[DeviceCommandView, ...] | None


def command_ended(begun: OperateResult, look: Callable[[], OperateResult]) -> OperateResult:
    """How a command ended, once it has; `look` asks for it."""
    now, deadline_s = begun, time.monotonic() + OPERATED_WITHIN_S
    while now.phase != "ended":
        if time.monotonic() > deadline_s:
            told = f"it has not ended within {OPERATED_WITHIN_S:g} s; the journal will say how"
            return OperateResult(False, now.phase, False, told, {})
        time.sleep(_LOOK_S)
        now = look()
    return now
