"""The plan: as it is, as it was, and the one that waits for approval."""

from __future__ import annotations

import gzip
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from robot_cell.gateway import plan_shapes, shapes
from robot_cell.gateway.comparing import draft_detail
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
from robot_cell.gateway.setups import planned_setups_s
from robot_cell.gateway.versions import MANY
from robot_cell.gateway.views import (
    draft_view,
    planned_view,
    plant_ms,
    plant_ns,
    revision_view,
    step_view,
)
from robot_cell.store import looks

router: Final = APIRouter(tags=["schedule"])
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)
_GZIP_LEVEL: Final = 3
_LEAST_GZIP: Final = 4096


class DraftVerdict(BaseModel):
    """What becomes of the plan that waits."""

    model_config = ConfigDict(extra="forbid")
    verdict: str = Field(pattern="^(approve|refuse)$")


@router.get("/schedule", response_model=shapes.Schedule, responses=_READ)
def schedule(
    gateway: Served,
    caller: Viewer,
    operations: Annotated[
        bool, Query(description="Whether with its operations: who has the live feed has them.")
    ] = True,
    accept_encoding: Annotated[str, Header(max_length=500)] = "",
) -> Response:
    """The published plan with what has become of it: what is open, and what was over lately."""
    del caller
    return _packed(orjson.dumps(_schedule(gateway, operations)), accept_encoding)


def _schedule(gateway: Gateway, operations: bool) -> dict[str, Any]:
    """A `shapes.Schedule` whose operations are JSON already, if they are wanted."""
    mirror = gateway.mirror
    mirror.refresh(0.05)
    start, now_ns = mirror.start, gateway.hub.now_ns
    ends_ns = mirror.ends_ns()
    now_ms = gateway.hub.now_ms()
    closed = {name: gateway.closed.all(now_ns, start, name) for name in gateway.plant.cells}
    ahead_s = gateway.plant.planning.confirm_ahead_s
    return {
        "revision": mirror.revision,
        "engine": mirror.engine,
        "published_ms": None
        if start is None or mirror.published_ns is None
        else plant_ms(mirror.published_ns, start),
        "now_ms": now_ms,
        "frozen_until_ms": None if now_ms is None else now_ms + int(ahead_s * 1000),
        "ends_ms": None if start is None or ends_ns is None else plant_ms(ends_ns, start),
        "boot": mirror.boot,
        "ops_version": mirror.version,
        "operations": mirror.work.packed() if operations else [],
        "closed": closed,
        "draft": None if start is None else draft_view(mirror.draft, start),
    }


@router.get("/operations", response_model=shapes.Operations, responses=_READ)
async def operations(
    gateway: Served,
    caller: Viewer,
    since: Annotated[int, Query(ge=-1, le=2**53, description="The version that is known.")] = -1,
    boot: Annotated[str, Query(max_length=64)] = "",
    accept_encoding: Annotated[str, Header(max_length=500)] = "",
) -> Response:
    """What changed since a version of the live feed; all where that is not known any more."""
    del caller
    found = (await up_to_date(gateway)).since(since, boot)
    if len(found["operations"]) <= MANY:
        return json_response(found)
    return await run_in_threadpool(lambda: _packed(orjson.dumps(found), accept_encoding))


@router.get("/schedule/past", response_model=shapes.PastOperations, responses=_READ)
def past(
    gateway: Served,
    caller: Viewer,
    from_ms: Annotated[int, Query(ge=0, le=2**53)],
    to_ms: Annotated[int, Query(ge=0, le=2**53)],
    after: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=r"^-?\d{1,19}:.{1,128}$",
            description="`next` of the page before.",
        ),
    ] = None,
    limit: Limit = 100,
) -> Response:
    """What ran in a span, however long ago: operations that were under way, by when they began."""
    del caller
    gateway.mirror.refresh(0.05)
    start = gateway.mirror.start
    if start is None:
        return json_response({"items": [], "next": None})
    if to_ms < from_ms:
        raise Problem(
            "invalid",
            "the span ends before it begins",
            problems=[{"where": "query.to_ms", "expected": "a time after from_ms"}],
        )
    begun, _, key = (after or "").partition(":")
    records = gateway.known.ran(
        plant_ns(from_ms, start),
        plant_ns(to_ms, start),
        (int(begun), key) if after else None,
        limit,
    )
    last = records[-1] if len(records) == limit else None
    view: shapes.PastOperations = {
        "items": gateway.known.shown(records),
        "next": None if last is None else f"{last.actual_start_ns}:{last.operation_id}",
    }
    return json_response(view)


