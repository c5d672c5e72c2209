"""What surrounds every HTTP request: its size, its idempotency key, its log line, its headers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from typing import Any, Final

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from robot_cell.gateway.access import Access
from robot_cell.gateway.idempotency import HEADER, REPLAYED, Answers, Kept, is_final, key_of
from robot_cell.gateway.problems import Problem

MAX_BODY: Final = 1 << 20
MAX_FILE: Final = (32 << 20) + 1024
_FILES: Final = "/api/v1/batches"
_CHANGING: Final = ("POST", "PUT", "PATCH", "DELETE")
_LONGEST_KEY: Final = 255
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_log: Final = structlog.get_logger("gateway.http")


class Guard:
    """The outermost layer; everything else is inside it."""

    def __init__(self, app: ASGIApp, access: Access, requests: Counter, seconds: Histogram) -> None:
        self._app, self._access = app, access
        self._answers = Answers()
        self._requests, self._seconds = requests, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        sent = {"status": 500}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                message["headers"] = _with_ours(message["headers"], scope["path"])
            await send(message)

        try:
            await self._limited(scope, receive, sending)
        finally:
            self._tell(scope, sent["status"], time.perf_counter() - began_s)

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        route = scope.get("route")
        template = getattr(route, "path", "page")
        self._requests.labels(scope["method"], template, str(status)).inc()
        self._seconds.labels(template).observe(took_s)
        changes = scope["method"] in _CHANGING and not scope.get("again", False)
        if status >= 400 or changes:
            caller = scope.get("caller")
            problem = scope.get("problem")
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round(took_s * 1000.0, 1),
                who=caller.who if caller is not None else None,
                detail=problem.detail[:300] if problem is not None else None,
            )

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = MAX_FILE if scope["path"].startswith(_FILES) else MAX_BODY
        headers = Headers(scope=scope)
        told = headers.get("content-length", "0")
        if not told.isdecimal() or int(told) > most:
            problem = Problem("too-large", f"at most {most} bytes are taken here")
            await problem.response(scope["path"])(scope, receive, send)
            return
        size = 0

        async def receiving() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413, f"at most {most} bytes are taken here")
            return message

        key = headers.get(HEADER)
        if key is None or scope["method"] not in _CHANGING:
            await self._app(scope, receiving, send)
        else:
            await self._once(scope, headers, key, receiving, send)

    async def _once(
        self, scope: Scope, headers: Headers, key: str, receive: Receive, send: Send
    ) -> None:
        """Carry out a request that has a key, or give the answer that it had before."""
        try:
            if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
                raise Problem("invalid", "an Idempotency-Key has 1 to 255 printable characters")
            body = await _whole(receive)
            token = headers.get("authorization", "")
            target = f"{scope['path']}?{scope.get('query_string', b'').decode('latin-1')}"
            own = key_of(token, scope["method"], target, key)
            content = hashlib.sha256(body).hexdigest()
            known = self._answers.begin(own, content)
            if known is not None:  # who is not let in any more gets no old answer either
                caller = self._access.quick(token.partition(" ")[2])
                if caller is None:
                    raise Problem("unauthorised", "the token is not known")
        except Problem as problem:
            await problem.response(scope["path"])(scope, receive, send)
            return
        except HTTPException as error:
            large = Problem("too-large", str(error.detail))
            await large.response(scope["path"])(scope, receive, send)
            return
        if known is not None:
            await _send_kept(known, send)
            return
        await self._carried_out(own, content, body, scope, receive, send)

    async def _carried_out(
        self, own: str, content: str, body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        start: Message = {}
        parts: list[bytes] = []
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def keeping(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
            await send(message)

        answer: Kept | None = None
        try:
            await self._app(scope, again, keeping)
            status = int(start.get("status", 500))
            if is_final(status):
                kept = tuple((bytes(k), bytes(v)) for k, v in start["headers"])
                answer = Kept(content, status, kept, b"".join(parts), time.monotonic())
        finally:
            self._answers.end(own, answer)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send_kept(known: Kept, send: Send) -> None:
    headers = [*known.headers, (REPLAYED, b"true")]
    await send({"type": "http.response.start", "status": known.status, "headers": headers})
    await send({"type": "http.response.body", "body": known.body})


def _with_ours(headers: Iterable[Any], path: str) -> list[Any]:
    found = list(headers)
    names = {bytes(name).lower() for name, _ in found}
    found += [(name, value) for name, value in _HEADERS if name not in names]
    if path.startswith("/api/") and b"cache-control" not in names:
        found.append((b"cache-control", b"no-store"))
    return found
