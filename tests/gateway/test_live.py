"""The live feed: whole, in order, and found again after a gap."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from robot_cell.gateway.access import Caller
from robot_cell.gateway.live import Watcher
from robot_cell.gateway.mirror import MANY, Mirror
from robot_cell.model import Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.store import open_journal
from tests.gateway.conftest import NS, ROOT, START, Served, fill, order, plan_all

V1 = "/api/v1"
WITHIN_S = 60.0


class Page:
    """What a page keeps of the plant, by the rules of the feed."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.boot, self.version = "", -1
        self.operations: dict[str, Any] = {}
        self.fetched = 0

    def hear(self, message: dict[str, Any]) -> None:
        current = message["boot"] == self.boot
        if current and message["ops_version"] == self.version:
            return
        if current and message["ops_from"] == self.version and message["ops_delta"] is not None:
            self.change(message["ops_delta"], message["ops_gone"])
            self.version = message["ops_version"]
            return
        self.fetched += 1
        path = f"{V1}/operations?since={self.version}&boot={self.boot}"
        answer = self.served.get(path).json()
        if answer["full"]:
            self.operations = {}
        self.change(answer["operations"], answer["gone"])
        self.boot, self.version = answer["boot"], answer["version"]

    def change(self, operations: list[Any], gone: list[str]) -> None:
        self.operations |= {one["id"]: one for one in operations}
        for one in gone:
            self.operations.pop(one, None)


def connect(served: Served, role: str = "viewer") -> Any:
    protocols = ["robot-cell.v1", f"bearer.{served.tokens[role]}"]
    return served.client.websocket_connect(f"{V1}/live", subprotocols=protocols)


def messages(socket: Any) -> Iterator[dict[str, Any]]:
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        yield json.loads(socket.receive_text())
    raise AssertionError("what was waited for did not come")


def in_journal(served: Served) -> dict[str, str]:
    return {o.operation_id: o.status for o in served.journal.operations()}


def test_who_watches_sees_all_cells_and_all_changes(served: Served) -> None:
    page = Page(served)
    with connect(served) as socket:
        assert socket.accepted_subprotocol == "robot-cell.v1"
        heard = messages(socket)
        page.hear(next(heard))
        running = "WO-1/1/assemble"
        served.journal.end_operation(running, "complete", 50 * NS)
        before: dict[str, Any] = {}
        for message in heard:
            if before:
                assert message["seq"] > before["seq"]
                assert message["t"] > before["t"]
            before = message
            page.hear(message)
            if page.operations[running]["status"] == "complete":
                break
        assert message["cells"]["cell_a"]["state"] == "Execute"
        assert message["joints"]["cell_b"] == [0.1] * 6
        assert page.fetched == 1
        assert {k: o["status"] for k, o in page.operations.items()} == in_journal(served)


def test_more_than_can_be_sent_is_fetched(served: Served) -> None:
    page = Page(served)
    with connect(served) as socket:
        heard = messages(socket)
        page.hear(next(heard))
        served.journal.accept_batch([order("BIG", MANY)], "big.csv", "Kim", served.plant.plant)
        plan_all(served.journal)
        for message in heard:
            page.hear(message)
            if len(page.operations) == len(in_journal(served)):
                break
        assert page.fetched >= 2
        assert {k: o["status"] for k, o in page.operations.items()} == in_journal(served)


def test_a_page_that_was_away_catches_up_with_what_it_missed(served: Served) -> None:
    page = Page(served)
    with connect(served) as socket:
        page.hear(json.loads(socket.receive_text()))
    served.journal.end_operation("WO-1/1/assemble", "complete", 50 * NS)
    served.gateway.mirror.refresh()
    token = served.journal.lease_operation("WO-2/1/deburr", "cell_a", "deburr_s", 50 * NS)
    served.journal.begin_operation("WO-2/1/deburr", "cell_a", token, 51 * NS)
    served.gateway.mirror.refresh()
    path = f"{V1}/operations?since={page.version}&boot={page.boot}"
    missed = served.get(path).json()
    assert not missed["full"]
    assert {one["id"] for one in missed["operations"]} == {"WO-1/1/assemble", "WO-2/1/deburr"}
    other_boot = served.get(f"{V1}/operations?since={page.version}&boot=other").json()
    assert other_boot["full"]
    assert {one["id"] for one in other_boot["operations"]} == set(in_journal(served))


