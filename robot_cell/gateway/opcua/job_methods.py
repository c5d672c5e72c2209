"""What the methods of the job order receiver do: the calls of REST, and every one in the trail.

Start hands a stored order to the plant, which plans it. Pause holds the cells that are at work on
an order, and Resume lets them go on; work on it that has not begun may begin elsewhere. Stop and
Cancel cancel what has not begun; what runs is finished. Abort does that too, and aborts the cells
that are at work on it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from robot_cell.client import CommandResult, PlantNotReachable, orders_json
from robot_cell.errors import RobotCellError
from robot_cell.gateway.access import Caller
from robot_cell.gateway.opcua.job_book import OBEYED, PREFIX, JobBook
from robot_cell.gateway.opcua.job_data import SOURCE, read_order
from robot_cell.gateway.opcua.job_states import Answer, Method
from robot_cell.gateway.service import Gateway
from robot_cell.model import JobOrder
from robot_cell.model.packml import Command
from robot_cell.orders import BatchError

_OF_CELLS: Final = {
    Method.PAUSE: Command.HOLD,
    Method.RESUME: Command.UNHOLD,
    Method.ABORT: Command.ABORT,
}


@dataclass(frozen=True)
class Answered:
    """What a method has come to."""

    status: Answer
    message: str = ""


_DONE: Final = Answered(Answer.NO_ERROR)


class JobControl:
    """Carries methods out; they block, and run in threads."""

    def __init__(self, gateway: Gateway, book: JobBook) -> None:
        self._gateway, self._book = gateway, book
        self._one_at_a_time = threading.Lock()

    def carry_out(self, method: Method, given: Any, comment: str, caller: Caller) -> Answered:
        """Carry a method out and write down what came of it; given is an order or the id of one."""
        with self._one_at_a_time:
            return self._carry_out(method, given, comment, caller)

    def _carry_out(self, method: Method, given: Any, comment: str, caller: Caller) -> Answered:
        gateway = self._gateway
        order: JobOrder | None = None
        if method.takes_order:
            try:
                order = read_order(given, gateway.plant, self._now())
            except (BatchError, AttributeError) as error:
                return self._refused(
                    method, str(getattr(given, "JobOrderID", ""))[:64], comment, caller,
                    Answered(Answer.UNABLE_TO_ACCEPT, str(error)),
                )  # fmt: skip
        order_id = order.order_id if order is not None else str(given or "")[:64]
        data: dict[str, Any] = {"comment": comment} if comment else {}
        if order is not None:
            data["order"] = order.model_dump(mode="json")
        gateway.mirror.refresh()
        known = gateway.known.order(order_id)
        if method is Method.REVOKE_START and known is not None:
            data["order"] = known.order.model_dump(mode="json")
        asked = gateway.journal.command(
            caller.who, f"{PREFIX}{method.label}", order_id, gateway.at_ns(), data
        )
        try:
            answered = self._check(method, order_id) or self._do(
                method, order_id, order, comment, caller.who
            )
        except PlantNotReachable as error:
            answered = Answered(Answer.INVALID_REQUEST, str(error))
        except RobotCellError as error:
            answered = Answered(Answer.UNABLE_TO_ACCEPT, str(error))
        done = answered.status is Answer.NO_ERROR
        outcome = OBEYED if done else answered.message or answered.status.name
        gateway.journal.command_outcome(asked, outcome, gateway.at_ns())
        if done:
            self._book.note(method, order_id, data)
            gateway.mirror.refresh()
        return answered

    def _refused(
        self, method: Method, order_id: str, comment: str, caller: Caller, answered: Answered
    ) -> Answered:
        journal, at_ns = self._gateway.journal, self._gateway.at_ns()
        what = f"{PREFIX}{method.label}"
        asked = journal.command(caller.who, what, order_id, at_ns, {"comment": comment})
        journal.command_outcome(asked, answered.message[:1000], at_ns)
        return answered

    def _check(self, method: Method, order_id: str) -> Answered | None:
        """Whether the order is in a state in which this may be asked; None if it is."""
        if method.stores:
            if self._book.known(order_id):
                return Answered(Answer.UNABLE_TO_ACCEPT, f"there is an order {order_id} already")
            if method is Method.STORE and self._book.full:
                return Answered(Answer.UNABLE_TO_ACCEPT, "no more orders can be stored: start some")
            return None
        job = self._book.job(order_id)
        if job is None:
            return Answered(Answer.UNKNOWN_JOB_ORDER, f"there is no order {order_id!r}")
        state = job.standing.state
        if state not in method.states:
            listed = ", ".join(one.label for one in method.states)
            return Answered(
                Answer.INVALID_JOB_ORDER_STATUS,
                f"{method.label} needs {order_id} to be {listed}; it is {state.label}",
            )
        return None

    def _do(
        self, method: Method, order_id: str, order: JobOrder | None, comment: str, who: str
    ) -> Answered:
        stored = self._book.stored(order_id)
        if method is Method.STORE or method is Method.CLEAR:
            return _DONE
        if method is Method.STORE_AND_START and order is not None:
            return self._hand_in(order, who)
        if method is Method.REVOKE_START:
            return _answered(self._gateway.link.allow_order(order_id, who, on=False))
        revoked = self._gateway.known.order(order_id) is not None
        if method is Method.START and stored is not None:
            if revoked:
                return _answered(self._gateway.link.allow_order(order_id, who, on=True))
            return self._hand_in(stored, who)
        if method is Method.UPDATE and stored is not None and revoked:
            return Answered(
                Answer.UNABLE_TO_ACCEPT,
                f"{order_id} was handed in once: start it as it is, or cancel it",
            )
        if method is Method.UPDATE and order is not None:
            return _DONE if stored is not None else self._prioritise(order, who)
        if stored is not None:  # cancelled or aborted before it was started
            return _DONE
        if method in (Method.CANCEL, Method.STOP, Method.ABORT):
            answer = self._gateway.link.cancel(order_id, comment, who)
            # Of an order whose last work is under way there is nothing left to cancel.
            if not answer.success and method is Method.CANCEL:
                return Answered(Answer.UNABLE_TO_ACCEPT, answer.message)
        command = _OF_CELLS.get(method)
        return _DONE if command is None else self._ask_cells(command, order_id, comment, who)

    def _hand_in(self, order: JobOrder, who: str) -> Answered:
        result = self._gateway.link.submit(orders_json([order]), SOURCE, "json", who)
        if not result.accepted:
            return Answered(Answer.UNABLE_TO_ACCEPT, result.message)
        return _DONE

    def _prioritise(self, order: JobOrder, who: str) -> Answered:
        """Of an order that is planned, only the priority can be another."""
        record = self._gateway.known.order(order.order_id)
        if record is None:
            return Answered(Answer.UNKNOWN_JOB_ORDER, f"there is no order {order.order_id!r}")
        known = record.order
        if known.model_copy(update={"priority": order.priority}) != order:
            return Answered(
                Answer.UNABLE_TO_ACCEPT,
                f"{order.order_id} is planned: only its priority can be changed",
            )
        return _answered(self._gateway.link.prioritise(order.order_id, order.priority, who))

    def _ask_cells(self, command: Command, order_id: str, comment: str, who: str) -> Answered:
        """Give every cell that is at work on the order a command; one that refuses is told of."""
        asked_by = f"{who}: {comment}" if comment else who
        refused = []
        cells = self._book.cells_of(order_id)
        for cell in cells:
            answer = self._gateway.link.command(cell, command.label, asked_by)
            if not answer.success:
                refused.append(answer.message)
        if refused:
            return Answered(Answer.INVALID_REQUEST, "; ".join(refused))
        if not cells and command is not Command.ABORT:
            return Answered(
                Answer.INVALID_JOB_ORDER_STATUS, f"no cell is at work on {order_id} now"
            )
        return _DONE

    def _now(self) -> datetime:
        """The plant's time; without one, this machine's."""
        start, now_ns = self._gateway.mirror.start, self._gateway.link.now_ns()
        if start is None or now_ns is None:
            return datetime.now(timezone.utc)
        return start + timedelta(microseconds=now_ns // 1000)


def _answered(answer: CommandResult) -> Answered:
    return _DONE if answer.success else Answered(Answer.UNABLE_TO_ACCEPT, answer.message)
