"""A gateway on a real socket, for what must be seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

STARTED_WITHIN_S = 60.0


@contextlib.contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free port of this machine; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws_per_message_deflate=False))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while not server.started:
            assert time.monotonic() < deadline_s, "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(STARTED_WITHIN_S)
        assert not thread.is_alive()
