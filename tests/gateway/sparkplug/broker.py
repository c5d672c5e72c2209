"""A real MQTT broker of the test's own, a door in front of it, and a tap that hears everything."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aiomqtt import Client, MqttError

WITHIN_S = 40.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


async def until(there: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Wait for something."""
    deadline_s = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.01)


class Broker:
    """Debian's mosquitto."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._file = folder / "mosquitto.conf"
        listed = lines or ("allow_anonymous true",)
        self._file.write_text(
            "\n".join(
                (
                    *listed[:1],
                    f"listener {self.port} 127.0.0.1",
                    f"user {getpass.getuser()}",
                    *listed[1:],
                    "",
                )
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program is not None, "mosquitto is not installed: make test installs it"
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self._file)], stdout=log, stderr=subprocess.STDOUT
            )
        deadline_s = time.monotonic() + WITHIN_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.01)

    def kill(self) -> None:
        """As a power cut does it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(WITHIN_S)
            self._process = None


@contextlib.contextmanager
def broker_in(folder: Path, *lines: str) -> Iterator[Broker]:
    broker = Broker(folder, *lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Door:
    """A port before the broker's: shut, nobody gets through, and who was through is cut off.

    Attributes:
        swallows: what goes to the broker is taken and goes nowhere, as in a dead network.
    """

    def __init__(self, broker: Broker) -> None:
        self.port = free_port()
        self._broker = broker
        self.swallows = False
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._through, "127.0.0.1", self.port)

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for one in self._open:
            one.transport.abort()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await asyncio.open_connection("127.0.0.1", self._broker.port)
        except OSError:
            writer.transport.abort()
            return
        ends = (writer, far[1])
        self._open.update(ends)
        await asyncio.gather(
            self._pump(reader, far[1], lambda: self.swallows),
            self._pump(far[0], writer, lambda: False),
        )
        self._open.difference_update(ends)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        swallows: Callable[[], bool],
    ) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(65536):
                if not swallows():
                    writer.write(part)
                    await writer.drain()
        writer.close()


@dataclass
class Tap:
    """Everything that was published, in order."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, kind: str) -> int:
        """How many messages of a type there were."""
        return sum(topic.split("/")[2] == kind for topic, _ in self.heard)


@contextlib.asynccontextmanager
async def tapped(port: int) -> AsyncIterator[Tap]:
    """Hear what a broker hands out, over its restarts."""
    tap = Tap()

    async def listen() -> None:
        while True:
            with contextlib.suppress(MqttError):
                async with Client("127.0.0.1", port, identifier="tap") as client:
                    await client.subscribe("spBv1.0/#", qos=1)
                    tap.connected.set()
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        tap.heard.append((str(message.topic), message.payload))
            tap.connected.clear()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(listen())
    try:
        await asyncio.wait_for(tap.connected.wait(), WITHIN_S)
        yield tap
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
