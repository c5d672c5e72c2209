"""Holds a cell whose interlock breaks in the middle of a step, and tells people why."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from robot_cell_interfaces.msg import FixtureReadings

from robot_cell.execution.control import CellControl, CommandRefusedError
from robot_cell.execution.interlocks import Broken, Interlocks, Reading
from robot_cell.model.packml import Command, State
from robot_cell.nodes.base import LATCHED, PlantNode
from robot_cell.nodes.cell_alarms import CellAlarms
from robot_cell.nodes.cell_hold import CellHold

_LOOK_S: Final = 0.5
"""How often it is looked whether the watch itself has fallen silent."""


class InterlockWatch:
    """Hears of the devices; used in the executor's thread."""

    def __init__(
        self,
        node: PlantNode,
        interlocks: Interlocks,
        control: CellControl,
        hold: CellHold,
        alarms: CellAlarms,
    ) -> None:
        self._interlocks = interlocks
        self._control = control
        self._hold = hold
        self._alarms = alarms
        self._told: Broken | None = None
        if node.cell.interlocks:
            node.create_subscription(FixtureReadings, "fixtures/readings", self._hear, LATCHED)
            node.every(_LOOK_S, self._judge)

    def _hear(self, message: Any) -> None:
        for one in message.readings:
            values = dict(zip(one.keys, one.values, strict=True))
            self._interlocks.note(one.device, Reading(one.sequence, values))
        self._interlocks.watched()
        self._judge()

    def _judge(self) -> None:
        broken, told = self._interlocks.broken(), self._told
        if broken is not None and self._control.state is State.EXECUTE:
            with contextlib.suppress(CommandRefusedError):  # its state has changed meanwhile
                self._hold.ask(Command.HOLD, str(broken))
        if told is not None and (broken is None or broken.name != told.name):
            self._alarms.over(("interlock_broken",), told.name)
        if broken is not None and (told is None or broken.name != told.name):
            self._alarms.raise_("interlock_broken", broken.name, str(broken))
        self._told = broken
