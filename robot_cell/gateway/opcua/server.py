"""The OPC UA server of a gateway: a thread with an event loop of its own, beside the web's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from asyncua import Server, ua

from robot_cell.errors import RobotCellError
from robot_cell.gateway.opcua.address_space import server_with_types
from robot_cell.gateway.opcua.alarm_events import AlarmEvents
from robot_cell.gateway.opcua.certificate import own_identity
from robot_cell.gateway.opcua.errors import OpcUaError
from robot_cell.gateway.opcua.feed import TICK_S, Feed
from robot_cell.gateway.opcua.job_book import JobBook
from robot_cell.gateway.opcua.layout import lay_out, namespace_of
from robot_cell.gateway.opcua.methods import Methods
from robot_cell.gateway.opcua.nodesets import node_set_folder
from robot_cell.gateway.opcua.sessions import Door, PlantServer, Rules
from robot_cell.gateway.service import Gateway

END_WITHIN_S: Final = 3.0
MAX_MESSAGE: Final = 4 << 20
"""Bytes of a request or an answer; whoever has not logged in yet can send one as well."""

_LOUD: Final = ("asyncua",)
"""It logs every refused request as an error; what is refused is in the audit trail."""

_log: Final = structlog.get_logger("gateway.opcua")


@dataclass(frozen=True)
class Settings:
    """How the server is started.

    Attributes:
        port: 0 takes a free one, `port_before` if that is free.
        anonymous_reading: whether one may read without a token.
        cache_dir: where the address space of the standards is kept.
    """

    host: str
    port: int
    run_dir: Path
    port_before: int | None = None
    anonymous_reading: bool = False
    cache_dir: Path | None = None


class OpcUaServer:
    """Runs until `close`; what goes wrong at its start is in `error`, and the gateway goes on."""

    def __init__(
        self,
        gateway: Gateway,
        settings: Settings,
        told: Callable[[OpcUaServer], None] = lambda _server: None,
    ) -> None:
        self._told = told
        self._gateway, self._settings = gateway, settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self.ready = threading.Event()
        self.error: Exception | None = None
        self.address, self.port = "", 0
        self.nodes = 0
        self.ready_after_s = 0.0
        self._thread = threading.Thread(target=self._run, name="opcua", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to everybody and end."""
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(ending.set)
        self._thread.join(END_WITHIN_S)

    def _run(self) -> None:
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            asyncio.run(self._serve())
        except Exception as error:  # whatever it is, web and REST go on
            self.error = error
            _log.error("the OPC UA server has ended", reason=str(error))
            self._told(self)
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        began_s = time.monotonic()
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        gateway, settings = self._gateway, self._settings
        door = Door(gateway.access, anonymous_reading=settings.anonymous_reading)
        internal = PlantServer(door)
        server = await server_with_types(internal, node_set_folder(), settings.cache_dir)
        # A million objects that stay: looking through them would hold the live feed up each time.
        gc.freeze()
        layout = await lay_out(server, gateway.plant)
        gc.freeze()
        book = await asyncio.to_thread(JobBook, gateway)
        feed = Feed(server, gateway, layout, book)
        own = await server.get_namespace_index(namespace_of(gateway.plant))
        alarms = AlarmEvents(server, gateway, layout, own)
        await alarms.begin()
        await feed.begin()
        await feed.turn()
        Methods(server, gateway, layout, door, book)
        await self._listen(server, door)
        self.nodes, self.ready_after_s = layout.count, time.monotonic() - began_s
        _log.info("OPC UA", address=self.address, nodes=self.nodes, after_s=self.ready_after_s)
        self._told(self)
        self.ready.set()
        try:
            await self._feed(feed, alarms, internal, self._ending)
        finally:
            await server.stop()

    async def _listen(self, server: Server, door: Door) -> None:
        settings = self._settings
        port = settings.port or _free_port(settings.host, settings.port_before)
        self.port = port
        host = socket.gethostname() if settings.host in ("0.0.0.0", "::") else settings.host
        shown = f"[{host}]" if ":" in host else host
        self.address = f"opc.tcp://{shown}:{port}/robot_cell"
        server.set_endpoint(self.address)
        server.socket_address = (settings.host, port)
        server.set_server_name(f"robot_cell: {self._gateway.plant.plant}")
        server.application_type = ua.ApplicationType.Server
        server.limits.max_message_size = MAX_MESSAGE
        server.limits.max_chunk_count = MAX_MESSAGE // server.limits.max_recv_buffer
        identity = own_identity(settings.run_dir, self._gateway.plant.plant, settings.host)
        await server.set_application_uri(identity.application_uri)
        await server.load_certificate(identity.certificate)
        await server.load_private_key(identity.key)
        server.set_security_policy(
            [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt], permission_ruleset=Rules(door)
        )
        tokens: list[type] = [ua.UserNameIdentityToken]
        if settings.anonymous_reading:
            tokens.append(ua.AnonymousIdentityToken)
        server.set_identity_tokens(tokens)
        try:
            await server.start()
        except OSError as error:
            raise OpcUaError(
                f"{settings.host}:{port} cannot be had ({error.strerror}); give another opcua_port"
            ) from error

    async def _feed(
        self, feed: Feed, alarms: AlarmEvents, internal: PlantServer, ending: asyncio.Event
    ) -> None:
        while not ending.is_set():
            try:
                await feed.turn()
                await alarms.turn()
                await internal.end_void_sessions()
            except RobotCellError as error:
                _log.error("the journal cannot be read", reason=str(error))
            except Exception:
                _log.exception("values could not be written")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), TICK_S)


def _free_port(host: str, before: int | None) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (before, 0) if before else (0,):
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((host, port))
            except OSError:
                continue
            return int(one.getsockname()[1])
    raise OpcUaError(f"{host} has no free port")
