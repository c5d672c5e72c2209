"""The running plant as the gateway sees it: what it says now, and what may be asked of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from robot_cell.client import (
    BodiesView,
    CellStateView,
    CommandResult,
    CommandsView,
    DevicesView,
    FaultResult,
    JogResult,
    JointsView,
    MotionFeed,
    OperateResult,
    PlantClient,
    PlantNotReachable,
    SubmitResult,
)

CONNECT_SLICE_S: Final = 5.0
AGAIN_S: Final = 1.0
_LEAVE_S: Final = 0.5
_SILENT_S: Final = 2.0
"""An arm that lives says where it is fifty times a second of wall time."""

_log: Final = structlog.get_logger("gateway.link")


class PlantLink(Protocol):
    """What the routes need of a plant. Calls that ask something block; they run in threads."""

    @property
    def connected(self) -> bool:
        """Whether the plant is heard."""

    def start(self) -> datetime | None:
        """The instant of plant time 0, once the plant has told it."""

    def take(self) -> None:
        """Read the newest positions; called by one thread, ten times a second at most."""

    def now_ns(self) -> int | None:
        """Plant time of what was taken last; None if nothing was heard."""

    def states(self) -> Mapping[str, CellStateView]:
        """What each cell said last."""

    def joints(self) -> Mapping[str, JointsView]:
        """Where each arm is."""

    def bodies(self) -> Mapping[str, BodiesView]:
        """Where the moving bodies of simulated cells are."""

    def devices(self) -> Mapping[str, DevicesView]:
        """What the devices of each cell were last read to say."""

    def commands(self) -> Mapping[str, CommandsView]:
        """What the devices of each cell can be told."""

    def arms(self) -> Mapping[str, str]:
        """What each arm's driver says of it: `running`, or what is wrong."""

    def submit(self, content: str, source: str, format: str, submitted_by: str) -> SubmitResult:
        """Hand in a batch, its orders as JSON."""

    def cancel(self, order_id: str, reason: str, asked_by: str) -> CommandResult:
        """Cancel an order."""

    def prioritise(self, order_id: str, priority: int, asked_by: str) -> CommandResult:
        """Give an order another priority."""

    def allow_order(self, order_id: str, asked_by: str, *, on: bool) -> CommandResult:
        """Take an order back of which nothing has begun, or have it made again."""

    def command(self, cell: str, command: str, asked_by: str) -> CommandResult:
        """Give a cell a PackML command."""

    def change_mode(self, cell: str, mode: str, asked_by: str) -> CommandResult:
        """Have a cell go over to another unit mode."""

    def resolve(self, cell: str, step_id: int, word: str, asked_by: str) -> CommandResult:
        """Say what became of a step."""

    def jog(self, cell: str, what: str, press: str, **how: Any) -> JogResult:
        """Move an arm by hand, as `PlantClient.jog`."""

    def operate(self, cell: str, what: str, request: str, **how: Any) -> OperateResult:
        """Give a device a command by hand, as `PlantClient.operate`."""

    def decide_draft(self, verdict: str, asked_by: str) -> CommandResult:
        """Approve or refuse the plan that waits."""

    def override(self, cell: str, percent: float) -> CommandResult:
        """Path speed of an arm."""

    def fault(
        self,
        cell: str,
        device: str,
        verb: str,
        *,
        amount: float | None = None,
        for_s: float = 0.0,
        asked_by: str = "",
    ) -> FaultResult:
        """A fault of a simulated device."""

    def close(self) -> None:
        """Leave the plant."""


