"""The gateway's web application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from robot_cell.errors import RobotCellError
from robot_cell.gateway.guard import Guard
from robot_cell.gateway.metrics import MEDIA_TYPE, HttpMetrics, PlantMetrics, new_registry, told
from robot_cell.gateway.pages import Pages
from robot_cell.gateway.problems import on_error, problem_responses
from robot_cell.gateway.routes import (
    access,
    batches,
    devices,
    drawing,
    events,
    faults,
    jog,
    live,
    orders,
    performance,
    plant,
    schedule,
    what_ifs,
)
from robot_cell.gateway.service import API, Gateway, Needs, Served, Viewer

OPEN: Final = frozenset({"/health", "/login"})
"""What needs no token, below the API's path."""

_ROUTERS: Final = (
    access, plant, devices, drawing, faults, jog, batches, orders, schedule, what_ifs, events,
    performance,
)  # fmt: skip


class UnguardedRoute(RobotCellError):
    """A route was added that lets everybody in."""


def make_app(gateway: Gateway, pages: Pages | None = None) -> ASGIApp:
    """The application around a gateway; its lifespan starts and ends the live feed.

    Raises:
        UnguardedRoute: a route checks no role.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        gateway.hub.start()
        yield
        await gateway.hub.close()

    app = FastAPI(
        title="robot_cell",
        version="1",
        description="What people and factory systems see of a plant. Instants are Unix "
        "milliseconds on the plant's clock (`_ms`), durations seconds (`_s`); errors are problem "
        "details.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    for module in _ROUTERS:
        app.include_router(module.router, prefix=API)
    app.include_router(live.router, prefix=API)
    registry = new_registry()
    http = HttpMetrics(registry)
    registry.register(PlantMetrics(gateway))
    outside = _outside(app, registry)
    app.include_router(outside)
    for kind in (RobotCellError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, on_error)
    for router in (*(module.router for module in _ROUTERS), outside):
        check_guarded(router)
    shown = pages or Pages()

    @app.get("/{path:path}", include_in_schema=False)
    async def page(request: Request, path: str) -> Response:
        """The web page."""
        found = None if path.startswith("api/") else shown.answer(request, path)
        if found is None:
            raise HTTPException(404)
        return found

    return Guard(app, gateway.access, http.requests, http.seconds)


def check_guarded(router: APIRouter) -> None:
    """See that every route of a router, and of those in it, asks for a role.

    Raises:
        UnguardedRoute: one does not.
    """
    for route in router.routes:
        within = getattr(route, "original_router", None)
        if within is not None:
            check_guarded(within)
        elif isinstance(route, APIRoute) and route.path not in OPEN:
            needs = [d.call for d in route.dependant.dependencies if isinstance(d.call, Needs)]
            if not needs:
                raise UnguardedRoute(f"{route.path} checks no role")


def _outside(app: FastAPI, registry: Any) -> APIRouter:
    """What is not below the API's path."""
    router = APIRouter()

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            **problem_responses(401, 403, 429),
            200: {"content": {"text/plain": {}}, "description": "for Prometheus"},
        },
        tags=["metrics"],
    )
    async def metrics(gateway: Served, caller: Viewer) -> Response:
        """What Prometheus reads."""
        del gateway, caller
        return Response(await run_in_threadpool(told, registry), media_type=MEDIA_TYPE)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(caller: Viewer) -> dict[str, Any]:
        """What there is, as OpenAPI."""
        del caller
        return app.openapi()

    return router
