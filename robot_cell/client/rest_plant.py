"""The running plant over REST: what `PlantClient` asks over ROS 2, asked of its gateway.

So the same commands work from another machine, with a token (docs/gateway.md).
"""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from robot_cell.client.connection import ANSWER_S, PlantNotReachable
from robot_cell.client.jogging import ended, new_press
from robot_cell.client.operating import DeviceView, command_ended
from robot_cell.client.plant_client import PLANNING_S, orders_json
from robot_cell.client.rest_connection import PlantRefusesError, RestConnection
from robot_cell.client.views import (
    ArgumentView,
    CellStateView,
    CommandResult,
    DeviceCommandView,
    FaultResult,
    InputErrorView,
    JobView,
    JogResult,
    OperateResult,
    OperationView,
    ScheduleView,
    SubmitResult,
)
from robot_cell.model import JobOrder
from robot_cell.model.jog import TOOL_AXES

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS_NS: Final = 1_000_000
_MEDIA: Final = {
    ".csv": "text/csv",
    ".txt": "text/csv",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class RestPlant(RestConnection):
    """What is asked of a plant over REST."""

    def __init__(self, address: str, token: str | None, timeout_s: float = ANSWER_S) -> None:
        super().__init__(address, token, timeout_s)
        self._start: datetime | None = None

    # -- orders ---------------------------------------------------------------------------------

    def submit_file(self, file: Path) -> SubmitResult:
        """Hand in a batch file as it is: the gateway reads it, with the plant's own products."""
        kind = _MEDIA.get(file.suffix.lower(), "application/octet-stream")
        return self._submit(file.read_bytes(), file.name, kind)

    def submit(
        self, orders: Sequence[JobOrder], source: str, format: str, submitted_by: str
    ) -> SubmitResult:
        """Hand in a batch, all or nothing; `format` and who it was are what the token says."""
        del format, submitted_by
        name = f"{Path(source).stem or 'batch'}.json"
        return self._submit(orders_json(orders).encode(), name, _MEDIA[".json"])

    def _submit(self, body: bytes, name: str, kind: str) -> SubmitResult:
        query = urllib.parse.urlencode({"name": name})
        try:
            found = self.ask("POST", f"/batches?{query}", body, kind, PLANNING_S)
        except PlantRefusesError as error:
            if error.status not in (409, 422):
                raise
            listed = error.document.get("problems", ())
            errors = tuple(
                InputErrorView(
                    name, one["row"], one["column"], one["value"], one["expected"], one["message"]
                )
                for one in listed
                if "row" in one
            )
            return SubmitResult(False, (), (), errors, error.said)
        return SubmitResult(
            True, tuple(found["order_ids"]), tuple(found["already_known"]), (), found["message"]
        )

    def jobs(self, order_ids: Sequence[str] = ()) -> list[JobView]:
        """Job orders and what has become of them; all of them without ids."""
        wanted, found = frozenset(order_ids), []
        after = ""
        while True:
            page = self.ask("GET", f"/orders?limit=1000{after}")
            found += [one for one in page["items"] if not wanted or one["order_id"] in wanted]
            if page["next"] is None:
                return [self._job(one) for one in found]
            after = f"&after={page['next']}"

    def cancel(self, order_id: str, reason: str, asked_by: str) -> CommandResult:
        """Cancel what has not begun of an order."""
        del asked_by
        path = f"/orders/{_quoted(order_id)}/cancel"
        return self.change("POST", path, {"reason": reason}, PLANNING_S)

    def decide_draft(self, verdict: str, asked_by: str) -> CommandResult:
        """Approve or refuse the plan that waits for it: `approve` or `refuse`."""
        del asked_by
        return self.change("POST", "/schedule/draft", {"verdict": verdict})

    def schedule(self) -> ScheduleView:
        """The published schedule with what has become of it; operations that have a place in it."""
        found = self.ask("GET", "/schedule")
        ends_ms = found["ends_ms"]
        return ScheduleView(
            revision=found["revision"],
            start=self.start(),
            engine=found["engine"],
            makespan_ns=0 if ends_ms is None else self._ns(ends_ms),
            lower_bound_ns=0,
            operations=tuple(
                OperationView(
                    operation_id=one["id"],
                    order_id=one["order_id"],
                    unit=one["unit"],
                    operation=one["name"],
                    cell=one["cell"],
                    program=one["program"] or "",
                    planned_start_ns=self._ns(one["planned_start_ms"]),
                    planned_end_ns=self._ns(one["planned_end_ms"]),
                    status=one["status"],
                    actual_start_ns=self._maybe_ns(one["actual_start_ms"]),
                    actual_end_ns=self._maybe_ns(one["actual_end_ms"]),
                )
                for one in found["operations"]
                if one["cell"] is not None
                and one["planned_start_ms"] is not None
                and one["planned_end_ms"] is not None
            ),
        )

    # -- cells ----------------------------------------------------------------------------------

    def cells(self) -> list[str]:
        """Every cell of the plant, whether it has been heard of or not."""
        return list(self.ask("GET", "/plant")["cells"])

    def cell_states(self) -> dict[str, CellStateView]:
        """What each cell that has been heard of says of itself."""
        return {
            one["name"]: CellStateView(
                cell=one["name"],
                state=one["state"],
                operation_id=one["operation_id"],
                order_id=one["order_id"],
                unit=one["unit"],
                program=one["program"],
                step=one["step"],
                steps=one["steps"],
                progress=one["progress"],
                message=one["message"],
                at_ns=self._ns(one["since_ms"]) if one["since_ms"] is not None else 0,
                mode=one["mode"] or "production",
            )
            for one in self.ask("GET", "/cells")["items"]
            if one["state"]
        }

    def command(self, cell: str, command: str, asked_by: str) -> CommandResult:
        """Give a cell a PackML command."""
        del asked_by
        return self.change("POST", f"/cells/{_quoted(cell)}/commands", {"command": command})

    def hold(self, cell: str, asked_by: str, *, on: bool) -> CommandResult:
        """Hold a cell, its arm on the path in mid-move, or let it go on from there."""
        return self.command(cell, "hold" if on else "unhold", asked_by)

    def change_mode(self, cell: str, mode: str, asked_by: str) -> CommandResult:
        """Have a cell go over to another mode: production, maintenance or manual."""
        del asked_by
        return self.change("PUT", f"/cells/{_quoted(cell)}/mode", {"mode": mode})

    def jog_step(
        self, cell: str, axis: str, amount: float, asked_by: str, arm: str = ""
    ) -> CommandResult:
        """Move an arm by a step (rad or m) and wait until it stands."""
        del asked_by
        press, path = new_press(), f"/cells/{_quoted(cell)}/jog"
        wanted: dict[str, Any] = {"press": press, "axis": axis, "arm": arm}
        if axis in TOOL_AXES:
            wanted["step_mm"] = 1e3 * amount
        else:
            wanted["step_deg"] = math.degrees(amount)
        try:
            begun = self.ask("POST", path, json.dumps(wanted).encode())
        except PlantRefusesError as error:
            if error.status not in (404, 409, 422):
                raise
            return CommandResult(False, error.said)

        def look() -> JogResult:
            now = self.ask("GET", f"{path}/{press}")
            return JogResult(True, now["phase"], now["message"])

        return ended(JogResult(True, begun["phase"], begun["message"]), look)

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
        del asked_by
        name = new_press()
        path = f"/cells/{_quoted(cell)}/devices/{_quoted(device)}/commands"
        wanted = {"request": name, "command": command, "args": list(args), "drop": drop}

        def ask(method: str, at: str, body: bytes | None = None) -> OperateResult:
            try:
                now = self.ask(method, at, body)
            except PlantRefusesError as error:
                if error.status not in (404, 409, 422):
                    raise
                drops = bool(error.document.get("drops"))
                return OperateResult(False, "ended", drops, error.said, {})
            return OperateResult(True, now["phase"], False, now["message"], now["readings"])

        begun = ask("POST", path, json.dumps(wanted).encode())
        return command_ended(begun, lambda: ask("GET", f"{path}/{name}"))

    def devices(self, cell: str) -> list[DeviceView]:
        """The devices of a cell, with what each can be told."""
        return [
            DeviceView(
                one["name"],
                None
                if one["commands"] is None
                else tuple(
                    DeviceCommandView(
                        known["name"],
                        known["does"],
                        tuple(
                            ArgumentView(a["name"], a["type"], tuple(a["choices"]))
                            for a in known["arguments"]
                        ),
                    )
                    for known in one["commands"]
                ),
            )
            for one in self.ask("GET", f"/cells/{_quoted(cell)}/devices")["items"]
        ]

    def override(self, cell: str, percent: float) -> CommandResult:
        """Path speed of a cell's arm, percent of the planned one, 0 to 100."""
        return self.change("PUT", f"/cells/{_quoted(cell)}/override", {"percent": percent})

    def resolve(self, cell: str, step_id: int, word: str, asked_by: str) -> CommandResult:
        """Say what became of an uncertain step that a cell waits with: done, redo or abort."""
        del asked_by
        path = f"/cells/{_quoted(cell)}/steps/{step_id}/resolution"
        return self.change("POST", path, {"verdict": word})

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
        """Put a fault on a simulated device of a cell; without a device, ask what there is."""
        del asked_by
        path = f"/cells/{_quoted(cell)}/faults"
        try:
            if device:
                wanted = {"device": device, "verb": verb, "amount": amount, "for_s": for_s}
                found = self.ask("POST", path, json.dumps(wanted).encode())
            else:
                found = self.ask("GET", path)
        except PlantRefusesError as error:
            if error.status != 409:
                raise
            return FaultResult(False, error.said, {})
        return FaultResult(True, found["message"], found["devices"])

    def wait_change(self, timeout_s: float) -> None:
        """Wait a moment: what is asked next is new."""
        time.sleep(min(timeout_s, 0.2))

    # -- alarms ---------------------------------------------------------------------------------

    def alarms(self, *, every: bool) -> list[dict[str, Any]]:
        """The alarms that stand, or all there were, as the API tells them."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            state = "all" if every else "active"
            page = self.ask("GET", f"/alarms?state={state}&limit=1000{after}")
            found += page["items"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def see_to_alarm(self, alarm_id: int, verb: str, **wanted: Any) -> CommandResult:
        """Acknowledge, shelve or unshelve an alarm."""
        return self.change("POST", f"/alarms/{alarm_id}/{verb}", wanted)

    # -- inside ---------------------------------------------------------------------------------

    def start(self) -> datetime:
        """The instant of plant time 0."""
        if self._start is None:
            start_ms = self.ask("GET", "/plant")["start_ms"]
            if start_ms is None:
                raise PlantNotReachable(f"{self.address} has not heard of its plant yet; try again")
            self._start = _EPOCH + timedelta(milliseconds=start_ms)
        return self._start

    def _ns(self, at_ms: int) -> int:
        start_ms = (self.start() - _EPOCH) // timedelta(milliseconds=1)
        return (at_ms - start_ms) * _MS_NS

    def _maybe_ns(self, at_ms: int | None) -> int | None:
        return None if at_ms is None else self._ns(at_ms)

    def _job(self, one: dict[str, Any]) -> JobView:
        return JobView(
            order_id=one["order_id"],
            product=one["product"],
            quantity=one["quantity"],
            done=one["done"],
            failed=one["failed"],
            status=one["status"],
            release_ns=self._ns(one["release_ms"]),
            due_ns=self._ns(one["due_ms"]),
            promised_ns=self._maybe_ns(one["promised_ms"]),
            finished_ns=self._maybe_ns(one["finished_ms"]),
            priority=one["priority"],
            customer=one["customer"],
            message=one["cancel_reason"] or "",
        )


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
