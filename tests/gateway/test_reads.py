"""What the routes answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from robot_cell.model.step_text import describe
from tests.gateway.conftest import NS, Served, order

V1 = "/api/v1"

READS = [
    "/plant", "/cells", "/cells/cell_a", "/cells/cell_a/steps", "/cells/cell_a/scene",
    "/cells/cell_a/urdf", "/cells/cell_a/programs/deburr_s", "/orders", "/orders/WO-1",
    "/schedule", "/schedule/revisions", "/schedule/revisions/1", "/operations",
    "/steps?operation_id=WO-1/1/deburr", "/events", "/events?last=1", "/alarms",
    "/trace/WO-1/1", "/kpis", "/kpis/series", "/kpis.csv", "/me",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_a_viewer_reads(reading: Served, path: str) -> None:
    answer = reading.get(V1 + path)
    assert answer.status_code == 200, answer.text


def test_orders_come_in_pages_that_miss_none_and_repeat_none(served: Served) -> None:
    orders = [order(f"P-{i:03}") for i in range(25)]
    served.journal.accept_batch(orders, "more.csv", "Kim", served.plant.plant)
    seen: list[str] = []
    after = ""
    while True:
        page = served.get(f"{V1}/orders?limit=7{after}").json()
        assert len(page["items"]) <= 7
        assert page["total"] == 27
        seen += [one["order_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ["WO-1", "WO-2", *(one.order_id for one in orders)]


def test_orders_are_found_by_status_and_by_text(reading: Served) -> None:
    def found(query: str) -> list[str]:
        items = reading.get(f"{V1}/orders?{query}").json()["items"]
        return [one["order_id"] for one in items]

    assert found("status=running") == ["WO-1"]
    assert found("status=planned,running") == ["WO-1", "WO-2"]
    assert found("q=wo-2") == ["WO-2"]
    assert found("q=nothing") == []


def test_an_order_keeps_what_was_promised_first(served: Served) -> None:
    before = served.get(f"{V1}/orders/WO-2").json()
    assert before["promised_first_ms"] == before["promised_ms"]
    served.plant.at_ns = 200 * NS
    rows = [
        replace(row, start_ns=row.start_ns + 60 * NS, end_ns=row.end_ns + 60 * NS)
        for row in served.journal.schedule().rows  # type: ignore[union-attr]
    ]
    served.journal.publish_schedule(rows, at_ns=100 * NS, engine="repair")
    served.gateway.mirror.refresh()
    after = served.get(f"{V1}/orders/WO-2").json()
    assert after["promised_ms"] == before["promised_ms"] + 60_000
    assert after["promised_first_ms"] == before["promised_ms"]


def test_a_trace_tells_what_was_done_to_a_unit(reading: Served) -> None:
    trace = reading.get(f"{V1}/trace/WO-1/1").json()
    assert trace["batch"]["submitted_by"] == "Kim"
    first, second = trace["operations"][:2]
    assert (first["cell"], first["status"], first["duration_s"]) == ("cell_a", "complete", 8.0)
    assert [step["outcome"] for step in first["steps"]] == ["done"]
    assert first["joint_error_rad"] == [1e-4] * 6
    assert second["status"] == "running"
    assert reading.get(f"{V1}/trace/WO-1/2").status_code == 404


def test_the_scene_places_things_where_the_plant_file_says(reading: Served) -> None:
    scene = reading.get(f"{V1}/cells/cell_a/scene").json()
    assert scene["frames"]["nest"]["xyz_m"] == [0.6, 0.0, 0.2]
    assert len(scene["joints"]) == len(scene["home"]) == 6
    urdf = reading.get(f"{V1}/cells/cell_a/urdf").text
    assert all(f'name="{joint}"' in urdf for joint in scene["joints"])


def test_what_there_is_not_is_a_problem(reading: Served) -> None:
    for path in (
        "/cells/cell_z",
        "/orders/none",
        "/trace/none/1",
        "/nothing",
        "/steps?operation_id=x",
    ):
        answer = reading.get(V1 + path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["type"] == "urn:robot-cell:problem:not-found"
        assert body["status"] == 404
        assert body["detail"]


def test_metrics_are_read_by_prometheus_own_parser(reading: Served) -> None:
    text = reading.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    running = [
        sample.value
        for sample in families["robot_cell_operations"].samples
        if sample.labels["status"] == "running"
    ]
    assert running == [1.0]
    states = families["robot_cell_cell_state"].samples
    assert {s.labels["state"] for s in states if s.value} == {"Execute"}


def test_events_are_told_in_words(reading: Served) -> None:
    events = reading.get(f"{V1}/events").json()["items"]
    assert [event["text"] for event in events] == [
        "cell_a is lost; it had no work",
        "cell_a is back",
    ]


def test_devices_say_what_they_were_read_to_say(served: Served) -> None:
    served.gateway.hub._read()
    devices = {one["name"]: one for one in served.get(f"{V1}/cells/cell_a/devices").json()["items"]}
    assert set(devices) == set(served.plant.plant.cells["cell_a"].fixtures)
    assert devices["gripper"]["readings"] == {"state": "closed", "part": "present"}
    assert [devices[one]["answers"] for one in ("gripper", "table", "infeed")] == [
        True, False, None,
    ]  # fmt: skip
    # What each can be told, and with which arguments the programs tell it so.
    assert [one["name"] for one in devices["gripper"]["commands"]] == ["open", "close"]
    assert [one["used"] for one in devices["table"]["commands"]] == [[["0"], ["1"]]]
    assert (devices["outfeed_sensor"]["commands"], devices["infeed"]["commands"]) == ([], None)
    before = served.get(f"{V1}/cells/cell_a").json()["devices"]
    served.gateway.hub._read()
    assert served.get(f"{V1}/cells/cell_a").json()["devices"] == before


def test_a_step_to_come_is_told_as_it_will_be_told_when_it_is_done(served: Served) -> None:
    told = served.get(f"{V1}/cells/cell_a/programs/deburr_s").json()["steps"]
    cell = served.plant.plant.cells["cell_a"]
    assert [one["label"] for one in told] == [
        describe(step, "$product") for step in cell.programs["deburr_s"].steps
    ]
    assert told[1]["label"] == "ptp to infeed_s +0.12 m"


def test_a_schedule_without_its_operations_is_short(served: Served) -> None:
    whole = served.get(f"{V1}/schedule").json()
    short = served.get(f"{V1}/schedule?operations=false").json()
    assert len(whole["operations"]) == 9
    assert short["operations"] == []
    assert {**short, "operations": whole["operations"], "now_ms": whole["now_ms"],
            "frozen_until_ms": whole["frozen_until_ms"]} == whole  # fmt: skip