def test_who_is_slow_gets_the_newest_and_nothing_is_queued() -> None:
    watcher = Watcher(Caller("slow", "viewer", "id", None))
    for number in range(5):
        watcher.offer(str(number))
    assert watcher.left_out == 4
    with pytest.raises(StopIteration) as done:  # it does not wait: there is something
        watcher.next().send(None)
    assert done.value.value == "4"


def test_who_says_something_is_sent_away(served: Served) -> None:
    with connect(served) as socket:
        socket.receive_text()
        socket.send_text("start")
        with pytest.raises(WebSocketDisconnect) as closed:
            for _ in messages(socket):
                pass
    assert closed.value.code == 1008


def test_who_is_let_in_no_more_is_sent_away(served: Served) -> None:
    with connect(served) as socket:
        socket.receive_text()
        served.gateway.access.revoke(served.ids["viewer"], "test")
        with pytest.raises(WebSocketDisconnect) as closed:
            for _ in messages(socket):
                pass
    assert closed.value.code == 4401


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(["lease", "begin", "end", "back", "look"]), max_size=12))
def test_following_comes_to_what_the_journal_says(steps: list[str]) -> None:
    """Whatever happens and whenever it is looked: the mirror is the journal."""
    plant = load_plant(ROOT / "examples" / "housing_plant.yaml")
    with tempfile.TemporaryDirectory() as folder, open_journal(Path(folder) / "j.db") as journal:
        fill(journal, plant)
        mirror = Mirror(journal)
        mirror.refresh()
        seen = {one["id"]: one for one in mirror.since(-1, "")["operations"]}
        version = mirror.version
        waiting = [o.operation_id for o in journal.operations("WO-2")]
        for at, step in enumerate(steps, start=40):
            one = journal.operation(waiting[at % len(waiting)])
            if step == "lease" and one.status == "planned":
                journal.lease_operation(one.operation_id, "cell_a", "p", at * NS)
            elif step == "begin" and one.status == "leased":
                journal.begin_operation(one.operation_id, "cell_a", one.token, at * NS)
            elif step == "end" and one.status == "running":
                journal.end_operation(one.operation_id, "failed", at * NS)
            elif step == "back" and one.status == "leased":
                journal.requeue(one.operation_id, "why not", at * NS)
            else:
                mirror.refresh()
                found = mirror.since(version, mirror.boot)
                assert not found["full"]
                seen |= {o["id"]: o for o in found["operations"]}
                version = found["version"]
        mirror.refresh()
        seen |= {o["id"]: o for o in mirror.since(version, mirror.boot)["operations"]}
        assert {k: o["status"] for k, o in seen.items()} == {
            o.operation_id: o.status for o in journal.operations()
        }
        fresh = Mirror(journal)
        fresh.refresh()
        assert fresh.operations == mirror.operations == seen


def test_a_simulated_plant_tells_itself_when_it_started(tmp_path: Path, plant: Plant) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        journal.accept_batch([order("WO-1")], "a.csv", "Kim", plant)
        plan_all(journal)
        told: list[datetime] = []
        mirror = Mirror(journal, lambda: told[0] if told else None)
        mirror.refresh()
        assert mirror.operations == {}  # nobody knows when anything is
        assert mirror.order_view("WO-1") is None
        told.append(START)
        mirror.refresh()
        first = mirror.operations["WO-1/1/deburr"]
        assert first["planned_start_ms"] == int(START.timestamp()) * 1000
        version = mirror.version
        mirror.refresh()
        assert mirror.version == version
