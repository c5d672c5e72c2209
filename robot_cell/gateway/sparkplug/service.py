"""Puts the edge node together and has it run beside what else the gateway serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog

from robot_cell.gateway.problems import Problem
from robot_cell.gateway.scene import draw_arm
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.sparkplug.credentials import (
    BrokerAccessError,
    credentials_of,
    tls_of,
)
from robot_cell.gateway.sparkplug.outbox import Outbox
from robot_cell.gateway.sparkplug.publisher import Publisher
from robot_cell.gateway.sparkplug.sampler import Now, Sampler
from robot_cell.gateway.sparkplug.told import joint_metric, metrics_of
from robot_cell.model import Cell
from robot_cell.model.sparkplug import Sparkplug

OUTBOX: Final = "sparkplug.db"
_LEAVE_WITHIN_S: Final = 2.0
_GOODBYE_WITHIN_S: Final = 10.0
"""A broker that does not answer is given up after half of that."""

_log: Final = structlog.get_logger("gateway.sparkplug")


@contextlib.asynccontextmanager
async def told_to_broker(gateway: Gateway, section: Sparkplug, run_dir: Path) -> AsyncIterator[Now]:
    """While in here, the plant is told to its broker; leaving says so to the broker first.

    Without certificates and password that can be used nothing is told, and people still see the
    plant: what is wrong is in the log and on the console. Yields what is known of the plant.
    """
    try:
        tls, _ = tls_of(section), credentials_of(section)
    except BrokerAccessError as error:
        _log.error("nothing is told to the broker", reason=str(error))
        yield Now()
        return
    if not section.tls and section.host not in ("127.0.0.1", "::1", "localhost"):
        _log.warning("what is told crosses the network in the clear; use mqtts://")
    metrics = metrics_of({name: _joints(cell) for name, cell in gateway.plant.cells.items()})
    outbox = await asyncio.to_thread(Outbox, run_dir / OUTBOX, section.keep)
    sampler = Sampler(
        gateway, metrics, outbox, section.every_s, section.joints_every_s,
        lambda: publisher.wake(),
    )  # fmt: skip
    publisher = Publisher(
        section,
        section.edge_node or gateway.plant.plant,
        metrics,
        outbox,
        sampler.now,
        lambda: credentials_of(section),
        tls,
    )
    tasks = [
        asyncio.create_task(sampler.run(), name="sparkplug samples"),
        asyncio.create_task(publisher.run(), name="sparkplug broker"),
    ]
    try:
        yield sampler.now
    finally:
        tasks[0].cancel()
        publisher.leave()
        _, late = await asyncio.wait(tasks, timeout=_LEAVE_WITHIN_S)
        for one in late:
            one.cancel()
        if late:
            await asyncio.wait(late, timeout=_GOODBYE_WITHIN_S)
        outbox.close()


def _joints(cell: Cell) -> tuple[str, ...]:
    """Names of the joints of a cell's arms, base to flange; of several arms after the arm's name.

    None of an arm whose description cannot be read.
    """
    names: list[str] = []
    for name, arm in cell.arms.items():
        try:
            names += [joint_metric(name, joint) for joint in draw_arm(arm, "").joints]
        except Problem as error:
            _log.warning("the joints of an arm are not told", reason=str(error))
    return tuple(names)
