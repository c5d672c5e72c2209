"""Orders: listed, looked at, cancelled, given another priority."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

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
from robot_cell.gateway.views import operation_view, unit_status

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
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Orders in the order of their acceptance, with what has become of them."""
    del caller
    mirror = await up_to_date(gateway)
    ids = list(mirror.orders)
    wanted = frozenset(status.split(",")) if status else None
    first = min(int(after or 0), len(ids))
    text = q.casefold()
    items: list[shapes.Order] = []
    position, total = first, len(ids)
    if wanted is not None or text:
        matching = [i for i, one in enumerate(ids) if _matches(gateway, one, wanted, text)]
        total = len(matching)
        chosen = [i for i in matching if i >= first][:limit]
        position = chosen[-1] + 1 if len(chosen) == limit else len(ids)
    else:
        chosen = list(range(first, min(first + limit, len(ids))))
        position = first + len(chosen)
    for i in chosen:
        view = mirror.order_view(ids[i])
        if view is not None:
            items.append(view)
    more = position < len(ids) and len(chosen) == limit
    return json_response(
        {
            "items": items,
            "next": str(position) if more else None,
            "total": total,
            "version": mirror.orders_version,
        }
    )


def _matches(gateway: Gateway, order_id: str, wanted: frozenset[str] | None, text: str) -> bool:
    view = gateway.mirror.order_view(order_id)
    if view is None or (wanted is not None and view["status"] not in wanted):
        return False
    return not text or any(
        text in view[name].casefold() for name in ("order_id", "product", "customer")
    )


@router.get("/orders/{order_id}", response_model=shapes.OrderDetail, responses=_READ)
async def order(gateway: Served, caller: Viewer, order_id: OrderIdPath) -> Response:
    """One order with its work units."""
    del caller
    await up_to_date(gateway)
    view, start = _order(gateway, order_id), gateway.mirror.start
    by_unit: dict[int, list[shapes.Operation]] = {}
    records = gateway.mirror.of_order(order_id)
    for record in records:
        if start is not None:
            made = gateway.mirror.operations.get(record.operation_id)
            by_unit.setdefault(record.unit, []).append(made or operation_view(record, start))
    units: list[shapes.Unit] = [
        {
            "unit": unit,
            "status": unit_status(one for one in records if one.unit == unit),
            "operations": operations,
        }
        for unit, operations in by_unit.items()
    ]
    return json_response({**view, "units": units})


def _order(gateway: Gateway, order_id: str) -> shapes.Order:
    view = gateway.mirror.order_view(order_id)
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
