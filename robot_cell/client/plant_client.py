"""The typed client of a running plant's ROS services, for the command line and the gateway.

Times are plant time in ns since the plant's start, as everywhere inside; `ScheduleView.start` says
what instant that is.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from robot_cell_interfaces.msg import CellState, FixtureCommands
from robot_cell_interfaces.srv import (
    CancelJob,
    CellCommand,
    GetJobs,
    GetSchedule,
    InjectFault,
    Jog,
    Operate,
    SubmitBatch,
)

from robot_cell.client.connection import ANSWER_S, PlantConnection, PlantNotReachable
from robot_cell.client.jogging import ended, new_press
from robot_cell.client.motion_feed import MotionFeed
from robot_cell.client.operating import DeviceView, command_ended
from robot_cell.client.views import (
    CellStateView,
    CommandResult,
    CommandsView,
    FaultResult,
    JobView,
    JogResult,
    OperateResult,
    ScheduleView,
    SubmitResult,
    cell_state_view,
    commands_view,
    job_view,
    schedule_view,
    submit_result,
)
from robot_cell.model import JobOrder
from robot_cell.model.arm_names import THE_ARM

PLANNING_S: Final = 120.0
"""A batch is answered when it is stored and planned; large plants take a while."""

SUBMIT_AGAIN_S: Final = 15.0
"""After this long without an answer the batch is sent again."""

_READY: Final = ("Idle", "Starting", "Execute", "Completing", "Complete")
_LATCHED: Final = QoSProfile(
    depth=1,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
    reliability=ReliabilityPolicy.RELIABLE,
)


def orders_json(orders: Iterable[JobOrder]) -> str:
    """Orders as a batch carries them."""
    return json.dumps([order.model_dump(mode="json") for order in orders])


class PlantClient(PlantConnection):
    """What is asked of the running plant of this ROS domain, and what its cells say."""

    def __init__(self) -> None:
        super().__init__()
        self._states: dict[str, CellStateView] = {}
        self._subscribed: dict[str, Any] = {}
        self._changed = threading.Condition()

    # -- orders ---------------------------------------------------------------------------------

    def submit(
        self, orders: Sequence[JobOrder], source: str, format: str, submitted_by: str
    ) -> SubmitResult:
        """Hand in a batch, all or nothing; returns when it is stored and planned."""
        return self.submit_json(orders_json(orders), source, format, submitted_by)

    def submit_json(
        self, content: str, source: str, format: str, submitted_by: str
    ) -> SubmitResult:
        """The same with the orders as `orders_json` writes them.

        A request or its answer can be lost while peers are still finding each other. The same
        batch again is one batch, so it is simply sent again.
        """
        request = SubmitBatch.Request(
            source=source, format=format, content_json=content, submitted_by=submitted_by
        )
        tries = int(PLANNING_S / SUBMIT_AGAIN_S)
        for left in reversed(range(tries)):
            try:
                answer = self.ask(SubmitBatch, "/submit_batch", request, SUBMIT_AGAIN_S)
                break
            except PlantNotReachable:
                if not left:
                    raise
        return submit_result(answer)

    def jobs(self, order_ids: Sequence[str] = ()) -> list[JobView]:
        """Job orders and what has become of them; all of them without ids."""
        answer = self.ask(GetJobs, "/get_jobs", GetJobs.Request(order_ids=list(order_ids)))
        start_ns = self._start_ns()
        return [job_view(job, start_ns) for job in answer.jobs]

    def cancel(self, order_id: str, reason: str, asked_by: str) -> CommandResult:
        """Cancel what has not begun of an order."""
        request = CancelJob.Request(order_id=order_id, reason=reason, asked_by=asked_by)
        answer = self.ask(CancelJob, "/cancel_job", request, PLANNING_S)
        return CommandResult(answer.success, answer.message)

    def prioritise(self, order_id: str, priority: int, asked_by: str) -> CommandResult:
        """Give an order another priority, 1 to 9, and plan anew."""
        return self._give("/prioritise_order", f"{order_id} {priority}", asked_by, PLANNING_S)

    def allow_order(self, order_id: str, asked_by: str, *, on: bool) -> CommandResult:
        """Take an order back of which nothing has begun, or have it made again."""
        word = "allow" if on else "revoke"
        return self._give("/allow_order", f"{order_id} {word}", asked_by, PLANNING_S)

    def schedule(self) -> ScheduleView:
        """The published schedule with what has become of it."""
        return schedule_view(self.ask(GetSchedule, "/get_schedule", GetSchedule.Request()).schedule)

    # -- cells ----------------------------------------------------------------------------------

    def cells(self) -> list[str]:
        """Every cell of the plant, whether it has been heard of or not."""
        return list(self.ask(GetSchedule, "/get_schedule", GetSchedule.Request()).cells)

    def cell_states(self) -> dict[str, CellStateView]:
        """What each cell that has been heard of says of itself."""
        self._subscribe()
        with self._changed:
            return dict(self._states)

    def known_states(self) -> dict[str, CellStateView]:
        """What each cell said last, of those that `cell_states` has found."""
        with self._changed:
            return dict(self._states)

    def watch_motion(
        self, cells: Collection[str] | Mapping[str, Collection[str]], *, bodies: bool
    ) -> MotionFeed:
        """Where the arms of these cells are, and the bodies of simulated ones; close it first."""
        return MotionFeed(self.context, cells, bodies=bodies)

    def command(self, cell: str, command: str, asked_by: str) -> CommandResult:
        """Give a cell a PackML command."""
        return self._give(f"/{cell}/command", command, asked_by)

    def change_mode(self, cell: str, mode: str, asked_by: str) -> CommandResult:
        """Have a cell go over to another mode: production, maintenance or manual."""
        return self._give(f"/{cell}/mode", mode, asked_by)

    def resolve(self, cell: str, step_id: int, word: str, asked_by: str) -> CommandResult:
        """Say what became of an uncertain step that a cell waits with: done, redo or abort."""
        return self._give(f"/{cell}/resolve_step", f"{step_id} {word}", asked_by)

    def decide_draft(self, verdict: str, asked_by: str) -> CommandResult:
        """Approve or refuse the plan that waits for it: `approve` or `refuse`."""
        return self._give("/decide_draft", verdict, asked_by)

    def _give(
        self, name: str, command: str, asked_by: str, timeout_s: float = ANSWER_S
    ) -> CommandResult:
        request = CellCommand.Request(command=command, asked_by=asked_by)
        answer = self.ask(CellCommand, name, request, timeout_s)
        return CommandResult(answer.success, answer.message or answer.state_name)

    def jog(
        self,
        cell: str,
        what: str,
        press: str,
        *,
        axis: str = "",
        amount: float = 0.0,
        held: bool = False,
        arm: str = "",
        asked_by: str = "",
    ) -> JogResult:
        """Move a cell's arm by hand in manual mode.

        Args:
            cell: whose arm.
            what: `start`, `renew` (in time, or the arm stops), `end`, or `look`.
            press: a name for this press, new for each.
            axis: a joint, or x, y or z of the arm's base.
            amount: a step in rad or m, signed; of a held move only the sign counts.
            held: whether it runs for as long as it is renewed.
            arm: which arm; the only one without.
            asked_by: who asks, for the journal.
        """
        request = Jog.Request(
            what=what,
            press=press,
            arm=arm,
            axis=axis,
            amount=float(amount),
            hold_to_run=held,
            asked_by=asked_by,
        )
        answer = self.ask(Jog, f"/{cell}/jog", request)
        return JogResult(answer.success, answer.phase, answer.message)

    def jog_step(
        self, cell: str, axis: str, amount: float, asked_by: str, arm: str = ""
    ) -> CommandResult:
        """Move an arm by a step (rad or m) and wait until it stands."""
        press = new_press()
        begun = self.jog(cell, "start", press, axis=axis, amount=amount, arm=arm, asked_by=asked_by)
        return ended(begun, lambda: self.jog(cell, "look", press))

    def operate(
        self,
        cell: str,
        what: str,
        request: str,
        *,
        device: str = "",
        command: str = "",
        args: Sequence[str] = (),
        drop: bool = False,
        asked_by: str = "",
    ) -> OperateResult:
        """Give a device of a cell a command by hand, in manual mode.

        Args:
            cell: whose device.
            what: `begin`, or `look`.
            request: a name for this command, new for each: it is begun once, however often asked.
            device: its name in the plant file.
            command: one of its commands.
            args: the command's arguments.
            drop: whether a part that a gripper lets go of may fall.
            asked_by: who asks, for the journal.
        """
        asked = Operate.Request(
            what=what,
            request=request,
            device=device,
            command=command,
            args=list(args),
            drop=drop,
            asked_by=asked_by,
        )
        answer = self.ask(Operate, f"/{cell}/operate", asked)
        readings = dict(zip(answer.keys, answer.values, strict=True))
        return OperateResult(answer.success, answer.phase, answer.drops, answer.message, readings)

    def command_device(
        self,
        cell: str,
        device: str,
        command: str,
        args: Sequence[str],
        asked_by: str,
        *,
        drop: bool = False,
    ) -> OperateResult:
        """Give a device a command by hand, and wait until it is carried out."""
        name = new_press()
        begun = self.operate(
            cell,
            "begin",
            name,
            device=device,
            command=command,
            args=args,
            drop=drop,
            asked_by=asked_by,
        )
        return command_ended(begun, lambda: self.operate(cell, "look", name))

    def devices(self, cell: str) -> list[DeviceView]:
        """The devices of a cell, with what each can be told.

        Raises:
            PlantNotReachable: who owns them does not say.
        """
        heard: list[CommandsView] = []
        told = threading.Event()

        def hear(message: Any) -> None:
            heard.append(commands_view(message))
            told.set()

        topic = f"/{cell}/fixtures/commands"
        subscription = self.node.create_subscription(FixtureCommands, topic, hear, _LATCHED)
        try:
            if not told.wait(ANSWER_S):
                raise PlantNotReachable(f"nobody says on {topic} what the devices can be told")
        finally:
            self.node.destroy_subscription(subscription)
        return [DeviceView(name, tuple(commands)) for name, commands in heard[-1].items()]

    def hold(self, cell: str, asked_by: str, *, on: bool) -> CommandResult:
        """Hold a cell, its arm on the path in mid-move, or let it go on from there."""
        return self.command(cell, "hold" if on else "unhold", asked_by)

    def override(self, cell: str, percent: float) -> CommandResult:
        """Path speed of a cell's arms, percent of the planned one, 0 to 100."""
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=float(percent))
        request = SetParameters.Request(
            parameters=[Parameter(name="override_percent", value=value)]
        )
        told = f"path speed at most {percent:g} % from now on"
        for arm in self._arms_of(cell):
            result = self.ask(SetParameters, f"/{cell}/{arm}/set_parameters", request).results[0]
            if not result.successful:
                return CommandResult(False, result.reason)
        return CommandResult(True, told)

    def _arms_of(self, cell: str) -> list[str]:
        """The arms of a cell, as the ROS graph shows them; the one called `arm` if it does not."""
        named = re.compile(rf"/{cell}/(\w+)/hold")
        services = (name for name, _ in self.node.get_service_names_and_types())
        return sorted(found[1] for one in services if (found := named.fullmatch(one))) or [THE_ARM]

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
        """Put a fault on a simulated device of a cell; without a device, ask what there is.

        Raises:
            PlantNotReachable: the cell has no simulator, or it does not answer.
        """
        request = InjectFault.Request(
            device=device,
            verb=verb,
            amount=math.nan if amount is None else float(amount),
            for_s=float(for_s),
            asked_by=asked_by,
        )
        service = f"/{cell}/sim/fault"
        try:
            answer = self.ask(InjectFault, service, request)
        except PlantNotReachable as error:
            raise PlantNotReachable(
                f"{cell} has no simulator that answers, and only simulated devices have faults "
                f"({error})"
            ) from error
        devices = dict(zip(answer.devices, answer.faults, strict=True))
        return FaultResult(answer.success, answer.message, devices)

    def wait_ready(
        self,
        timeout_s: float,
        on_wait: Callable[[str], None] = lambda _: None,
        *,
        cells: Collection[str] = (),
    ) -> None:
        """Wait until every cell (these, or all that are heard of) can take work.

        Raises:
            PlantNotReachable: some are not ready in time; the message names them.
        """
        deadline_s = time.monotonic() + timeout_s
        said = ""
        while True:
            states = self.cell_states()
            wanted = set(cells) or set(states) or {"any cell"}
            waiting = sorted(
                f"{name} ({states[name].state})" if name in states else f"{name} (not heard of)"
                for name in wanted
                if name not in states or states[name].state not in _READY
            )
            if not waiting:
                return
            text = "waiting for " + ", ".join(waiting)
            if text != said:
                said = text
                on_wait(text)
            left_s = deadline_s - time.monotonic()
            if left_s <= 0.0:
                raise PlantNotReachable(
                    f"not ready after {timeout_s:g} s: {', '.join(waiting)}; "
                    "see the nodes' logs, and robot-cell status"
                )
            with self._changed:
                self._changed.wait(min(left_s, 0.2))

    def wait_change(self, timeout_s: float) -> None:
        """Wait until a cell says something new, or for the time."""
        self._subscribe()
        with self._changed:
            self._changed.wait(timeout_s)

    # -- inside ---------------------------------------------------------------------------------

    def _start_ns(self) -> int:
        answer = self.ask(GetSchedule, "/get_schedule", GetSchedule.Request())
        return int(answer.schedule.start_unix_ns)

    def _subscribe(self) -> None:
        """Listen to every cell that the ROS graph shows."""
        wanted = "robot_cell_interfaces/msg/CellState"
        for topic, types in self.node.get_topic_names_and_types():
            if wanted in types and topic not in self._subscribed:
                self._subscribed[topic] = self.node.create_subscription(
                    CellState, topic, self._on_state, _LATCHED
                )

    def _on_state(self, message: Any) -> None:
        view = cell_state_view(message)
        with self._changed:
            self._states[view.cell] = view
            self._changed.notify_all()
