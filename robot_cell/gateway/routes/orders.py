"""Orders: listed, looked at, cancelled, given another priority."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
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
    up_to_date,
)
from robot_cell.gateway.views import unit_status

router: Final = APIRouter(tags=["orders"])
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)
OrderIdPath = Annotated[str, Path(max_length=64)]
_STATUSES: Final = "accepted|planned|running|complete|uncertain|failed|cancelled"


class Cancelling(BaseModel):
    """Why an order is cancelled."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(default="", max_length=200)


class OrderChange(BaseModel):
    """Another priority, 1 (can wait) to 9 (urgent)."""

    model_config = ConfigDict(extra="forbid")
    priority: int = Field(ge=1, le=9, strict=True)


@router.get("/orders", response_model=shapes.Orders, responses=_READ)
async def orders(
    gateway: Served,
    caller: Viewer,
    status: Annotated[str | None, Query(pattern=f"^({_STATUSES})(,({_STATUSES}))*$")] = None,
    q: Annotated[str, Query(max_length=100, description="Part of id, product or customer.")] = "",
    scope: Annotated[
        Literal["all", "live"],
        Query(description="Whether only those of the live feed's operations, which are not many."),
    ] = "all",
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Orders in the order of their acceptance, with what has become of them."""
    del caller
    await up_to_date(gateway)
    wanted = frozenset(status.split(",")) if status else None
    position = int(after or 0)
    if scope == "live":
        found = await run_in_threadpool(gateway.known.live_page, position, limit)
    else:
        found = await run_in_threadpool(gateway.known.page, position, limit, wanted, q)
    return json_response(found)


@router.get("/orders/{order_id}", response_model=shapes.OrderDetail, responses=_READ)
async def order(gateway: Served, caller: Viewer, order_id: OrderIdPath) -> Response:
    """One order with its work units."""
    del caller
    await up_to_date(gateway)
    if gateway.known.at_hand(order_id):
        return json_response(_detail(gateway, order_id))
    return json_response(await run_in_threadpool(_detail, gateway, order_id))


def _detail(gateway: Gateway, order_id: str) -> shapes.OrderDetail:
    view = _order(gateway, order_id)
    records = gateway.known.of_order(order_id)
    by_unit: dict[int, list[shapes.Operation]] = {}
    for made in gateway.known.shown(records):
        by_unit.setdefault(made["unit"], []).append(made)
    units: list[shapes.Unit] = [
        {
            "unit": unit,
            "status": unit_status(one for one in records if one.unit == unit),
            "operations": operations,
        }
        for unit, operations in by_unit.items()
    ]
    return {**view, "units": units}


def _order(gateway: Gateway, order_id: str) -> shapes.Order:
    view = gateway.known.view(order_id)
    if view is None:
        raise Problem("not-found", f"there is no order {order_id!r}")
    return view


@router.post("/orders/{order_id}/cancel", response_model=shapes.Answer, responses=_CHANGE)
def cancel(
    gateway: Served, caller: Operator, order_id: OrderIdPath, wanted: Cancelling
) -> Response:
    """Cancel what has not begun of an order; what runs is finished."""
    gateway.mirror.refresh()
    _order(gateway, order_id)
    answer = gateway.link.cancel(order_id, wanted.reason, caller.who)
    if not answer.success:
        raise Problem("refused", answer.message)
    gateway.mirror.refresh()
    return json_response({"accepted": True, "message": answer.message})


@router.patch("/orders/{order_id}", response_model=shapes.Order, responses=_CHANGE)
def prioritise(
    gateway: Served, caller: Operator, order_id: OrderIdPath, wanted: OrderChange
) -> Response:
    """Give an order another priority; everything that has not begun is planned anew."""
    gateway.mirror.refresh()
    _order(gateway, order_id)
    answer = gateway.link.prioritise(order_id, wanted.priority, caller.who)
    if not answer.success:
        raise Problem("refused", answer.message)
    gateway.mirror.refresh()
    return json_response(_order(gateway, order_id))
