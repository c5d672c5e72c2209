"""Commands that a person gives a cell's devices by hand in manual mode: one at a time.

Each is checked at the door, then by the worker: the interlocks of the plant file hold as they do
for a program's steps, and a gripper lets a part fall only where that is asked for. It is written
down before the device hears of it, with a step id of its own, so that the device can be asked later
what became of it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from robot_cell_interfaces.msg import FixtureCommands
from robot_cell_interfaces.srv import Operate

from drivers.errors import DriverError
from drivers.fixtures import CommandSpec, check_command
from robot_cell.errors import RobotCellError
from robot_cell.execution.by_hand import (
    REFUSED,
    ByHandRefusedError,
    Point,
    lets_go,
    may_fall,
    says_empty,
    within,
)
from robot_cell.execution.control import CellControl
from robot_cell.execution.executor import TIMEOUT_FACTOR
from robot_cell.execution.interlocks import Interlocks, Reading
from robot_cell.execution.ports import FixtureOutcome, FixturePort
from robot_cell.nodes.base import LATCHED, PlantNode
from robot_cell.nodes.by_hand import COMMANDS, ByHand
from robot_cell.nodes.fixture_commands import TOPIC, understood
from robot_cell.nodes.joint_listener import JointListener, all_measured
from robot_cell.programs import tool_points
from robot_cell.programs.jog import largest_part
from robot_cell.store import CommandRecord, Journal, JournalError

_ENDED: Final = "ended"
_READ_S: Final = 1.0
_FALLS: Final = "might fall. Say so if that is meant (--drop), once something is under it"
_KEPT: Final = 64
"""So many commands are known by their names, so that none is begun twice."""


@dataclass
class Order:
    """One command by hand.

    Attributes:
        epoch: the motion epoch in which it was permitted.
        phase: waiting, running or ended.
        well: whether it was not refused and has not failed.
        drops: whether it was refused because a part might fall, and for nothing else.
    """

    who: str
    device: str
    command: str
    args: tuple[str, ...]
    drop: bool
    epoch: int = 0
    phase: str = "waiting"
    well: bool = True
    drops: bool = False
    message: str = ""
    readings: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join((self.device, self.command, *self.args))


class CellDevices:
    """The door for commands by hand.

    Its service is served in the executor's thread; commands are given in the worker's.

    Args:
        listeners: hear where each arm stands.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        control: CellControl,
        by_hand: ByHand,
        fixtures: FixturePort,
        interlocks: Interlocks,
        listeners: Mapping[str, JointListener],
    ) -> None:
        self._node = node
        self._journal = journal
        self._control = control
        self._by_hand = by_hand
        self._fixtures = fixtures
        self._interlocks = interlocks
        self._listeners = listeners
        self._commands: dict[str, dict[str, CommandSpec]] = {}
        self._orders: OrderedDict[str, Order] = OrderedDict()
        node.create_subscription(FixtureCommands, TOPIC, self._on_commands, LATCHED)
        node.create_service(Operate, "operate", self._on_operate)
        unknown = [one for one in journal.by_hand(node.cell_name) if one.outcome is None]
        if unknown:
            by_hand.do(partial(self._settle, unknown))

    # -- the door ---------------------------------------------------------------------------------

    def _on_commands(self, message: Any) -> None:
        self._commands = understood(message)

    def _on_operate(self, request: Any, response: Any) -> Any:
        order = self._orders.get(request.request)
        if order is None and request.what == "begin":
            order = self._begin(request)
        if order is None:
            response.message = "no command of that name was begun here"
            response.phase = _ENDED
            return response
        response.phase, response.message = order.phase, order.message
        response.success, response.drops = order.well, order.drops
        response.keys, response.values = list(order.readings), list(order.readings.values())
        return response

    def _begin(self, request: Any) -> Order:
        """Take a command, or say what forbids it; the refusal is written down too."""
        who = request.asked_by or "nobody named"
        order = Order(who, request.device, request.command, tuple(request.args), request.drop)
        try:
            self._by_hand.check(COMMANDS)
            self._check(order)
        except ByHandRefusedError as error:
            order.phase, order.well, order.message = _ENDED, False, str(error)
            self._by_hand.do(partial(self._by_hand.note, who, f"device {order}", str(error)))
            return order
        order.epoch = self._by_hand.take(who, f"is commanding {order}")
        self._orders[request.request] = order
        if len(self._orders) > _KEPT:
            self._orders.popitem(last=False)
        for heard in self._listeners.values():
            heard.turn(True)
        self._by_hand.do(partial(self._run, order))
        return order

    def _check(self, order: Order) -> None:
        """See that there is such a device, and that it has such a command.

        Raises:
            ByHandRefusedError: there is not; says what there is.
        """
        cell, fixtures = self._node.cell_name, self._node.cell.fixtures
        if order.device not in fixtures:
            listed = ", ".join(fixtures)
            raise ByHandRefusedError(
                f"{cell} has no device {order.device[:40]!r}; it has: {listed}"
            )
        known = self._commands.get(order.device)
        if known is None:
            raise ByHandRefusedError(
                f"{order.device} has not said what it can be told; is the fixtures' node of {cell} "
                "there?"
            )
        try:
            check_command(fixtures[order.device].kind, known, order.command, order.args)
        except DriverError as error:
            raise ByHandRefusedError(f"{order.device}: {error}") from error

    # -- in the worker's thread -------------------------------------------------------------------

    def _run(self, order: Order) -> None:
        """Give the command, and write down what came of it."""
        clock, asked = self._node.clock, 0
        clock.busy()
        try:
            self._permit(order)
            before = self._read(order.device)
            self._see_epoch(order)
            asked, step_id = self._journal.command_by_hand(
                order.who,
                str(order),
                self._node.cell_name,
                clock.now_ns(),
                {
                    "device": order.device,
                    "command": order.command,
                    "args": list(order.args),
                    "drop": order.drop,
                    "before": dict(before),
                },
            )
            order.phase = "running"
            outcome = self._give(order, step_id)
            order.well, order.readings = outcome.status == "done", outcome.values
            told = _in_words(before, outcome)
        except (RobotCellError, JournalError) as error:
            order.well, order.drops = False, isinstance(error, ByHandRefusedError) and error.drops
            told = str(error)
        if asked:
            self._note_outcome(asked, order, told)
        else:
            self._by_hand.note(order.who, f"device {order}", told)
        self._node.get_logger().info(f"device {order} by {order.who}: {told}")
        order.message = told
        self._by_hand.free()
        order.phase = _ENDED
        clock.wait_for()

    def _permit(self, order: Order) -> None:
        """See that no interlock forbids it, and that nothing falls which is not meant to.

        Raises:
            ByHandRefusedError: one does, or something might.
        """
        guards = self._interlocks.of_command(order.device, order.command)
        broken = self._interlocks.look(guards)
        if broken is not None:
            raise ByHandRefusedError(str(broken))
        if order.drop or not lets_go(self._node.cell, order.device, order.command):
            return
        why = self._may_fall(order.device)
        if why:
            raise ByHandRefusedError(why, drops=True)

    def _may_fall(self, gripper: str) -> str:
        """Why a part might fall if a gripper lets go now, in words; empty if none can."""
        told = self._read(gripper)
        if says_empty(told):
            return ""
        try:
            tcp_m = self._tools()
        except RobotCellError as error:  # an emergency stop: an arm without power may not say it
            return f"{error} Nobody can tell what else has the part of {gripper}: it {_FALLS}"
        cell, reach_m = self._node.cell, max(largest_part(self._node.plant)[0])
        others = {*cell.grippers, *within(cell, tcp_m[cell.grippers[gripper]], reach_m)} - {gripper}
        readings = {gripper: told} | {name: self._read(name) for name in sorted(others)}
        return may_fall(cell, gripper, readings, tcp_m, reach_m)

    def _see_epoch(self, order: Order) -> None:
        """See that nobody has stopped the cell, or changed its mode, since it was asked for.

        Raises:
            ByHandRefusedError: somebody has.
        """
        if order.epoch != self._control.epoch:
            raise ByHandRefusedError(f"the cell is {self._control.state.label}: {order} is void")

    def _give(self, order: Order, step_id: int) -> FixtureOutcome:
        """Give the command once; where no answer comes, the device is asked what became of it."""
        timeout_s = self._timeout_s(order.device, order.command)
        outcome = self._fixtures.command(
            order.device, step_id, order.command, order.args, timeout_s, order.epoch
        )
        if outcome.status == "uncertain":
            asked = self._fixtures.outcome(order.device, step_id, timeout_s)
            outcome = outcome if asked.status == "uncertain" else asked
        if outcome.reading:
            self._interlocks.note(order.device, Reading(outcome.reading, outcome.values))
        return outcome

    def _timeout_s(self, device: str, command: str) -> float:
        given = self._node.cell.fixtures[device].durations_s.get(command)
        spec = self._commands.get(device, {}).get(command)
        nominal_s = given if given is not None else (spec.duration_s if spec is not None else 1.0)
        return 1.0 + TIMEOUT_FACTOR * nominal_s

    def _read(self, device: str) -> Mapping[str, str]:
        """What a device reads now; nothing if it does not say, or is not believed."""
        said = self._fixtures.command(device, 0, "read", (), _READ_S, self._control.epoch)
        return said.values if said.status == "done" else {}

    def _tools(self) -> dict[str, Point]:
        """The tool centre point of each arm, m in the cell's frame."""
        now_s = time.monotonic()
        measured = all_measured(self._node.cell_name, self._listeners, now_s)
        return tool_points(self._node.cell, measured)

    def _note_outcome(self, asked: int, order: Order | str, told: str) -> None:
        try:
            self._journal.command_outcome(asked, told, self._node.clock.now_ns())
        except JournalError as error:
            self._node.get_logger().error(f"device {order}: {told}; not noted: {error}")

    def _settle(self, unknown: list[CommandRecord]) -> None:
        """Ask what became of commands whose outcome an earlier controller did not live to write."""
        self._node.clock.busy()
        for one in unknown:
            device, command = str(one.data["device"]), str(one.data["command"])
            if device not in self._node.cell.fixtures:
                continue
            timeout_s = self._timeout_s(device, command)
            outcome = self._fixtures.outcome(device, int(one.data["step_id"]), timeout_s)
            if not outcome.unanswered:  # else the next controller asks
                told = _in_words(one.data["before"], outcome)
                self._note_outcome(one.command_id, one.what, told)
        self._node.clock.wait_for()


def _in_words(before: Mapping[str, str], outcome: FixtureOutcome) -> str:
    """What a command has come to."""
    if outcome.status == "done":
        return f"{_readings(before)} to {_readings(outcome.values)}: done"
    if outcome.status in ("refused", "not_done"):
        return f"{REFUSED}{outcome.message}"
    return f"{_readings(before)}: {outcome.status}: {outcome.message}"


def _readings(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {text}" for name, text in values.items()) or "not known"