@router.get("/steps", response_model=shapes.Steps, responses=_READ)
def steps(
    gateway: Served, caller: Viewer, operation_id: Annotated[str, Query(max_length=128)]
) -> Response:
    """The steps of an operation, of all attempts, oldest first."""
    del caller
    start = gateway.mirror.start
    if start is None or gateway.known.record(operation_id) is None:
        raise Problem("not-found", f"there is no operation {operation_id!r}")
    found = gateway.journal.steps(operation_id)
    return json_response({"items": [step_view(one, start) for one in found]})


@router.get("/schedule/revisions", response_model=shapes.Revisions, responses=_READ)
def revisions(gateway: Served, caller: Viewer, after: After = None, limit: Limit = 100) -> Response:
    """Every plan that was published, oldest first."""
    del caller
    start = gateway.mirror.start
    number = min(int(after or 0), 2**62)
    found = gateway.journal.look(lambda tx: looks.revisions(tx, number, limit))
    return json_response(
        {
            "items": [] if start is None else [revision_view(one, start) for one in found],
            "next": next_page([one.revision for one in found], limit),
        }
    )


@router.get("/schedule/revisions/{revision}", response_model=shapes.RevisionDetail, responses=_READ)
def revision(
    gateway: Served,
    caller: Viewer,
    revision: Annotated[int, Path(ge=1, le=2**53)],
    accept_encoding: Annotated[str, Header(max_length=500)] = "",
) -> Response:
    """A plan as it was published."""
    del caller
    start = gateway.mirror.start
    found = gateway.journal.look(lambda tx: looks.revision(tx, revision))
    if found is None or start is None:
        raise Problem("not-found", f"no plan {revision} was published")
    mirror = gateway.mirror
    products = gateway.known.products({row.order_id for row in found.rows})
    setups = planned_setups_s(found.rows, products, mirror.setups)
    rows = [planned_view(one, start, setups.get(one.operation_id, 0.0)) for one in found.rows]
    return _packed(
        orjson.dumps({**revision_view(found, start), "operations": rows}), accept_encoding
    )


@router.get("/schedule/draft", response_model=plan_shapes.DraftDetail, responses=_READ)
def draft_beside(
    gateway: Served,
    caller: Viewer,
    accept_encoding: Annotated[str, Header(max_length=500)] = "",
) -> Response:
    """The plan that waits for approval, beside the published one; 404 if none waits."""
    del caller
    gateway.mirror.refresh(0.05)
    start = gateway.mirror.start
    found = None if start is None else draft_detail(gateway.mirror, start)
    if found is None:
        raise Problem("not-found", "no plan waits for approval")
    return _packed(orjson.dumps(found), accept_encoding)


@router.post("/schedule/draft", response_model=shapes.Answer, responses=_CHANGE)
def draft(gateway: Served, caller: Operator, wanted: DraftVerdict) -> Response:
    """Approve or refuse the plan that waits for it."""
    answer = gateway.link.decide_draft(wanted.verdict, caller.who)
    if not answer.success:
        raise Problem("refused", answer.message)
    gateway.mirror.refresh()
    return json_response({"accepted": True, "message": answer.message})


def _packed(content: bytes, accept_encoding: str) -> Response:
    """A JSON answer that may be long."""
    headers = {"Vary": "Accept-Encoding"}
    if len(content) >= _LEAST_GZIP and "gzip" in accept_encoding:
        content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)
