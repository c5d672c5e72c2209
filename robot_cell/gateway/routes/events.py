"""What happened, as pages and as a stream, and alarms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from robot_cell.gateway import shapes
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import (
    After,
    Gateway,
    Limit,
    Operator,
    Served,
    Viewer,
    json_response,
    next_page,
    up_to_date,
)
from robot_cell.gateway.views import alarm_view, event_view
from robot_cell.store import looks
from robot_cell.store.alarms import AlarmRecord, UnknownAlarm

router: Final = APIRouter(tags=["events"])
_READ: Final = problem_responses(401, 403, 422, 429, 503)
_KEEP_ALIVE_S: Final = 15.0
_PAGE: Final = 500


class Acknowledged(BaseModel):
    """That somebody has seen an alarm."""

    model_config = ConfigDict(extra="forbid")
    comment: str = Field(default="", max_length=200)


class Shelved(BaseModel):
    """That an alarm is not to be shown for a while."""

    model_config = ConfigDict(extra="forbid")
    for_s: float = Field(gt=0.0, le=86_400.0)
    reason: str = Field(min_length=1, max_length=200)


@router.get("/events", response_model=shapes.Events, responses=_READ)
def events(
    gateway: Served,
    caller: Viewer,
    after: After = None,
    limit: Limit = 100,
    last: Annotated[int | None, Query(ge=1, le=1000, description="The newest so many.")] = None,
) -> Response:
    """What people are told of, oldest first."""
    del caller
    start = gateway.mirror.start
    if last is not None:
        found = gateway.journal.look(lambda tx: looks.newest_told(tx, last))
        return json_response({"items": [event_view(one, start) for one in found], "next": None})
    found = gateway.journal.events(int(after or 0), limit)
    return json_response(
        {
            "items": [event_view(one, start) for one in found],
            "next": next_page([one.event_id for one in found], limit),
        }
    )


@router.get(
    "/events/stream",
    response_class=Response,
    responses={**_READ, 200: {"content": {"text/event-stream": {}}, "description": "events"}},
)
async def stream(
    gateway: Served,
    caller: Viewer,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,18}$")] = None,
) -> Response:
    """Events as they happen (server-sent events); from `Last-Event-ID` on, else from now on."""
    after = gateway.mirror.events_last if last_event_id is None else int(last_event_id)
    still = gateway.access.still_valid
    return StreamingResponse(
        _stream(gateway, after, lambda: still(caller)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _stream(gateway: Gateway, after: int, valid: object) -> AsyncIterator[bytes]:
    yield b": welcome\n\n"
    while callable(valid) and valid():
        found = await asyncio.to_thread(gateway.journal.events, after, _PAGE)
        for one in found:
            after = one.event_id
            data = orjson.dumps(event_view(one, gateway.mirror.start))
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (after, one.kind.encode(), data)
        if found:
            continue
        try:
            async with gateway.hub.changed:
                await asyncio.wait_for(gateway.hub.changed.wait(), _KEEP_ALIVE_S)
        except TimeoutError:
            yield b": still here\n\n"


@router.get("/alarms", response_model=shapes.Alarms, responses=_READ)
async def alarms(
    gateway: Served,
    caller: Viewer,
    state: Annotated[str, Query(pattern="^(active|all)$")] = "active",
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Alarms after ISA-18.2: those that stand, the most urgent first, or all, the oldest first."""
    del caller
    mirror = await up_to_date(gateway)
    start = mirror.start
    if state == "active":
        first = min(int(after or 0), len(mirror.alarms))
        found = mirror.alarms[first : first + limit]
        more = str(first + limit) if first + limit < len(mirror.alarms) else None
    else:
        from_id = min(int(after or 0), 2**62)
        found = await run_in_threadpool(gateway.journal.alarms.history, from_id, limit)
        more = next_page([one.alarm_id for one in found], limit)
    view: shapes.Alarms = {
        "items": [] if start is None else [alarm_view(one, start) for one in found],
        "next": more,
        "version": mirror.alarms_version,
    }
    return json_response(view)


AlarmId = Annotated[int, Path(ge=1, le=2**53)]
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)


@router.post("/alarms/{alarm_id}/acknowledge", response_model=shapes.Answer, responses=_CHANGE)
def acknowledge(
    gateway: Served, caller: Operator, alarm_id: AlarmId, wanted: Acknowledged
) -> Response:
    """Say that an alarm was seen."""
    who = f"{caller.who}: {wanted.comment}" if wanted.comment else caller.who
    at_ns = gateway.link.now_ns()
    return _changed(gateway, lambda: gateway.journal.alarms.acknowledge(alarm_id, who, at_ns))


@router.post("/alarms/{alarm_id}/shelve", response_model=shapes.Answer, responses=_CHANGE)
def shelve(gateway: Served, caller: Operator, alarm_id: AlarmId, wanted: Shelved) -> Response:
    """Put an alarm aside for a while; it comes back by itself."""
    who, at_ns = f"{caller.who}: {wanted.reason}", gateway.link.now_ns()
    return _changed(
        gateway, lambda: gateway.journal.alarms.shelve(alarm_id, who, wanted.for_s, at_ns)
    )


@router.post("/alarms/{alarm_id}/unshelve", response_model=shapes.Answer, responses=_CHANGE)
def unshelve(
    gateway: Served, caller: Operator, alarm_id: AlarmId, wanted: Acknowledged
) -> Response:
    """Take a shelved alarm back before its time is up."""
    who = f"{caller.who}: {wanted.comment}" if wanted.comment else caller.who
    at_ns = gateway.link.now_ns()
    return _changed(gateway, lambda: gateway.journal.alarms.unshelve(alarm_id, who, at_ns))


def _changed(gateway: Gateway, change: Callable[[], AlarmRecord]) -> Response:
    try:
        record = change()
    except UnknownAlarm as error:
        raise Problem("not-found", str(error)) from error
    gateway.mirror.refresh()
    message = f"alarm {record.alarm_id} is {record.state.value.replace('_', ' ')}"
    return json_response({"accepted": True, "message": message})
