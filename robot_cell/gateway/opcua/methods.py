"""Methods of the address space: who calls, whether they may, and what of the gateway is called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from asyncua import Server, ua

from robot_cell.client import PlantNotReachable
from robot_cell.errors import RobotCellError
from robot_cell.gateway.opcua.job_book import JobBook
from robot_cell.gateway.opcua.job_data import (
    JobTypes,
    empty_response,
    wanted_number,
    write_response,
    write_states,
)
from robot_cell.gateway.opcua.job_methods import Answered, JobControl
from robot_cell.gateway.opcua.job_states import Answer, Method
from robot_cell.gateway.opcua.layout import BY_ID, BY_STATE, Layout
from robot_cell.gateway.opcua.packml import SET_UNIT_MODE, label_of
from robot_cell.gateway.opcua.sessions import Door
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.model.packml import Command, Mode

_STATUS: Final = {
    401: ua.StatusCodes.BadUserAccessDenied,
    403: ua.StatusCodes.BadUserAccessDenied,
    404: ua.StatusCodes.BadNotFound,
    409: ua.StatusCodes.BadInvalidState,
    422: ua.StatusCodes.BadInvalidArgument,
    503: ua.StatusCodes.BadNoCommunication,
}
"""Problems of the gateway as status codes."""

_UNCERTAIN: Final = ua.StatusCode(ua.StatusCodes.Uncertain)
"""With a bad status a client gets no ReturnStatus (OPC 10031-4, B.2)."""

_log: Final = structlog.get_logger("gateway.opcua")
Callback = Callable[..., Awaitable[ua.CallMethodResult]]


class Methods:
    """Links every method of a layout."""

    def __init__(
        self, server: Server, gateway: Gateway, layout: Layout, door: Door, book: JobBook
    ) -> None:
        self._gateway, self._layout, self._door, self._book = gateway, layout, door, book
        self._control = JobControl(gateway, book)
        session = server.iserver.isession
        for cell, nodes in layout.cells.items():
            for node, command in nodes.packml.methods.items():
                session.add_method_callback(node, self._packml(cell, command))
            session.add_method_callback(nodes.packml.set_unit_mode, self._set_unit_mode(cell))
            for node in nodes.packml.not_offered:
                session.add_method_callback(node, self._guarded(self._not_offered))
        jobs = layout.jobs
        for node, method in jobs.methods.items():
            session.add_method_callback(node, self._job(method))
        session.add_method_callback(jobs.by_id, self._guarded(self._by_id))
        session.add_method_callback(jobs.by_state, self._guarded(self._by_state))

    def _guarded(self, work: Callback) -> Callback:
        """A callback whose errors are status codes."""

        async def callback(parent: ua.NodeId, *given: ua.Variant) -> ua.CallMethodResult:
            del parent
            try:
                return await work(*given)
            except Problem as problem:
                return _bad(_STATUS.get(problem.status, ua.StatusCodes.BadInvalidState))
            except PlantNotReachable:
                return _bad(ua.StatusCodes.BadNoCommunication)
            except RobotCellError as error:
                _log.warning("a method failed", reason=str(error))
                return _bad(ua.StatusCodes.BadInvalidState)

        return callback

    def _packml(self, cell: str, command: Command) -> Callback:
        """Give a cell a PackML command; the arguments of OPC 30050's Start are not looked at."""

        async def work(*given: ua.Variant) -> ua.CallMethodResult:
            del given
            caller = self._door.caller("operator", f"{label_of(command)} {cell}")
            answer = await asyncio.to_thread(
                self._gateway.link.command, cell, command.label, caller.who
            )
            if not answer.success:
                _log.info("the cell refused", cell=cell, reason=answer.message, who=caller.who)
                return _bad(ua.StatusCodes.BadInvalidState)
            return ua.CallMethodResult()

        return self._guarded(work)

    def _set_unit_mode(self, cell: str) -> Callback:
        """Have a cell go over to another mode, by its number."""

        async def work(*given: ua.Variant) -> ua.CallMethodResult:
            caller = self._door.caller("maintainer", f"{SET_UNIT_MODE} {cell}")
            if not given:
                return _bad(ua.StatusCodes.BadArgumentsMissing)
            wanted = given[0].Value
            if not isinstance(wanted, int) or wanted not in set(Mode):
                return _bad(ua.StatusCodes.BadInvalidArgument)
            answer = await asyncio.to_thread(
                self._gateway.link.change_mode, cell, Mode(wanted).label, caller.who
            )
            if not answer.success:
                _log.info("the cell refused", cell=cell, reason=answer.message, who=caller.who)
                return _bad(ua.StatusCodes.BadInvalidState)
            await asyncio.to_thread(self._gateway.mirror.refresh)
            return ua.CallMethodResult()

        return self._guarded(work)

    async def _not_offered(self, *given: ua.Variant) -> ua.CallMethodResult:
        """A method that the standard wants to be there."""
        del given
        return _bad(ua.StatusCodes.BadNotSupported)

    def _job(self, method: Method) -> Callback:
        """One of the receiver's methods: an order or the id of one, and comments."""

        async def work(*given: ua.Variant) -> ua.CallMethodResult:
            caller = self._door.caller("operator", f"job {method.label}")
            if not given:
                return _bad(ua.StatusCodes.BadArgumentsMissing)
            comments = given[1].Value if len(given) > 1 else None
            comment = " ".join(one.Text for one in comments or () if one.Text)[:200]
            answered = await asyncio.to_thread(
                self._control.carry_out, method, given[0].Value, comment, caller
            )
            return _answer(answered)

        return self._guarded(work)

    async def _by_id(self, *given: ua.Variant) -> ua.CallMethodResult:
        """What has become of one order."""
        self._door.caller("viewer", BY_ID)
        order_id = str(given[0].Value or "") if given else ""
        await asyncio.to_thread(self._gateway.mirror.refresh, 0.05)
        found = self._response(order_id)
        types = self._layout.jobs.types
        if found is None:
            return _with(Answer.UNKNOWN_JOB_ORDER, _structure(empty_response(types)))
        return _with(Answer.NO_ERROR, _structure(found))

    async def _by_state(self, *given: ua.Variant) -> ua.CallMethodResult:
        """What has become of all orders in a state."""
        self._door.caller("viewer", BY_STATE)
        wanted = wanted_number(given[0].Value) if given else None
        await asyncio.to_thread(self._gateway.mirror.refresh, 0.05)
        jobs = await asyncio.to_thread(self._book.jobs)
        found = [
            response
            for job in jobs
            if wanted in (None, job.standing.state)
            and (response := self._response(job.order.order_id)) is not None
        ]
        kind = ua.VariantType.ExtensionObject
        return _with(Answer.NO_ERROR, ua.Variant(found, kind, is_array=True))

    def _response(self, order_id: str) -> Any:
        job = self._book.job(order_id)
        if job is None:
            return None
        jobs = self._layout.jobs
        types: JobTypes = jobs.types
        states = write_states(types, job.standing, jobs.numbers)
        return write_response(types, order_id, states, self._gateway.mirror.order_view(order_id))


def _structure(value: Any) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.ExtensionObject)


def _bad(code: int) -> ua.CallMethodResult:
    result = ua.CallMethodResult()
    result.StatusCode = ua.StatusCode(code)
    return result


def _answer(answered: Answered) -> ua.CallMethodResult:
    if answered.message:
        _log.info("job order method refused", reason=answered.message)
    return _with(answered.status)


def _with(status: Answer, *before: ua.Variant) -> ua.CallMethodResult:
    """Output arguments, ReturnStatus last; uncertain where it was refused."""
    result = ua.CallMethodResult()
    result.OutputArguments = [*before, ua.Variant(int(status), ua.VariantType.UInt64)]
    if status is not Answer.NO_ERROR:
        result.StatusCode = _UNCERTAIN
    return result
