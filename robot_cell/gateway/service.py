"""Everything that the routes share, and who may call them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, cast

import orjson
from fastapi import Depends, Query, Request, WebSocket
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from robot_cell.gateway.access import Access, Caller, check_role
from robot_cell.gateway.closed_times import ClosedTimes
from robot_cell.gateway.energies import Energies
from robot_cell.gateway.known import Known
from robot_cell.gateway.link import PlantLink
from robot_cell.gateway.live import Hub
from robot_cell.gateway.mirror import Mirror
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.tokens import Role
from robot_cell.gateway.what_ifs import WhatIfs
from robot_cell.gateway.worker import Worker
from robot_cell.model import Cell, Plant
from robot_cell.store import Journal

API: Final = "/api/v1"
FRESH_S: Final = 0.05


@dataclass
class Gateway:
    """What a gateway is made of.

    Attributes:
        place: where the journal is, for the worker.
        known: orders and operations, at hand or long ago.
        origins: of web pages from elsewhere that may open the live feed.
        overrides: path speed that was last asked of each cell, percent.
        figures: OEE of each cell, and when it was made.
    """

    plant: Plant
    place: Path | str
    journal: Journal
    mirror: Mirror
    known: Known
    link: PlantLink
    access: Access
    hub: Hub
    worker: Worker
    what_ifs: WhatIfs
    closed: ClosedTimes
    energies: Energies
    simulated: bool = False
    origins: tuple[str, ...] = ()
    overrides: dict[str, float] = field(default_factory=dict)
    figures: tuple[float, dict[str, float | None]] = (-1e9, {})

    def cell(self, name: str) -> Cell:
        """A cell of the plant.

        Raises:
            Problem: 404.
        """
        cell = self.plant.cells.get(name)
        if cell is None:
            listed = ", ".join(sorted(self.plant.cells))
            raise Problem("not-found", f"the plant has no cell {name[:80]!r}; it has: {listed}")
        return cell

    def at_ns(self) -> int:
        """Plant time, for the journal."""
        return self.link.now_ns() or 0


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that serves a request."""
    return cast(Gateway, connection.app.state.gateway)


async def _of_request(request: Request) -> Gateway:
    return gateway_of(request)  # not a plain function: those are run in a thread each time


async def up_to_date(gateway: Gateway) -> Mirror:
    """The mirror, at most so much behind the journal, which is read in a thread."""
    if not gateway.mirror.is_fresh(FRESH_S):
        await run_in_threadpool(gateway.mirror.refresh, FRESH_S)
    return gateway.mirror


Served = Annotated[Gateway, Depends(_of_request)]


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from."""
    return connection.client.host if connection.client is not None else "unknown"


def bearer_of(connection: HTTPConnection) -> str | None:
    """The token of a request."""
    scheme, _, text = connection.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text else None


async def let_in(
    gateway: Gateway, connection: HTTPConnection, text: str | None, role: Role, what: str
) -> Caller:
    """Who asks, if they may.

    Raises:
        Problem: 401, 403 or 429; it is in the audit trail.
    """
    address = address_of(connection)
    who = f"nobody known from {address}"
    try:
        caller = gateway.access.quick(text) if text else None
        if caller is None:
            caller = await run_in_threadpool(gateway.access.caller, text, address)
        who = caller.who
        check_role(caller, role)
    except Problem as problem:
        gateway.access.trail.refused(who, what, status=problem.status, address=address)
        raise
    connection.scope["caller"] = caller
    return caller


class Needs(HTTPBearer):
    """Lets in who has a token with at least that role."""

    def __init__(self, role: Role) -> None:
        super().__init__(scheme_name="bearer", auto_error=False)
        self.role = role

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        """Who asks, if they may."""
        what = f"{request.method} {request.url.path}"
        return await let_in(gateway_of(request), request, bearer_of(request), self.role, what)


Viewer = Annotated[Caller, Depends(Needs("viewer"))]
Operator = Annotated[Caller, Depends(Needs("operator"))]
Maintainer = Annotated[Caller, Depends(Needs("maintainer"))]
Admin = Annotated[Caller, Depends(Needs("admin"))]

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
After = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the page before.", pattern=r"^\d{1,18}$"),
]


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer of what `shapes` names."""
    return Response(
        orjson.dumps(value), status_code=status, media_type="application/json", headers=headers
    )


def next_page(ids: list[int], limit: int) -> str | None:
    """Where the next page begins: after the last of a full one."""
    return str(ids[-1]) if len(ids) == limit else None


Handler = Callable[[WebSocket], Awaitable[None]]
