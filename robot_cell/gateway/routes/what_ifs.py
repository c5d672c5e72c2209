"""What if: a copy of the plan in which something is otherwise, solved and compared."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robot_cell.gateway import plan_shapes
from robot_cell.gateway.comparing import Placed, compare
from robot_cell.gateway.planning_moment import moment_of
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import Gateway, Operator, Served, Viewer, json_response
from robot_cell.gateway.views import instant_ms
from robot_cell.model import JobOrder
from robot_cell.model.job_order import OrderId
from robot_cell.orders.what_if import Otherwise, Supposed

router: Final = APIRouter(tags=["what-if"])
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST_MS: Final = 253_402_300_799_000  # the end of the year 9999, where datetime ends
Priority = Annotated[int, Field(ge=1, le=9, strict=True)]
Instant = Annotated[int, Field(ge=0, le=_LATEST_MS, strict=True)]
Key = Annotated[str, Path(max_length=40)]


class OrderSupposed(BaseModel):
    """An order that is handed in besides."""

    model_config = ConfigDict(extra="forbid")
    order_id: OrderId
    product: str = Field(max_length=48)
    quantity: int = Field(ge=1, le=1000, strict=True)
    due_ms: Instant
    release_ms: Instant | None = Field(default=None, description="Now, unless told.")
    priority: Priority = 5


class Supposition(BaseModel):
    """What is supposed to be otherwise."""

    model_config = ConfigDict(extra="forbid")
    priorities: dict[str, Priority] = Field(default_factory=dict, max_length=1000)
    dues_ms: dict[str, Instant] = Field(default_factory=dict, max_length=1000)
    without_orders: list[str] = Field(default_factory=list, max_length=1000)
    more_orders: list[OrderSupposed] = Field(default_factory=list, max_length=100)
    without_cells: list[str] = Field(default_factory=list, max_length=100)
    cells_down_s: dict[str, Annotated[float, Field(gt=0.0, le=2_592_000.0)]] = Field(
        default_factory=dict, max_length=100, description="Down from now on for so long, s."
    )


@router.post("/what-ifs", status_code=202, response_model=plan_shapes.WhatIf, responses=_CHANGE)
def begin(gateway: Served, caller: Operator, wanted: Supposition) -> Response:
    """Plan with something otherwise, in the background; nothing of the plant is changed."""
    for cell in (*wanted.without_cells, *wanted.cells_down_s):
        gateway.cell(cell)
    named = [*wanted.priorities, *wanted.dues_ms, *wanted.without_orders]
    known = gateway.known.products(named)
    for one in named:
        if one not in known:
            raise Problem("not-found", f"there is no order {one[:80]!r}")
    moment = moment_of(gateway)
    otherwise = Otherwise(
        more=tuple(_order(gateway, one) for one in wanted.more_orders),
        priorities=wanted.priorities,
        dues={one: _instant(ms) for one, ms in wanted.dues_ms.items()},
        without_orders=frozenset(wanted.without_orders),
        without_cells=frozenset(wanted.without_cells),
        down_s=wanted.cells_down_s,
    )
    begun = gateway.what_ifs.begin(
        moment, otherwise, lambda found: _result(gateway, wanted, found), caller.who
    )
    return json_response(begun, 202, Location=f"/api/v1/what-ifs/{begun['id']}")


@router.get("/what-ifs", response_model=plan_shapes.WhatIfs, responses=_READ)
def all_(gateway: Served, caller: Viewer) -> Response:
    """The latest supposed plans, without their results."""
    del caller
    return json_response({"items": gateway.what_ifs.all()})


@router.get("/what-ifs/{key}", response_model=plan_shapes.WhatIf, responses=_READ)
def one(gateway: Served, caller: Viewer, key: Key) -> Response:
    """A supposed plan: how far it is, and in the end how it differs from the published one."""
    del caller
    return json_response(gateway.what_ifs.get(key))


@router.delete("/what-ifs/{key}", response_model=plan_shapes.WhatIf, responses=_CHANGE)
def cancel(gateway: Served, caller: Operator, key: Key) -> Response:
    """End the planning, if it is under way."""
    del caller
    return json_response(gateway.what_ifs.cancel(key))


def _instant(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _order(gateway: Gateway, wanted: OrderSupposed) -> JobOrder:
    if wanted.product not in gateway.plant.products:
        listed = ", ".join(gateway.plant.products)
        raise _wrong("product", f"one of {listed}")
    if gateway.known.order(wanted.order_id) is not None:
        raise _wrong("order_id", "an order that the plant does not have yet")
    now_ms = gateway.hub.now_ms() or 0
    try:
        return JobOrder(
            order_id=wanted.order_id,
            product=wanted.product,
            quantity=wanted.quantity,
            release=_instant(now_ms if wanted.release_ms is None else wanted.release_ms),
            due=_instant(wanted.due_ms),
            priority=wanted.priority,
        )
    except ValidationError as error:
        raise _wrong("due_ms", str(error.errors()[0]["msg"])) from error


def _wrong(what: str, expected: str) -> Problem:
    where = f"body.more_orders.{what}"
    return Problem(
        "invalid",
        f"this order cannot be supposed: its {what} should be {expected}",
        problems=[{"where": where, "expected": expected}],
    )


def _result(gateway: Gateway, wanted: Supposition, found: Supposed) -> plan_shapes.WhatIfResult:
    start = gateway.mirror.start
    assert start is not None
    gateway.mirror.refresh()
    new = {order.order_id for order in found.new}
    comparison = compare(
        gateway.mirror,
        start,
        {
            row.operation_id: Placed(row.cell, row.start_ns, row.end_ns)
            for row in found.rows
            if row.order_id not in new
        },
        new=[row for row in found.rows if row.order_id in new],
        products={one.order_id: one.product for one in found.new},
        dues_ms={**wanted.dues_ms, **{one.order_id: instant_ms(one.due) for one in found.new}},
        without=frozenset(wanted.without_orders),
    )
    return {
        **comparison,
        "engine": found.engine,
        "planned_in_s": round(found.planned_in_s, 3),
    }
