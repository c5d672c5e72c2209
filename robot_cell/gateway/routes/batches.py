"""Batch files: checked, previewed, handed in. The body is the file itself."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from robot_cell.gateway import shapes
from robot_cell.gateway.planning_moment import moment_of
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import Gateway, Operator, Served, json_response
from robot_cell.gateway.setups import planned_setups_s
from robot_cell.gateway.views import instant_ms, planned_view, plant_ms
from robot_cell.gateway.worker import Ticket
from robot_cell.model import JobOrder
from robot_cell.orders import BatchError
from robot_cell.orders.what_if import Otherwise, Supposed

router: Final = APIRouter(tags=["batches"])
MAX_BYTES: Final = 32 << 20
MEDIA_TYPES: Final = (
    "text/csv",
    "application/json",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
)
_LOOK_S: Final = 0.2
"""How often it is looked whether who asked is still there."""

_ENDINGS: Final = (".csv", ".txt", ".json", ".xlsx")
_CHANGE: Final = problem_responses(401, 403, 404, 409, 413, 415, 422, 429, 503)
_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES
        },
    }
}
Name = Annotated[
    str,
    Query(
        min_length=1, max_length=200,
        description="Name of the file; its ending (.csv, .json, .xlsx) tells what it is.",
    ),
]  # fmt: skip


@contextlib.asynccontextmanager
async def _uploaded(request: Request, name: str) -> AsyncIterator[Path]:
    """The file of a request, in a folder of its own that is gone afterwards.

    Raises:
        Problem: 413, 415 or 422.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES:
        raise Problem(
            "unsupported-type",
            f"a batch file has one of these types: {', '.join(MEDIA_TYPES)}; this is {kind!r}",
        )
    ending = next((one for one in _ENDINGS if name.lower().endswith(one)), None)
    if ending is None or not name.isprintable():
        raise Problem(
            "invalid",
            f"{name!r} does not tell what it is",
            problems=[
                {"where": "query.name", "expected": "a name that ends with .csv, .json or .xlsx"}
            ],
        )
    with tempfile.TemporaryDirectory(prefix="robot_cell_batch_") as folder:
        path = Path(folder) / f"batch{ending}"
        size = 0
        with path.open("wb") as file:
            async for part in request.stream():
                size += len(part)
                if size > MAX_BYTES:
                    raise Problem(
                        "too-large",
                        f"the file is larger than {MAX_BYTES >> 20} MiB: split the batch",
                    )
                file.write(part)
        yield path


@router.post(
    "/batches/validate",
    response_model=shapes.Validation,
    responses=_CHANGE,
    openapi_extra=_FILE,
)
async def validate(gateway: Served, caller: Operator, request: Request, name: Name) -> Response:
    """Check every cell of a batch file; nothing is stored."""
    del caller
    async with _uploaded(request, name) as path:
        try:
            read = await asyncio.to_thread(gateway.worker.read, path)
        except BatchError as error:
            view: shapes.Validation = {
                "valid": False,
                "name": name,
                "format": None,
                "orders": [],
                "total": 0,
                "problems": [
                    {
                        "row": one.row,
                        "column": one.column,
                        "value": one.value,
                        "expected": one.expected,
                        "message": one.message,
                    }
                    for one in error.problems
                ],
                "total_problems": error.total,
            }
            return json_response(view)
    first = [one.order_id for one in read.first]
    known = await asyncio.to_thread(gateway.known.products, first)
    view = {
        "valid": True,
        "name": name,
        "format": read.format,
        "orders": [_order_in(one, one.order_id in known) for one in read.first],
        "total": read.total,
        "problems": [],
        "total_problems": 0,
    }
    return json_response(view)


@router.post(
    "/batches/preview", response_model=shapes.Preview, responses=_CHANGE, openapi_extra=_FILE
)
async def preview(gateway: Served, caller: Operator, request: Request, name: Name) -> Response:
    """What a batch would do to the plan: when its orders would be done, and which would be late.

    Who goes away while it is planned has no more need of it: the planning is ended.
    """
    del caller
    ticket = Ticket()
    async with _uploaded(request, name) as path:
        planning = asyncio.create_task(
            asyncio.to_thread(gateway.worker.plan, moment_of(gateway), Otherwise(), path, ticket)
        )
        while not (await asyncio.wait({planning}, timeout=_LOOK_S))[0]:
            if await request.is_disconnected():
                gateway.worker.cancel(ticket)
                await asyncio.wait({planning})
        found = await planning
    return json_response(_preview(gateway, found))


