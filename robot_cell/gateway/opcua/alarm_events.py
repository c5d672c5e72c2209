"""Alarms as events: one at each change of an alarm's state, sent by the server object.

They are events and no conditions (OPC 10000-9): an alarm is acknowledged and shelved on the pages,
by REST or on the command line, where it is known who does.
"""

from __future__ import annotations

from typing import Any, Final

from asyncua import Server, ua

from robot_cell.gateway.opcua.layout import Layout
from robot_cell.gateway.service import Gateway
from robot_cell.model.alarm import AlarmState, Priority
from robot_cell.store.alarms import AlarmRecord

TYPE: Final = "PlantAlarmEventType"
SEVERITY: Final = {Priority.HIGH: 800, Priority.MEDIUM: 500, Priority.LOW: 200}
"""In the middle of the ranges of OPC 10000-9 (5.1): high 667 to 1000, medium 334 to 666."""

_PROPERTIES: Final = (
    ("AlarmId", ua.VariantType.UInt32),
    ("Cell", ua.VariantType.String),
    ("Kind", ua.VariantType.String),
    ("Subject", ua.VariantType.String),
    ("State", ua.VariantType.String),
    ("Active", ua.VariantType.Boolean),
    ("Action", ua.VariantType.String),
)


class AlarmEvents:
    """What each alarm was last told to be."""

    def __init__(self, server: Server, gateway: Gateway, layout: Layout, own: int) -> None:
        self._server, self._gateway, self._layout, self._own = server, gateway, layout, own
        self._generator: Any = None
        self._version = -1
        self._known: dict[int, AlarmRecord] = {}

    async def begin(self) -> None:
        """Add the type of the events; what stands already is no news."""
        kind = await self._server.create_custom_event_type(
            self._own, TYPE, ua.ObjectIds.BaseEventType, list(_PROPERTIES)
        )
        self._generator = await self._server.get_event_generator(kind)
        self._known = {one.alarm_id: one for one in self._gateway.mirror.alarms}
        self._version = self._gateway.mirror.alarms_version

    async def turn(self) -> None:
        """Tell what has changed."""
        mirror = self._gateway.mirror
        if mirror.alarms_version == self._version:
            return
        self._version = mirror.alarms_version
        now = {one.alarm_id: one for one in mirror.alarms}
        before, self._known = self._known, now
        for alarm_id, one in now.items():
            known = before.get(alarm_id)
            if known is None or (known.state, known.times) != (one.state, one.times):
                await self._tell(one, one.state)
        for alarm_id, one in before.items():
            if alarm_id not in now:
                await self._tell(one, AlarmState.NORMAL)

    async def _tell(self, alarm: AlarmRecord, state: AlarmState) -> None:
        event = self._generator.event
        cell = self._layout.cells.get(alarm.source)
        event.SourceNode = (
            ua.NodeId(ua.ObjectIds.Server) if cell is None else ua.NodeId(alarm.source, self._own)
        )
        event.SourceName = f"{alarm.source}/{alarm.subject}" if alarm.subject else alarm.source
        event.Severity = SEVERITY[alarm.priority]
        event.AlarmId, event.Cell, event.Kind = alarm.alarm_id, alarm.source, alarm.kind
        event.Subject, event.State = alarm.subject, state.value
        event.Active, event.Action = state.active, alarm.action
        await self._generator.trigger(message=alarm.text)
