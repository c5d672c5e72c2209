"""Plans: the published one, drafts, and those before."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.cells import Closed
from robot_cell.gateway.shapes.work import Operation, PlannedRow


class Draft(TypedDict):
    """A plan that waits for approval."""

    event_id: int
    at_ms: int
    because: str
    moved: int
    ends_before_ms: int
    ends_after_ms: int
    orders_later_s: float


class Schedule(TypedDict):
    """The published plan with what has become of it."""

    revision: int
    engine: str
    published_ms: int | None
    now_ms: int | None
    frozen_until_ms: int | None
    ends_ms: int | None
    boot: str
    ops_version: int
    operations: list[Operation]
    closed: dict[str, list[Closed]]
    draft: Draft | None


class Revision(TypedDict):
    """A plan that was published."""

    revision: int
    engine: str
    published_ms: int


class Revisions(TypedDict):
    """A page of published plans."""

    items: list[Revision]
    next: str | None


class RevisionDetail(Revision):
    """A plan as it was published."""

    operations: list[PlannedRow]
