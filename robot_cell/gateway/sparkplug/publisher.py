"""Brings the outbox to the broker, connection by connection.

Sparkplug publishes at QoS 0, which nobody acknowledges. So after each batch of samples the broker
is asked something that it has to answer (to unsubscribe what is not subscribed; MQTT 3.1.1,
3.10.4). It takes the packets of a connection in their order, so its answer proves that it has the
samples, and only then do they leave the outbox. What was on its way when a broker died is told
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import sqlite3
import ssl
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Mapping
from typing import Final, Literal

import structlog
from aiomqtt import Client, MqttError, Will

from robot_cell.errors import RobotCellError
from robot_cell.gateway.sparkplug.credentials import Credentials
from robot_cell.gateway.sparkplug.outbox import Outbox
from robot_cell.gateway.sparkplug.payload import BadPayload, commands
from robot_cell.gateway.sparkplug.sampler import Now
from robot_cell.gateway.sparkplug.session import NAMESPACE, NODE, REBIRTH, Message, Metric, Session
from robot_cell.model.sparkplug import Sparkplug

BATCH: Final = 500
ANSWER_WITHIN_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0
REBIRTH_AT_MOST_EVERY_S: Final = 0.5
_NEVER_THERE: Final = (ConnectionRefusedError, socket.gaierror)

_log: Final = structlog.get_logger("gateway.sparkplug")


class HostOffline(Exception):
    """The primary host application has gone: the session ends, samples are kept."""


class Publisher:
    """The edge node's connections to its broker.

    Args:
        metrics: of each entity.
        now: what the sampler knows.
        credentials: asked for at each connection.
        tls: for `mqtts`.
    """

    def __init__(
        self,
        section: Sparkplug,
        node: str,
        metrics: Mapping[str, tuple[Metric, ...]],
        outbox: Outbox,
        now: Now,
        credentials: Callable[[], Credentials],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._section, self._node, self._metrics = section, node, metrics
        self._outbox, self._now = outbox, now
        self._credentials, self._tls = credentials, tls
        self._wake = asyncio.Event()
        self._rebirth = False
        self._host_heard_ms = -1
        self._host_online = asyncio.Event()
        self._refused = ""
        self._leaving = asyncio.Event()

    def wake(self) -> None:
        """There may be something new."""
        self._wake.set()

    def leave(self) -> None:
        """Say goodbye; `run` returns then."""
        self._leaving.set()

    async def run(self) -> None:
        """Be connected until `leave`; a broker that is away is looked for again and again."""
        leaving = asyncio.create_task(self._leaving.wait(), name="sparkplug leaving")
        there = asyncio.create_task(self._now.there.wait(), name="sparkplug first look")
        await asyncio.wait((there, leaving), return_when=FIRST_COMPLETED)
        there.cancel()
        pause_s = FIRST_PAUSE_S
        while not leaving.done():
            began_s = time.monotonic()
            try:
                await self._connection(leaving)
            except HostOffline:
                _log.info("the primary host is offline; samples are kept for it")
                continue
            except (MqttError, OSError, RobotCellError, sqlite3.Error) as error:
                if isinstance(error.__context__, _NEVER_THERE):
                    # bdSeq counts CONNECT packets, and none has left.
                    with contextlib.suppress(sqlite3.Error):
                        await asyncio.to_thread(self._outbox.give_back_bd_seq)
                if str(error) != self._refused:
                    self._refused = str(error)
                    _log.warning("no broker; samples are kept", reason=self._refused)
            if time.monotonic() - began_s > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            # Many plants that lost one broker do not come back in one moment.
            await asyncio.wait((leaving,), timeout=pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _connection(self, leaving: asyncio.Task[Literal[True]]) -> None:
        section, credentials = self._section, self._credentials()
        number = await asyncio.to_thread(self._outbox.next_bd_seq)
        session = Session(section.group, self._node, self._metrics, number)
        death = session.death(_now_ms())
        client = Client(
            section.host,
            section.port,
            identifier=f"{section.group}.{self._node}",
            username=credentials.user,
            password=credentials.password,
            tls_context=self._tls,
            will=Will(death.topic, death.payload, qos=1, retain=False),
            keepalive=section.keep_alive_s,
            clean_session=True,
            timeout=ANSWER_WITHIN_S,
        )
        async with client:
            self._refused, self._rebirth = "", False
            listening = asyncio.create_task(
                self._listen(client, session), name="sparkplug commands"
            )
            telling = asyncio.create_task(self._tell(client, session), name="sparkplug data")
            try:
                done, _ = await asyncio.wait(
                    (listening, telling, leaving), return_when=FIRST_COMPLETED
                )
                for one in done:
                    one.result()
            finally:
                # A DISCONNECT has the broker forget the will: whatever ends us, our death is told
                # before it.
                goodbye = asyncio.create_task(_goodbye(client, session, listening, telling))
                try:
                    await asyncio.shield(goodbye)
                except asyncio.CancelledError:
                    await goodbye
                    raise

    async def _listen(self, client: Client, session: Session) -> None:
        """Take what we are asked, and whether the primary host is there."""
        state = f"{NAMESPACE}/STATE/{self._section.primary_host}"
        self._host_online.clear()
        await client.subscribe(session.command_topic, qos=1)
        if self._section.primary_host is not None:
            await client.subscribe(state, qos=1)
        else:
            self._host_online.set()
        async for message in client.messages:
            raw = message.payload if isinstance(message.payload, bytes) else b""
            if message.topic.matches(session.command_topic):
                self._command(raw)
            elif message.topic.matches(state):
                self._host(raw)

    def _command(self, raw: bytes) -> None:
        try:
            asked = commands(raw)
        except BadPayload as error:
            _log.warning("a command that cannot be read", reason=str(error))
            return
        for name, value in asked.items():
            if name == REBIRTH and value is True:
                _log.info("rebirth")
                self._rebirth = True
                self._wake.set()
            elif name != REBIRTH:
                _log.warning("a command that the plant does not take from MQTT", metric=name[:80])

    def _host(self, raw: bytes) -> None:
        """Take the state of the primary host (Sparkplug 3.0, 5.4 and 6.4.27)."""
        try:
            told = json.loads(raw)
            online, at_ms = told["online"], int(told["timestamp"])
        except (ValueError, KeyError, TypeError):
            _log.warning("a host state that cannot be read")
            return
        if at_ms < self._host_heard_ms:
            return  # older than what we know
        self._host_heard_ms = at_ms
        if online is True:
            self._host_online.set()
        elif self._host_online.is_set():
            raise HostOffline

    async def _tell(self, client: Client, session: Session) -> None:
        """Births, then samples as they come, and the births and deaths of devices."""
        await self._host_online.wait()
        mark = await self._births(client, session)
        sent, born_s = 0, time.monotonic()
        while True:
            self._wake.clear()
            if self._rebirth and time.monotonic() - born_s >= REBIRTH_AT_MOST_EVERY_S:
                self._rebirth = False
                mark, born_s = await self._births(client, session), time.monotonic()
            rows = await asyncio.to_thread(self._outbox.after, sent, BATCH)
            for number, sample in rows:
                if sample.entity != NODE and sample.entity not in session.born:
                    if sample.entity not in self._metrics:
                        continue  # a cell that the plant no longer has
                    await self._device_birth(client, session, sample.entity)
                message = session.data(sample, _now_ms(), historical=number <= mark)
                if message is not None:
                    await _publish(client, message)
            if rows:
                sent = rows[-1][0]
                await client.unsubscribe(f"{session.command_topic}/answer")
                await asyncio.to_thread(self._outbox.forget, sent)
            if len(rows) < BATCH:
                await self._devices(client, session)
                if not self._rebirth:
                    await self._wake.wait()
                else:
                    await asyncio.sleep(REBIRTH_AT_MOST_EVERY_S)

    async def _births(self, client: Client, session: Session) -> int:
        """Tell of the node and its devices; returns the last sample that is part of it."""
        waiting = await asyncio.to_thread(self._outbox.waiting)
        now = self._now  # from here on without a pause: births and mark belong together
        devices = [
            one for one in self._metrics if one != NODE and (one not in now.lost or one in waiting)
        ]
        messages, mark = session.births(now.values, devices, _now_ms()), now.sample_id
        for message in messages:
            await _publish(client, message)
        _log.info(
            "born", bd_seq=session.bd_seq, devices=len(devices), waiting=sum(waiting.values())
        )
        return mark

    async def _device_birth(self, client: Client, session: Session, device: str) -> None:
        await _publish(client, session.device_birth(device, self._now.values, _now_ms()))

    async def _devices(self, client: Client, session: Session) -> None:
        """Bury the cells that are lost, and have those born that are back."""
        for device in self._metrics:
            if device == NODE:
                continue
            if device in self._now.lost and device in session.born:
                await _publish(client, session.device_death(device, _now_ms()))
            elif device not in self._now.lost and device not in session.born:
                await self._device_birth(client, session, device)


async def _goodbye(client: Client, session: Session, *tasks: asyncio.Task[None]) -> None:
    """Say nothing more, and then that the node is gone, if anybody thinks that it is there."""
    while left := [one for one in tasks if not one.done()]:
        for one in left:
            one.cancel()  # Python 3.11's `wait_for` may miss it (CPython issue 86296): again
        await asyncio.wait(left, timeout=0.05)
    await asyncio.gather(*tasks, return_exceptions=True)
    if session.alive:
        with contextlib.suppress(MqttError):
            await _publish(client, session.death(_now_ms()))


async def _publish(client: Client, message: Message) -> None:
    await client.publish(message.topic, message.payload, qos=0, retain=False)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
