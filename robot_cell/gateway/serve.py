"""Puts the gateway together and serves it until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn

from robot_cell.errors import RobotCellError
from robot_cell.gateway.access import Access, Trail
from robot_cell.gateway.app import make_app
from robot_cell.gateway.closed_times import ClosedTimes
from robot_cell.gateway.energies import Energies
from robot_cell.gateway.known import Known
from robot_cell.gateway.link import PlantLink, RosLink
from robot_cell.gateway.live import Hub
from robot_cell.gateway.logs import log_to
from robot_cell.gateway.main import (
    LINK,
    Options,
    address_of,
    port_before,
    private,
    tell_opcua,
)
from robot_cell.gateway.mirror import Mirror
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.tokens import ROLES
from robot_cell.gateway.what_ifs import WhatIfs
from robot_cell.gateway.window import Window
from robot_cell.gateway.worker import Worker
from robot_cell.model import Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.orders.setups import SetupTimes
from robot_cell.store import Journal, JournalError, journal_location, open_journal

if TYPE_CHECKING:
    from robot_cell.gateway.opcua.server import OpcUaServer

SWITCH_INTERVAL_S: Final = 0.0005
"""How soon the event loop gets the interpreter from a thread that reads (Python: 5 ms)."""

_SAY_GOODBYE_S: Final = 1
_JOURNAL_AGAIN_S: Final = 1.0
_log: Final = structlog.get_logger("gateway")


def build(
    plant: Plant,
    place: Path | str,
    journal: Journal,
    link: PlantLink,
    *,
    simulated: bool,
    origins: tuple[str, ...] = (),
    window: Window | None = None,
) -> Gateway:
    """A gateway of its parts, and how much of what is over it keeps; nothing is served yet."""
    mirror = Mirror(journal, link.start, SetupTimes.of(plant), window)
    mirror.refresh()
    access = Access(journal, mirror, Trail(journal, link.now_ns))
    overrides: dict[str, float] = {}
    drivers = {
        name: {arm: model.driver_for(simulated=simulated).kind for arm, model in cell.arms.items()}
        for name, cell in plant.cells.items()
    }
    hub = Hub(drivers, mirror, link, overrides, access.still_valid)
    worker = Worker(plant)
    return Gateway(
        plant=plant,
        place=place,
        journal=journal,
        mirror=mirror,
        known=Known(journal, mirror),
        link=link,
        access=access,
        hub=hub,
        worker=worker,
        what_ifs=WhatIfs(worker),
        closed=ClosedTimes(plant),
        energies=Energies(worker),
        simulated=simulated,
        origins=origins,
        overrides=overrides,
    )


def settle() -> None:
    """Take what stands now out of the garbage collector's sight.

    A full collection goes through everything that lives: with the libraries and a plan of 5,000
    operations that is a pause of a tenth of a second on a busy machine, now and then, for everybody
    who waits for an answer. What is made from now on is still looked after.
    """
    gc.collect()
    gc.freeze()


def serve(options: Options, listening: socket.socket, code: str | None) -> int:
    """Serve until SIGINT or SIGTERM."""
    log_to(options.run_dir / "logs" / "gateway.jsonl")
    try:
        plant = load_plant(options.plant)
        place = journal_location(options.run_dir)
        journal = _open(place)
        link = RosLink(
            {name: tuple(cell.arms) for name, cell in plant.cells.items()},
            simulated=options.simulated,
        )
        gateway = build(
            plant, place, journal, link, simulated=options.simulated, origins=options.origins
        )
    except RobotCellError as error:
        print(f"gateway: {error}", file=sys.stderr, flush=True)
        return 1
    port = int(listening.getsockname()[1])
    if code is not None:
        address = address_of(options, port)

        def told(next_code: str) -> None:
            private(options.run_dir / LINK, f"{address}/#code={next_code}\n")

        role = next(one for one in ROLES if one == options.link_role)
        gateway.access.offer_code(role, told, first=code)
    config = uvicorn.Config(
        make_app(gateway),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        ws_max_size=4096,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        timeout_graceful_shutdown=_SAY_GOODBYE_S,
        timeout_keep_alive=30,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    opcua = start_opcua(options, gateway)
    settle()
    _log.info("serving", port=port, pid=os.getpid())
    try:
        asyncio.run(_serve(uvicorn.Server(config), listening, gateway, options.run_dir))
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        if opcua is not None:
            opcua.close()
        gateway.worker.close()
        gateway.access.trail.close()
        link.close()
        journal.close()
        sys.stdout.flush()
        sys.stderr.flush()
        # A thread that still waits for a peer would meet destroyed handles: leave it.
        os._exit(0)


def start_opcua(options: Options, gateway: Gateway) -> OpcUaServer | None:
    """The OPC UA server, if it was asked for; nothing of it is imported otherwise."""
    asked = gateway.plant.opcua
    port = options.opcua_port if options.opcua_port is not None else asked.port if asked else -1
    if port < 0:
        return None
    from robot_cell.gateway.opcua.server import OpcUaServer, Settings

    def told(server: OpcUaServer) -> None:
        if server.error is None:
            tell_opcua(options.run_dir, server.address, server.port)
        else:
            print(f"gateway: no OPC UA: {server.error}", file=sys.stderr, flush=True)

    settings = Settings(
        options.host,
        port,
        options.run_dir,
        port_before=port_before(options.run_dir, "opcua_port"),
        anonymous_reading=asked is not None and asked.anonymous_reading,
    )
    return OpcUaServer(gateway, settings, told)


def _open(place: Path | str) -> Journal:
    """The journal, once there is room and right to open it."""
    while True:
        try:
            return open_journal(place)
        except JournalError as error:
            print(f"gateway: {error}", file=sys.stderr, flush=True)
            time.sleep(_JOURNAL_AGAIN_S)


async def _serve(
    server: uvicorn.Server, listening: socket.socket, gateway: Gateway, run_dir: Path
) -> None:
    """Serve, and do beside it what the plant file asks for."""
    async with contextlib.AsyncExitStack() as beside:
        if gateway.plant.sparkplug is not None:
            from robot_cell.gateway.sparkplug import told_to_broker

            telling = told_to_broker(gateway, gateway.plant.sparkplug, run_dir)
            await beside.enter_async_context(telling)
        await server.serve(sockets=[listening])
