"""Carries what the plant says into the address space: only what has changed is written."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Final

from asyncua import Server, ua

from robot_cell.gateway.opcua.job_book import JobBook
from robot_cell.gateway.opcua.job_data import write_order, write_states
from robot_cell.gateway.opcua.layout import CellNodes, Layout
from robot_cell.gateway.opcua.packml import MACHINES, VERSION
from robot_cell.gateway.opcua.robotics import OPERATIONAL_MODES, RoboticsNodes, system_state
from robot_cell.gateway.service import Gateway
from robot_cell.model.arm_names import positions_key
from robot_cell.model.packml import Mode, State, parse_mode

TICK_S: Final = 0.25
LIST_S: Final = 1.0
"""How often the list of job orders is made anew at most: it is one large value."""

_NOT_CONNECTED: Final = ua.StatusCode(ua.StatusCodes.BadNotConnected)
_NO_COMMUNICATION: Final = ua.StatusCode(ua.StatusCodes.BadNoCommunication)
_NOT_ACTIVE: Final = ua.StatusCode(ua.StatusCodes.BadStateNotActive)
_STRING: Final = ua.VariantType.String

Told = tuple[ua.NodeId, Any, ua.VariantType | None]
"""A node, its value (a bad status in place of one), and its type where that cannot be told."""


class Feed:
    """What was written last, and what is to be written now."""

    def __init__(self, server: Server, gateway: Gateway, layout: Layout, book: JobBook) -> None:
        self._space = server.iserver.aspace
        self._gateway, self._layout, self._book = gateway, layout, book
        self._last: dict[ua.NodeId, Any] = {}
        self._jobs_of: tuple[object, ...] | None = None
        self._jobs_at_s = -LIST_S

    async def begin(self) -> None:
        """Write what never changes."""
        for name, nodes in self._layout.cells.items():
            for one in _unknown(nodes):
                await self._write(one, _NOT_CONNECTED, None)
            path = nodes.packml.path
            own = nodes.packml.object.NamespaceIndex
            await self._write(ua.NodeId(f"{path}/PackMLVersion", own), VERSION, _STRING)
            await self._write(ua.NodeId(f"{path}/TagID", own), name, _STRING)
            for _, machine in MACHINES:
                available = ua.NodeId(f"{path}/{machine}/AvailableStates", own)
                states = list(self._layout.packml.states[machine])
                await self._write(available, states, ua.VariantType.NodeId)
        for one in self._layout.jobs.current_state:
            await self._write(one, _NOT_ACTIVE, None)

    async def turn(self) -> None:
        """Write what has changed."""
        for name, nodes in self._layout.cells.items():
            for one, value, kind in self._cell(name, nodes):
                await self._write(one, value, kind)
        await self._write_jobs()

    def _cell(self, name: str, nodes: CellNodes) -> Iterator[Told]:
        live = self._gateway.hub.cell(name)
        label = "" if live["lost"] or not self._gateway.link.connected else live["state"]
        state = State[label.upper()] if label else None
        mode = parse_mode(live["mode"] or "") or Mode.PRODUCTION
        yield from self._packml(nodes, state)
        yield from self._robotics(name, nodes.robotics, state, mode)
        done = self._gateway.mirror.work.of_cell(name).done
        own = nodes.own
        yield own["Operation"], live["operation_id"], _STRING
        yield own["JobOrder"], live["order_id"], _STRING
        yield own["Progress"], float(live["progress"]), ua.VariantType.Double
        yield own["UnitsDone"], done, ua.VariantType.UInt32
        yield own["AlarmsStanding"], live["alarms"], ua.VariantType.UInt32
        yield own["Message"], live["message"], _STRING
        yield own["Mode"], mode.label, _STRING
        robotics = nodes.robotics
        yield robotics.program, live["program"], _STRING
        yield robotics.program_loaded, bool(live["program"]), ua.VariantType.Boolean
        override = live["override_percent"]
        percent = 100.0 if override is None else float(override)
        for override_node in robotics.speed_overrides:
            yield override_node, percent, ua.VariantType.Double

    def _packml(self, nodes: CellNodes, state: State | None) -> Iterator[Told]:
        """The states of all three machines; one that is not at work has a bad state."""
        own = nodes.packml.object.NamespaceIndex
        places = () if state is None else self._layout.packml.shown[state]
        at_work = {one.machine: one for one in places}
        for _, machine in MACHINES:
            current = f"{nodes.packml.path}/{machine}/CurrentState"
            place = at_work.get(machine)
            bad = _NO_COMMUNICATION if state is None else _NOT_ACTIVE
            text = bad if place is None else ua.LocalizedText(place.name, "en")
            yield ua.NodeId(current, own), text, ua.VariantType.LocalizedText
            yield (
                ua.NodeId(f"{current}/Id", own),
                bad if place is None else place.state,
                ua.VariantType.NodeId,
            )
            yield (
                ua.NodeId(f"{current}/Number", own),
                bad if place is None else place.number,
                ua.VariantType.UInt32,
            )
        status = f"{nodes.packml.path}/Status"
        mode = parse_mode(self._gateway.hub.cell(nodes.packml.path.split("/")[0])["mode"] or "")
        number = int(mode or Mode.PRODUCTION)
        yield ua.NodeId(f"{status}/UnitModeCurrent", own), number, ua.VariantType.Int32

    def _robotics(
        self, name: str, nodes: RoboticsNodes, state: State | None, mode: Mode
    ) -> Iterator[Told]:
        for arm, axes in nodes.axes.items():
            joints = self._gateway.link.joints().get(positions_key(name, arm))
            positions = dict(zip(joints.names, joints.positions, strict=False)) if joints else {}
            for joint, node in axes:
                value = positions.get(joint.name)
                if value is None:
                    yield node, _NO_COMMUNICATION, None
                else:
                    shown = round(math.degrees(value) if joint.turns else value, 4)
                    yield node, shown, ua.VariantType.Double
        yield nodes.operational_mode, OPERATIONAL_MODES[mode], ua.VariantType.Int32
        live = self._gateway.hub.cell(name)
        for node, active in (
            (nodes.emergency_stop, live["emergency_stop"]),
            (nodes.protective_stop, live["protective_stop"]),
        ):
            yield node, _NOT_CONNECTED if active is None else active, ua.VariantType.Boolean
        own = nodes.system.NamespaceIndex
        current = f"{nodes.system_operation}/CurrentState"
        if state is None:
            yield ua.NodeId(current, own), _NO_COMMUNICATION, None
            yield ua.NodeId(f"{current}/Id", own), _NO_COMMUNICATION, None
        else:
            text = system_state(state)
            kind = ua.VariantType.LocalizedText
            yield ua.NodeId(current, own), ua.LocalizedText(text, "en"), kind
            yield ua.NodeId(f"{current}/Id", own), nodes.system_states[text], ua.VariantType.NodeId

    async def _write_jobs(self) -> None:
        """The list of job orders, if anything in it can have changed."""
        hub = self._gateway.hub
        at_work = tuple(
            (live["order_id"], live["state"])
            for live in (hub.cell(name) for name in self._gateway.plant.cells)
        )
        version = (self._gateway.mirror.orders_version, self._book.version, at_work)
        now_s = time.monotonic()
        if version == self._jobs_of or now_s - self._jobs_at_s < LIST_S:
            return
        self._jobs_of, self._jobs_at_s = version, now_s
        jobs = self._layout.jobs
        listed = [
            jobs.types.order_and_state(
                JobOrder=write_order(jobs.types, one.order),
                State=write_states(jobs.types, one.standing, jobs.numbers),
            )
            for one in await asyncio.to_thread(self._book.jobs)
        ]
        variant = ua.Variant(listed, ua.VariantType.ExtensionObject, is_array=True)
        await self._put(jobs.order_list, ua.DataValue(variant))

    async def _write(self, node: ua.NodeId, value: Any, kind: ua.VariantType | None) -> None:
        if node in self._last and self._last[node] == value:
            return
        self._last[node] = value
        if isinstance(value, ua.StatusCode):
            await self._put(node, ua.DataValue(ua.Variant(None), StatusCode=value))
        else:
            await self._put(node, ua.DataValue(ua.Variant(value, kind)))

    async def _put(self, node: ua.NodeId, value: ua.DataValue) -> None:
        now = datetime.now(timezone.utc)
        stamped = ua.DataValue(
            value.Value, value.StatusCode, SourceTimestamp=now, ServerTimestamp=now
        )
        status = await self._space.write_attribute_value(node, ua.AttributeIds.Value, stamped)
        status.check()


def _unknown(nodes: CellNodes) -> Iterator[ua.NodeId]:
    """What the standards have a place for, and nobody here knows."""
    own = nodes.packml.object.NamespaceIndex
    for name in ("CurMachSpeed", "MachSpeed", "EquipmentBlocked", "EquipmentStarved"):
        yield ua.NodeId(f"{nodes.packml.path}/Status/{name}", own)
