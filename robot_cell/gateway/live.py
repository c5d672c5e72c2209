"""The live feed: ten messages a second, made and encoded once for everybody who watches.

Who is slow is left out until the last message has gone, and stands in nobody's way: nothing is
queued. What was missed is not lost, since operations have versions (`mirror.py`) and everything
else is whole in every message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson
import structlog

from robot_cell.client import CommandsView, DevicesView
from robot_cell.errors import RobotCellError
from robot_cell.gateway import shapes
from robot_cell.gateway.access import Caller
from robot_cell.gateway.link import PlantLink
from robot_cell.gateway.mirror import Mirror
from robot_cell.gateway.views import cell_live, plant_ms
from robot_cell.model.arm_names import positions_key
from robot_cell.model.arm_safety import safety_of, safety_of_all, state_of_all
from robot_cell.model.packml import Mode

TICK_S: Final = 0.1
IDLE_S: Final = 0.5
"""How often the journal is looked at while nobody watches."""

_log: Final = structlog.get_logger("gateway.live")

_UNHEARD: Final[tuple[int, DevicesView, CommandsView]] = (0, {}, {})
"""Of the devices of a cell that has told of none: version, what they say, what they can be told."""


@dataclass(eq=False)
class Watcher:
    """Somebody who watches: the message that is to go next, if any.

    Attributes:
        left_out: how many messages it was too slow for.
        ended: why it is to go away, as a close code.
    """

    caller: Caller
    left_out: int = 0
    ended: int | None = None
    _next: str | None = None
    _there: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, text: str) -> None:
        """Give it the newest message; one that has not gone yet is left out."""
        if self._next is not None:
            self.left_out += 1
        self._next = text
        self._there.set()

    def end(self, code: int) -> None:
        """Have it go away."""
        self.ended = code
        self._there.set()

    async def next(self) -> str | None:
        """The newest message, once there is one; None at the end."""
        await self._there.wait()
        self._there.clear()
        text, self._next = self._next, None
        return None if self.ended is not None else text


class Hub:
    """Makes the messages and hands them out.

    Args:
        drivers: of each cell, the kind of each arm's driver.
        overrides: path speed that was last asked of each cell, percent.
        still_valid: whether somebody who was let in may stay.
    """

    def __init__(
        self,
        drivers: Mapping[str, Mapping[str, str]],
        mirror: Mirror,
        link: PlantLink,
        overrides: Mapping[str, float],
        still_valid: Callable[[Caller], bool],
    ) -> None:
        self._cells, self._mirror, self._link = tuple(drivers), mirror, link
        self._drivers = drivers
        self._overrides, self._still_valid = overrides, still_valid
        self._watchers: set[Watcher] = set()
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._version = -1
        self._devices: dict[str, tuple[int, DevicesView, CommandsView]] = {}
        self.seq = 0
        self.now_ns: int | None = None
        self.changed = asyncio.Condition()
        self.message_bytes = 0
        self.left_out = 0

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def start(self) -> None:
        """Begin; called in the event loop."""
        self._task = asyncio.create_task(self._run(), name="live hub")

    async def close(self) -> None:
        """Send everybody away and end."""
        for watcher in self._watchers:
            watcher.end(1012)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def join(self, caller: Caller) -> Watcher:
        """Somebody wants to watch."""
        watcher = Watcher(caller)
        self._watchers.add(watcher)
        self._wake.set()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Somebody has gone."""
        self._watchers.discard(watcher)
        self.left_out += watcher.left_out

    async def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            try:
                await self._turn()
            except RobotCellError as error:
                _log.error("the journal cannot be read", reason=str(error))
            except Exception:
                _log.exception("a live message could not be made")
            due_s = max(due_s + (TICK_S if self._watchers else IDLE_S), time.monotonic())
            try:
                self._wake.clear()
                timeout_s = due_s - time.monotonic()
                if self._watchers:
                    await asyncio.sleep(timeout_s)
                else:
                    await asyncio.wait_for(self._wake.wait(), timeout_s)
                    due_s = time.monotonic()
            except TimeoutError:
                continue

    async def _turn(self) -> None:
        version = self._mirror.events_last
        await asyncio.to_thread(self._read)
        if self._mirror.events_last != version:
            async with self.changed:
                self.changed.notify_all()
        if not self._watchers:
            return
        text = orjson.dumps(self._message()).decode()
        self.message_bytes = len(text)
        for watcher in list(self._watchers):
            if self._still_valid(watcher.caller):
                watcher.offer(text)
            else:
                watcher.end(4401)

    def _read(self) -> None:
        self._link.take()
        self.now_ns = self._link.now_ns()
        said, can_be_told = self._link.devices(), self._link.commands()
        for cell in {*said, *can_be_told}:
            version, devices, commands = self._devices.get(cell, _UNHEARD)
            now = said.get(cell, {}), can_be_told.get(cell, {})
            if now != (devices, commands):
                self._devices[cell] = version + 1, *now
        self._mirror.refresh()

    def devices(self, cell: str) -> DevicesView:
        """What the devices of a cell say now."""
        return self._devices.get(cell, _UNHEARD)[1]

    def commands(self, cell: str) -> CommandsView:
        """What the devices of a cell can be told; those that have not said so are not there."""
        return self._devices.get(cell, _UNHEARD)[2]

    def cell(self, name: str) -> shapes.CellLive:
        """What a cell says of itself now."""
        told = {} if name in self._mirror.lost else self._link.arms()
        arms = {
            arm: (told.get(positions_key(name, arm), ""), driver)
            for arm, driver in self._drivers.get(name, {}).items()
        }
        return cell_live(
            self._link.states().get(name),
            self._mirror.start,
            lost=name in self._mirror.lost,
            override_percent=self._overrides.get(name),
            mode=self._mirror.modes.get(name, Mode.PRODUCTION),
            alarms=self._mirror.alarms_of(name),
            devices=self._devices.get(name, _UNHEARD)[0],
            arm_state=state_of_all({arm: state for arm, (state, _) in arms.items()}),
            safety=safety_of_all(safety_of(*one) for one in arms.values()),
        )

    def now_ms(self) -> int | None:
        """Plant time as Unix milliseconds."""
        start = self._mirror.start
        return None if self.now_ns is None or start is None else plant_ms(self.now_ns, start)

    def _message(self) -> shapes.Live:
        """The next message."""
        before = self._version
        version = self._mirror.version
        delta: list[shapes.Operation] | None = None
        gone: list[str] = []
        if before == version:
            delta = []
        elif before >= 0:
            version, delta, gone = self._mirror.delta(before)
        self._version = version
        self.seq += 1
        return {
            "boot": self._mirror.boot,
            "seq": self.seq,
            "t": self.now_ms(),
            "connected": self._link.connected,
            "joints": {
                cell: [round(q, 5) for q in joints.positions]
                for cell, joints in self._link.joints().items()
            },
            "cells": {name: self.cell(name) for name in self._cells},
            "bodies": {
                cell: {name: [round(x, 5) for x in pose] for name, pose in bodies.items()}
                for cell, bodies in self._link.bodies().items()
            },
            "ops_version": version,
            "ops_from": before if before >= 0 else version,
            "ops_delta": delta,
            "ops_gone": gone,
            "orders_version": self._mirror.orders_version,
            "events_last": self._mirror.events_last,
            "alarms_version": self._mirror.alarms_version,
        }
