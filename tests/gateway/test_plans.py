"""Plans beside the published one: what if something were otherwise, and drafts."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robot_cell.gateway.app import make_app
from robot_cell.gateway.serve import build
from robot_cell.gateway.tokens import Secret
from robot_cell.gateway.what_ifs import WAITING_AT_MOST
from robot_cell.gateway.worker import Ticket
from robot_cell.model import Plant
from robot_cell.store import open_journal
from tests.gateway.conftest import NS, START, MadeUpPlant, Served, add_tokens, fill
from tests.gateway.server import running

V1 = "/api/v1"
WITHIN_S = 60.0
NOW_MS = int(START.timestamp() * 1000) + 40_000


def begin(served: Served, role: str = "operator", **wanted: Any) -> Any:
    served.plant.at_ns = served.gateway.hub.now_ns = 40 * NS
    return served.ask("POST", f"{V1}/what-ifs", role, json=wanted)


def wait(served: Served, key: str, *states: str) -> dict[str, Any]:
    """A supposed plan once it is in one of these states."""
    deadline_s = time.monotonic() + WITHIN_S
    while (found := served.get(f"{V1}/what-ifs/{key}").json())["state"] not in states:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.01)
    return dict(found)


def done(served: Served, **wanted: Any) -> Any:
    answer = begin(served, **wanted)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{V1}/what-ifs/{answer.json()['id']}"
    found = wait(served, answer.json()["id"], "done", "failed")
    assert found["state"] == "done", found["problem"]
    assert found["progress"] == 1.0
    assert found["better_plans"] > 0
    return found["result"]


def test_what_if_says_what_would_become_of_each_order_and_changes_nothing(served: Served) -> None:
    before = list(served.journal.history())
    nothing = done(served)
    order = {
        "order_id": "RUSH-1", "product": "housing_s", "quantity": 1, "due_ms": NOW_MS + 5_000,
        "priority": 9,
    }  # fmt: skip
    more = done(served, more_orders=[order], dues_ms={"WO-2": NOW_MS + 1_000})
    assert {one["order_id"] for one in more["moves"] if one["before"] is None} == {"RUSH-1"}
    orders = {one["order_id"]: one for one in more["orders"]}
    assert orders["RUSH-1"]["before_ms"] is None
    assert orders["RUSH-1"]["late_after_s"] > 0.0
    # The other due date holds in the plan that would be, not in the one there is.
    assert orders["WO-2"]["late_before_s"] < 0.0 < orders["WO-2"]["late_after_s"]
    assert (more["late_before"], more["late_after"]) == (0, 2)
    assert more["ends_after_ms"] > nothing["ends_after_ms"]
    without = done(served, without_orders=["WO-2"])
    gone = [one for one in without["moves"] if one["order_id"] == "WO-2"]
    planned = [o for o in served.journal.operations("WO-2") if o.status == "planned"]
    assert {one["id"] for one in gone} == {o.operation_id for o in planned}
    assert all(one["after"] is None for one in gone)
    assert without["waiting"] == []
    assert list(served.journal.history()) == before


def test_what_if_a_cell_were_down(served: Served) -> None:
    down = done(served, cells_down_s={"cell_a": 600.0})
    deburr = [one for one in down["moves"] if one["name"] == "deburr"]
    assert deburr
    assert all(one["after"]["start_ms"] >= NOW_MS + 600_000 for one in deburr)
    lost = done(served, without_cells=["cell_a"])
    waiting = {o.operation_id for o in served.journal.operations("WO-2")}
    assert set(lost["waiting"]) == waiting  # nothing of it can be made without deburring


def test_what_cannot_be_supposed_says_why(served: Served) -> None:
    order = {"order_id": "WO-2", "product": "housing_s", "quantity": 1, "due_ms": NOW_MS + 1}
    known = begin(served, more_orders=[order])
    assert (known.status_code, known.json()["problems"][0]["where"]) == (
        422, "body.more_orders.order_id",
    )  # fmt: skip
    other = begin(served, more_orders=[{**order, "order_id": "X-1", "product": "boat"}])
    assert "housing_s" in other.json()["problems"][0]["expected"]
    early = begin(served, more_orders=[{**order, "order_id": "X-1", "due_ms": NOW_MS - 1}])
    assert "after release" in early.json()["detail"]
    assert begin(served, priorities={"WO-9": 3}).status_code == 404
    assert begin(served, cells_down_s={"cell_x": 3.0}).status_code == 404
    assert begin(served, role="viewer").status_code == 403
    assert served.get(f"{V1}/what-ifs/none").status_code == 404


def test_a_plan_that_nobody_wants_any_more_is_ended(served: Served) -> None:
    first = begin(served).json()["id"]
    wait(served, first, "planning", "done")
    second = begin(served).json()["id"]
    for key in (second, first):
        ended = served.ask("DELETE", f"{V1}/what-ifs/{key}", "operator").json()
        assert ended["state"] in ("cancelled", "done")
    assert wait(served, second, "cancelled")["result"] is None
    done(served)  # the worker is there again
    listed = served.get(f"{V1}/what-ifs").json()["items"]
    assert [one["id"] for one in listed][:2] == [first, second]
    begun = [begin(served).json() for _ in range(WAITING_AT_MOST)]
    assert begin(served).status_code == 429
    for one in begun:
        served.ask("DELETE", f"{V1}/what-ifs/{one['id']}", "operator")
    for one in begun:
        wait(served, one["id"], "cancelled", "done")


def test_a_draft_is_shown_beside_the_plan(served: Served) -> None:
    assert served.get(f"{V1}/schedule/draft").status_code == 404
    planned = [o for o in served.journal.operations("WO-2") if o.status == "planned"]
    last = max(planned, key=lambda o: o.planned_end_ns or 0)
    moved = planned[0]
    assert (moved.cell, last.cell) == ("cell_a", "cell_b")
    assert last.planned_start_ns is not None
    at_ns = last.planned_start_ns - 5 * NS
    placed = [
        [moved.operation_id, "cell_b", moved.planned_start_ns, moved.planned_end_ns],
        [last.operation_id, "cell_b", at_ns, at_ns + 10 * NS],
    ]
    data = {
        "because": "it is better", "moved": [], "end_before_s": 90.0, "end_after_s": 85.0,
        "orders_later_s": -5.0, "waiting": [], "open": 5, "revision": 1, "placed": placed,
    }  # fmt: skip
    served.journal.event("scheduler", "plan drafted", 40 * NS, data)
    served.gateway.mirror.refresh()
    found = served.get(f"{V1}/schedule/draft").json()["comparison"]
    assert [one["id"] for one in found["moves"]] == [moved.operation_id, last.operation_id]
    assert found["other_cell"] == 1
    assert found["moves"][1]["before"]["start_ms"] - found["moves"][1]["after"]["start_ms"] == 5000
    assert [(one["order_id"], one["later_s"]) for one in found["orders"]] == [("WO-2", -5.0)]
    told = served.get(f"{V1}/events?last=1").json()["items"][0]
    assert "placed" not in told["data"]


def test_a_preview_that_nobody_waits_for_is_ended(
    tmp_path: Path,
    plant: Plant,
    secrets: dict[str, tuple[Secret, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = "".join(f"P-{i},housing_s,9,2026-11-23T06:00Z,2026-11-23T07:00Z\n" for i in range(30))
    batch = f"order_id,product,quantity,release,due\n{rows}".encode()
    with open_journal(tmp_path / "journal.db") as journal:
        fill(journal, plant)
        add_tokens(journal, secrets)
        gateway = build(
            plant, tmp_path / "journal.db", journal, MadeUpPlant(plant, journal), simulated=True
        )
        tickets: list[Ticket] = []
        cancel: Callable[[Ticket], None] = gateway.worker.cancel

        def cancelled(ticket: Ticket) -> None:
            cancel(ticket)
            tickets.append(ticket)

        monkeypatch.setattr(gateway.worker, "cancel", cancelled)
        with running(make_app(gateway)) as address:
            gateway.hub.now_ns = 40 * NS
            host, _, port = address.removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port))) as asking:
                token = secrets["operator"][0].text
                asking.sendall(
                    f"POST {V1}/batches/preview?name=a.csv HTTP/1.1\r\nHost: {host}\r\n"
                    f"Authorization: Bearer {token}\r\nContent-Type: text/csv\r\n"
                    f"Content-Length: {len(batch)}\r\n\r\n".encode()
                    + batch
                )
                deadline_s = time.monotonic() + WITHIN_S
                while not gateway.worker.busy:
                    assert time.monotonic() < deadline_s
                    time.sleep(0.01)
            while not tickets:
                assert time.monotonic() < deadline_s
                time.sleep(0.01)
            # The worker does not go on with it, and does what is asked next.
            file = tmp_path / "good.csv"
            file.write_bytes(batch)
            assert gateway.worker.read(file).total == 30
        gateway.worker.close()
        gateway.access.trail.close()