@router.post(
    "/batches",
    status_code=201,
    response_model=shapes.Submitted,
    responses=_CHANGE,
    openapi_extra=_FILE,
)
async def submit(gateway: Served, caller: Operator, request: Request, name: Name) -> Response:
    """Hand a batch in, all of it or nothing; the same batch again is the same batch."""
    async with _uploaded(request, name) as path:
        read = await asyncio.to_thread(gateway.worker.read, path)
    result = await asyncio.to_thread(
        gateway.link.submit, read.content, name, read.format, caller.who
    )
    if not result.accepted:
        kind = "conflict" if result.message.startswith("known with other") else "refused"
        raise Problem(kind, result.message)
    await asyncio.to_thread(gateway.mirror.refresh)
    view: shapes.Submitted = {
        "accepted": True,
        "order_ids": list(result.order_ids),
        "already_known": list(result.already_known),
        "message": result.message,
    }
    return json_response(view, 201)


def _order_in(order: JobOrder, known: bool) -> shapes.OrderIn:
    return {
        "order_id": order.order_id,
        "product": order.product,
        "quantity": order.quantity,
        "release_ms": instant_ms(order.release),
        "due_ms": instant_ms(order.due),
        "priority": order.priority,
        "customer": order.customer,
        "known": known,
    }


def _preview(gateway: Gateway, found: Supposed) -> shapes.Preview:
    start = gateway.mirror.start
    assert start is not None

    def ms(at_ns: int | None) -> int | None:
        return None if at_ns is None else plant_ms(at_ns, start)

    def late_s(at_ns: int | None, order: JobOrder) -> float | None:
        at_ms = ms(at_ns)
        return None if at_ms is None else (at_ms - instant_ms(order.due)) / 1000.0

    orders: list[shapes.Promise] = [
        {
            "order_id": one.order_id,
            "due_ms": instant_ms(one.due),
            "promised_ms": ms(found.ends_after_ns.get(one.order_id)),
            "late_s": late_s(found.ends_after_ns.get(one.order_id), one),
        }
        for one in found.new
    ]
    late = [one for one in orders if (one["late_s"] or 0.0) > 0.0]
    others: list[shapes.PromiseChange] = []
    for one in found.known:
        before_ns = found.ends_before_ns.get(one.order_id)
        after_ns = found.ends_after_ns.get(one.order_id)
        if before_ns == after_ns:
            continue
        later_s = None if before_ns is None or after_ns is None else (after_ns - before_ns) * 1e-9
        others.append(
            {
                "order_id": one.order_id,
                "before_ms": ms(before_ns),
                "after_ms": ms(after_ns),
                "later_s": later_s,
                "late_before_s": late_s(before_ns, one),
                "late_after_s": late_s(after_ns, one),
            }
        )
    newly_late = sum(
        (one["late_after_s"] or 0.0) > 0.0 >= (one["late_before_s"] or 0.0) for one in others
    )
    products = {one.order_id: one.product for one in (*found.known, *found.new)}
    setups = planned_setups_s(found.rows, products, gateway.mirror.setups)
    ends_before = [at for at in found.ends_before_ns.values() if at is not None]
    return {
        "orders": orders,
        "total": len(orders),
        "late": len(late),
        "first_late": min(late, key=lambda one: one["promised_ms"] or 0, default=None),
        "others": others,
        "others_newly_late": newly_late,
        "ends_before_ms": ms(max(ends_before, default=None)),
        "ends_after_ms": ms(max((row.end_ns for row in found.rows), default=None)),
        "engine": found.engine,
        "planned_in_s": round(found.planned_in_s, 3),
        "operations": [
            planned_view(row, start, setups.get(row.operation_id, 0.0)) for row in found.rows
        ],
    }
