"""A gateway and a real broker: nothing is lost, whatever is killed, cut off or asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client

from robot_cell.gateway.sparkplug import told_to_broker
from robot_cell.gateway.sparkplug.payload import Kind, Reading, encode
from robot_cell.gateway.sparkplug.sampler import Now
from robot_cell.model.sparkplug import Sparkplug
from tests.gateway.conftest import Served
from tests.gateway.sparkplug.broker import (
    WITHIN_S,
    Broker,
    Door,
    Tap,
    broker_in,
    tapped,
    until,
)
from tests.gateway.sparkplug.host import Host

NODE = "housing_plant"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with broker_in(folder) as one:
        yield one


class Scene:
    """A plant whose cell_a counts its steps, a broker behind a door, and a tap at the broker."""

    def __init__(self, served: Served, broker: Broker, door: Door, tap: Tap, folder: Path) -> None:
        self.served, self.broker, self.door, self.tap = served, broker, door, tap
        self.folder = folder
        self.step = 0
        before = served.plant.states

        def states() -> Any:
            found = dict(before())
            found["cell_a"] = replace(found["cell_a"], step=self.step)
            return found

        served.plant.states = states  # type: ignore[method-assign]
        self.now = Now()

    @contextlib.asynccontextmanager
    async def told(self, **more: Any) -> AsyncIterator[None]:
        section = Sparkplug(
            broker=f"mqtt://127.0.0.1:{self.door.port}",
            group="plants",
            every_s=0.1,
            joints_every_s=0.1,
            keep_alive_s=60,
            **more,
        )
        async with told_to_broker(self.served.gateway, section, self.folder) as self.now:
            await asyncio.wait_for(self.now.there.wait(), WITHIN_S)
            yield

    async def steps(self, count: int) -> None:
        """The cell goes on; each step is looked at before the next."""
        for _ in range(count):
            self.step += 1
            await until(
                lambda: self.now.values.get("cell_a", {}).get("Job/Step") == self.step,
                f"step {self.step} was looked at",
            )

    def waiting(self) -> int:
        with contextlib.closing(sqlite3.connect(self.folder / "sparkplug.db")) as db:
            return int(db.execute("SELECT count(*) FROM samples").fetchone()[0])

    async def all_told(self) -> None:
        """Everything so far has come to the broker, and from there to the tap."""
        mark = self.now.sample_id

        def left() -> int:
            with contextlib.closing(sqlite3.connect(self.folder / "sparkplug.db")) as db:
                query = "SELECT count(*) FROM samples WHERE id <= ?"
                return int(db.execute(query, (mark,)).fetchone()[0])

        await until(lambda: left() == 0, "the outbox is empty")
        async with Client("127.0.0.1", self.broker.port, identifier="last") as client:
            before = len(self.tap.heard)
            await client.publish("spBv1.0/STATE/last", b"{}", qos=1)
        await until(
            lambda: any(topic.endswith("/last") for topic, _ in self.tap.heard[before:]), "the end"
        )

    async def command(self, payload: bytes) -> None:
        async with Client("127.0.0.1", self.broker.port, identifier="host") as client:
            await client.publish(f"spBv1.0/plants/NCMD/{NODE}", payload, qos=0)

    async def state(self, online: bool) -> None:
        told = json.dumps({"online": online, "timestamp": time.time_ns() // 1_000_000})
        async with Client("127.0.0.1", self.broker.port, identifier="scada") as client:
            await client.publish("spBv1.0/STATE/scada", told, qos=1, retain=True)

    def host(self) -> Host:
        return Host(NODE).hear(self.tap.heard)


def played(
    served: Served, broker: Broker, folder: Path, scenario: Callable[[Scene], Awaitable[None]]
) -> Host:
    """Play a scenario; what the host knows after it."""

    async def play() -> Scene:
        door = Door(broker)
        await door.open()
        async with tapped(broker.port) as tap:
            scene = Scene(served, broker, door, tap, folder)
            await scenario(scene)
            await door.shut()
            return scene

    return asyncio.run(play()).host()


def rebirth() -> bytes:
    now_ms = time.time_ns() // 1_000_000
    return encode([Reading(Kind.BOOLEAN, True, now_ms, "Node Control/Rebirth")], now_ms, None)


def counted(host: Host) -> list[int]:
    """The steps of cell_a that the host has heard of."""
    return sorted(set(host.values("cell_a", "Job/Step")))


def test_births_data_rebirth_and_a_death_that_is_meant(
    served: Served, broker: Broker, tmp_path: Path
) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.told():
            await until(lambda: scene.tap.count("DBIRTH") == 2, "births")
            await scene.steps(5)
            for garbage in (b"\xff\xff", encode([], 1, None)):
                await scene.command(garbage)
            await scene.command(rebirth())
            await until(lambda: scene.tap.count("NBIRTH") == 2, "rebirth")
            served.plant.said["cell_b"] = "Held"
            await scene.steps(5)
            await scene.all_told()
        await until(lambda: scene.tap.count("NDEATH") == 1, "death")

    host = played(served, broker, tmp_path, scenario)
    assert host.bd_seqs == [0, 0], "a rebirth repeats bdSeq"
    assert host.deaths == [0]
    assert not host.alive
    assert counted(host) == list(range(11))
    assert host.values("cell_b", "PackML/State")[-1] == "Held"
    assert host.values("cell_b", "PackML/State Number")[-1] == 11
    assert host.values("", "Plant/Name")[0] == NODE
    assert host.values("", "Orders/Accepted")[-1] == 2
    assert 0.0 < host.values("cell_a", "KPI/Availability")[-1] < 1.0
    assert host.units["cell_a", "KPI/PBT"] == "s"


def test_nothing_is_lost_when_the_broker_is_killed(
    served: Served, broker: Broker, tmp_path: Path
) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.told():
            await until(lambda: scene.tap.count("DBIRTH") == 2, "births")
            await scene.steps(4)
            await scene.all_told()
            scene.door.swallows = True
            await scene.steps(4)  # told, but to nobody
            await scene.door.shut()
            broker.kill()
            await scene.steps(12)
            assert scene.waiting() >= 16
            broker.start()
            await until(scene.tap.connected.is_set, "the tap is back")
            scene.door.swallows = False
            await scene.door.open()
            await until(lambda: scene.tap.count("NBIRTH") == 2, "birth")
            await scene.steps(3)
            await scene.all_told()

    host = played(served, broker, tmp_path, scenario)
    assert host.bd_seqs == [0, 1]
    assert counted(host) == list(range(24))
    told = host.told["cell_a", "Job/Step"]
    kept = {one.value for one in told if one.historical}
    assert kept >= set(range(5, 21))
    by_step = {one.value: one.at_ms for one in told if one.historical or one.value > 20}
    assert sorted(by_step.values()) == [by_step[n] for n in sorted(by_step)], "in their order"
    assert {21, 22, 23}.isdisjoint(kept), "what is new is not history"


def test_what_waits_outlives_the_gateway(served: Served, broker: Broker, tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.door.shut()
        async with scene.told():
            await scene.steps(4)
            scene.step = 20  # it is looked at once more
        scene.step = 50
        await scene.door.open()
        async with scene.told():
            await until(lambda: scene.tap.count("DBIRTH") == 2, "births")
            await scene.all_told()
        await until(lambda: scene.tap.count("NDEATH") == 1, "death")

    host = played(served, broker, tmp_path, scenario)
    assert counted(host) == [*range(5), 20, 50]
    assert host.told["cell_a", "Job/Step"][0].value == 50, "a birth tells what is now"
    assert not host.alive
    assert host.deaths == host.bd_seqs


def test_a_cell_that_is_lost_dies_and_is_born_again(
    served: Served, broker: Broker, tmp_path: Path
) -> None:
    journal = served.journal

    async def scenario(scene: Scene) -> None:
        async with scene.told():
            await until(lambda: scene.tap.count("DBIRTH") == 2, "births")
            journal.event("scheduler", "cell lost", 40, {"cell": "cell_a", "interrupted": []})
            await until(lambda: scene.tap.count("DDEATH") == 1, "death of the device")
            await scene.command(rebirth())
            await until(lambda: scene.tap.count("DBIRTH") == 3, "only one device is born again")
            journal.event("scheduler", "cell back", 41, {"cell": "cell_a"})
            await until(lambda: scene.tap.count("DBIRTH") == 4, "it is back")
            await scene.steps(2)
            await scene.all_told()

    host = played(served, broker, tmp_path, scenario)
    assert host.device_deaths == ["cell_a"]
    assert host.values("cell_a", "Job/Step")[-1] == 2


def test_samples_wait_for_the_primary_host(served: Served, broker: Broker, tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.state(False)
        async with scene.told(primary_host="scada"):
            await scene.steps(3)
            assert scene.tap.count("NBIRTH") == 0
            await scene.state(True)
            await until(lambda: scene.tap.count("NBIRTH") == 1, "birth")
            await scene.steps(3)
            await scene.state(False)
            await until(lambda: scene.tap.count("NDEATH") == 1, "it leaves")
            await scene.steps(3)
            assert scene.tap.count("NBIRTH") == 1
            await scene.state(True)
            await until(lambda: scene.tap.count("NBIRTH") == 2, "birth")
            await scene.all_told()
        await until(lambda: scene.tap.count("NDEATH") == 2, "death")

    host = played(served, broker, tmp_path, scenario)
    assert counted(host) == list(range(10))
    assert host.bd_seqs == [0, 1]
    assert host.deaths == [0, 1]