class RosLink:
    """The plant over ROS 2, looked for in the background until it is there.

    Args:
        cells: of the plant, with the names of their arms.
        simulated: whether there are bodies to be heard of.
    """

    def __init__(self, cells: Mapping[str, Sequence[str]], *, simulated: bool) -> None:
        self._cells, self._simulated = dict(cells), simulated
        self._client: PlantClient | None = None
        self._feed: MotionFeed | None = None
        self._start: datetime | None = None
        self._heard_s, self._now_ns = 0.0, None  # type: tuple[float, int | None]
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name="plant link", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        """Find the plant, then the cells that come later."""
        while not self._closing.is_set():
            if self._client is None:
                try:
                    client = PlantClient.connect(CONNECT_SLICE_S)
                except PlantNotReachable as error:
                    _log.info("no plant yet", reason=str(error))
                    continue
                try:
                    self._start = client.schedule().start
                except PlantNotReachable as error:
                    client.close()
                    _log.info("the scheduler does not answer yet", reason=str(error))
                    continue
                self._feed = client.watch_motion(self._cells, bodies=self._simulated)
                self._client = client
                _log.info("connected to the plant")
            if len(self._client.known_states()) < len(self._cells):
                self._client.cell_states()
            self._closing.wait(AGAIN_S)

    def _asked(self) -> PlantClient:
        if self._client is None:
            raise PlantNotReachable("the plant's scheduler has not been found yet; try again soon")
        return self._client

    @property
    def connected(self) -> bool:
        """Whether an arm was heard within two seconds."""
        return self._client is not None and time.monotonic() - self._heard_s < _SILENT_S

    def start(self) -> datetime | None:
        """The instant of plant time 0, as the scheduler told it."""
        return self._start

    def take(self) -> None:
        """Read the newest positions."""
        feed = self._feed
        if feed is None:
            return
        # Time of a simulated plant may stand, while it waits for a batch: its arms still speak.
        if feed.take():
            self._heard_s = time.monotonic()
            self._now_ns = max(one.at_ns for one in feed.joints.values())

    def now_ns(self) -> int | None:
        """Plant time of the newest position."""
        return self._now_ns

    def states(self) -> Mapping[str, CellStateView]:
        """What each cell said last."""
        return {} if self._client is None else self._client.known_states()

    def joints(self) -> Mapping[str, JointsView]:
        """Where each arm is, by its cell, and its name where there are several."""
        return {} if self._feed is None else self._feed.joints

    def bodies(self) -> Mapping[str, BodiesView]:
        """Where moving bodies are."""
        return {} if self._feed is None else self._feed.bodies

    def devices(self) -> Mapping[str, DevicesView]:
        """What devices were last read to say."""
        return {} if self._feed is None else self._feed.devices

    def commands(self) -> Mapping[str, CommandsView]:
        """What devices can be told."""
        return {} if self._feed is None else self._feed.commands

    def arms(self) -> Mapping[str, str]:
        """What each arm's driver says of it."""
        return {} if self._feed is None else self._feed.arms

    def submit(self, content: str, source: str, format: str, submitted_by: str) -> SubmitResult:
        """Hand in a batch, its orders as JSON."""
        return self._asked().submit_json(content, source, format, submitted_by)

    def cancel(self, order_id: str, reason: str, asked_by: str) -> CommandResult:
        """Cancel an order."""
        return self._asked().cancel(order_id, reason, asked_by)

    def prioritise(self, order_id: str, priority: int, asked_by: str) -> CommandResult:
        """Give an order another priority."""
        return self._asked().prioritise(order_id, priority, asked_by)

    def allow_order(self, order_id: str, asked_by: str, *, on: bool) -> CommandResult:
        """Take an order back of which nothing has begun, or have it made again."""
        return self._asked().allow_order(order_id, asked_by, on=on)

    def command(self, cell: str, command: str, asked_by: str) -> CommandResult:
        """Give a cell a PackML command."""
        return self._asked().command(cell, command, asked_by)

    def change_mode(self, cell: str, mode: str, asked_by: str) -> CommandResult:
        """Have a cell go over to another unit mode."""
        return self._asked().change_mode(cell, mode, asked_by)

    def resolve(self, cell: str, step_id: int, word: str, asked_by: str) -> CommandResult:
        """Say what became of a step."""
        return self._asked().resolve(cell, step_id, word, asked_by)

    def jog(self, cell: str, what: str, press: str, **how: Any) -> JogResult:
        """Move an arm by hand."""
        return self._asked().jog(cell, what, press, **how)

    def operate(self, cell: str, what: str, request: str, **how: Any) -> OperateResult:
        """Give a device a command by hand."""
        return self._asked().operate(cell, what, request, **how)

    def decide_draft(self, verdict: str, asked_by: str) -> CommandResult:
        """Approve or refuse the plan that waits."""
        return self._asked().decide_draft(verdict, asked_by)

    def override(self, cell: str, percent: float) -> CommandResult:
        """Path speed of an arm."""
        return self._asked().override(cell, percent)

    def fault(self, cell: str, device: str, verb: str, **how: Any) -> FaultResult:
        """A fault of a simulated device."""
        return self._asked().fault(cell, device, verb, **how)

    def close(self) -> None:
        """Leave the plant."""
        self._closing.set()
        self._thread.join(_LEAVE_S)
        if self._thread.is_alive():
            return  # it looks for a plant that is not there: there is nothing to leave
        if self._feed is not None:
            self._feed.close()
        if self._client is not None:
            self._client.close()
