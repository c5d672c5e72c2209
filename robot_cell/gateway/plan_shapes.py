"""What the API answers where two plans are compared, as types beside those of `shapes`."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes import Draft, PromiseChange


class Place(TypedDict):
    """Where and when an operation is planned, and how long its cell is set up before it."""

    cell: str
    start_ms: int
    end_ms: int
    setup_s: float


class Move(TypedDict):
    """An operation that another plan puts elsewhere; null where a plan has no place for it."""

    id: str
    order_id: str
    unit: int
    name: str
    before: Place | None
    after: Place | None


class Comparison(TypedDict):
    """How a plan differs from the published one.

    `other_cell` counts operations that change their cell, `waiting` names those that only the
    published plan has a place for. Late orders are counted by their due dates in each plan.
    """

    moves: list[Move]
    other_cell: int
    waiting: list[str]
    orders: list[PromiseChange]
    late_before: int
    late_after: int
    ends_before_ms: int | None
    ends_after_ms: int | None


class DraftDetail(Draft):
    """The plan that waits for approval, beside the published one."""

    comparison: Comparison


class WhatIfResult(Comparison):
    """A plan that would be, beside the published one."""

    engine: str
    planned_in_s: float


class WhatIf(TypedDict):
    """A supposed plan on its way: `waiting`, `planning`, `done`, `failed` or `cancelled`.

    `progress` is the part of the time that it may take at most; `better_plans` how many plans were
    found so far, each better than the one before. `problem` says why it failed.
    """

    id: str
    state: str
    stage: str
    progress: float
    better_plans: int
    elapsed_s: float
    asked_by: str
    problem: str
    result: WhatIfResult | None


class WhatIfs(TypedDict):
    """The latest supposed plans, oldest first, without their results."""

    items: list[WhatIf]
