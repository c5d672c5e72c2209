"""The live feed's WebSocket; it checks token, role and origin itself."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from robot_cell.gateway.live import Watcher
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway, address_of, bearer_of, gateway_of, let_in

router: Final = APIRouter()
PROTOCOL: Final = "robot-cell.v1"
NO_TOKEN: Final = 4401
FORBIDDEN: Final = 4403
READ_ONLY: Final = 1008
TOO_MANY: Final = 1013
MOST_WATCHERS: Final = 500
_BEARER: Final = "bearer."


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Ten messages a second to whoever may watch; whoever says something is sent away."""
    gateway = gateway_of(socket)
    offered = socket.scope.get("subprotocols", [])
    token = bearer_of(socket) or next(
        (one.removeprefix(_BEARER) for one in offered if one.startswith(_BEARER)), None
    )
    refused: int | None = None
    if not _origin_is_known(gateway, socket):
        origin = socket.headers.get("origin", "")
        gateway.access.trail.refused(
            f"a page of {origin[:100]}", "WS /api/v1/live", status=403, address=address_of(socket)
        )
        refused = FORBIDDEN
    caller = None
    if refused is None:
        try:
            caller = await let_in(gateway, socket, token, "viewer", "WS /api/v1/live")
        except Problem as problem:
            refused = FORBIDDEN if problem.status == 403 else NO_TOKEN
    if gateway.hub.watchers >= MOST_WATCHERS:
        refused = refused or TOO_MANY
    try:
        await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
        if refused is not None or caller is None:
            await socket.close(refused or NO_TOKEN)
            return
    except (WebSocketDisconnect, RuntimeError, OSError):
        return  # it did not wait for the answer
    watcher = gateway.hub.join(caller)
    listening = asyncio.create_task(_listen(socket, watcher))
    try:
        while (text := await watcher.next()) is not None:
            await socket.send_text(text)
        await socket.close(watcher.ended or 1000)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return  # it has gone
    finally:
        gateway.hub.leave(watcher)
        listening.cancel()


async def _listen(socket: WebSocket, watcher: Watcher) -> None:
    """Notice that somebody goes; nobody has anything to say here."""
    message = await socket.receive()
    watcher.end(1000 if message["type"] == "websocket.disconnect" else READ_ONLY)


def _origin_is_known(gateway: Gateway, socket: WebSocket) -> bool:
    """Whether a page may open the feed: one of this server, or one that the plant allows.

    Browsers say where a page is from and cannot be made to lie about it; programs say nothing.
    """
    origin = socket.headers.get("origin")
    if origin is None or origin in gateway.origins:
        return True
    return urlsplit(origin).netloc == socket.headers.get("host", "")
