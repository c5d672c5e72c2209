"""What may be asked of a plant: batches, orders, cells; once each, however often it is sent."""

from __future__ import annotations

import io
import time
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from robot_cell.gateway.routes.batches import MAX_BYTES
from tests.gateway.conftest import NS, Served

V1 = "/api/v1"
HEADER = "order_id,product,quantity,release,due\n"
GOOD = HEADER + "NEW-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T07:00:00+01:00\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def upload(
    served: Served, to: str, content: bytes | str, name: str = "a.csv", kind: str = "text/csv",
    role: str = "operator", **headers: str,
) -> Any:  # fmt: skip
    return served.ask(
        "POST",
        f"{V1}{to}?name={name}",
        role,
        content=content,
        headers={"Content-Type": kind, **headers},
    )


def workbook(*rows: list[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_every_kind_of_file_is_read(served: Served) -> None:
    json = b'[{"order_id": "NEW-1", "product": "housing_s", "quantity": 1, '
    json += b'"release": "2026-11-23T06:00:00+01:00", "due": "2026-11-23T07:00:00+01:00"}]'
    row = GOOD.splitlines()[1].split(",")
    sheet = workbook(HEADER.strip().split(","), [*row[:2], int(row[2]), *row[3:]])
    for name, kind, content in (
        ("a.csv", "text/csv", GOOD.encode()),
        ("a.json", "application/json", json),
        ("A.XLSX", XLSX, sheet),
    ):
        answer = upload(served, "/batches/validate", content, name, kind).json()
        assert answer["valid"], answer
        assert [one["order_id"] for one in answer["orders"]] == ["NEW-1"]
        assert answer["orders"][0]["due_ms"] - answer["orders"][0]["release_ms"] == 3_600_000


def test_every_problem_is_told_with_its_place(served: Served) -> None:
    bad = HEADER + "NEW-1,housing,0,2026-11-23T06:00Z,2026-11-23T05:00Z\n"
    answer = upload(served, "/batches/validate", bad).json()
    assert not answer["valid"]
    places = {(one["row"], one["column"]) for one in answer["problems"]}
    assert places == {(2, "product"), (2, "quantity"), (2, "due")}
    refused = upload(served, "/batches", bad)
    assert refused.status_code == 422
    assert refused.json()["type"].endswith(":batch-invalid")
    assert len(served.journal.orders()) == 2


def test_formulas_and_scripts_are_refused_or_only_text(served: Served) -> None:
    formula = "order_id,product,quantity,release,due,customer\n"
    formula += "NEW-1,housing_s,1,2026-11-23T06:00Z,2026-11-23T07:00Z,=cmd|'/c calc'!A1\n"
    assert not upload(served, "/batches/validate", formula).json()["valid"]
    sheet = workbook(HEADER.strip().split(","), ["NEW-1", "housing_s", "=1+1", "x", "y"])
    answer = upload(served, "/batches/validate", sheet, "a.xlsx", XLSX).json()
    assert "quantity" in {one["column"] for one in answer["problems"]}
    script = formula.replace("=cmd|'/c calc'!A1", "<script>alert(1)</script>")
    answer = upload(served, "/batches/validate", script)
    assert answer.json()["orders"][0]["customer"] == "<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_bombs_and_wrong_types_do_no_harm(served: Served) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(1 << 20))
        archive.filelist[0].file_size = 3 << 30  # as its directory tells it
    answer = upload(served, "/batches/validate", file.getvalue(), "a.xlsx", XLSX)
    assert not answer.json()["valid"]
    assert "unpacks to" in answer.json()["problems"][0]["expected"]
    assert upload(served, "/batches/validate", b"\xff\xfe\x00", "a.xlsx", XLSX).status_code == 200
    assert upload(served, "/batches/validate", GOOD, kind="text/html").status_code == 415
    assert upload(served, "/batches/validate", GOOD, name="a.exe").status_code == 422
    large = upload(served, "/batches/validate", bytes(MAX_BYTES + 1))
    assert large.status_code == 413
    pieces = (bytes(1 << 20) for _ in range(40))  # it does not say how long it is
    assert upload(served, "/batches/validate", pieces).status_code == 413  # type: ignore[arg-type]
    assert served.get(f"{V1}/plant").status_code == 200


def test_a_batch_handed_in_twice_is_one_batch(served: Served) -> None:
    first = upload(served, "/batches", GOOD, "week 49.csv")
    assert first.status_code == 201
    assert first.json()["order_ids"] == ["NEW-1"]
    again = upload(served, "/batches", GOOD).json()
    assert (again["order_ids"], again["already_known"]) == ([], ["NEW-1"])
    other = upload(served, "/batches", GOOD.replace(",1,", ",2,"))
    assert other.status_code == 409
    assert "NEW-1 (quantity)" in other.json()["detail"]
    who = served.get(f"{V1}/trace/NEW-1/1").json()["batch"]["submitted_by"]
    assert who == f"operator ({served.ids['operator']})"


def test_a_preview_changes_nothing_and_names_who_would_be_late(served: Served) -> None:
    served.plant.at_ns = 40 * NS
    served.gateway.hub.now_ns = 40 * NS
    before = list(served.journal.history())
    tight = GOOD.replace("07:00:00", "06:00:01")
    answer = upload(served, "/batches/preview", tight)
    assert answer.status_code == 200, answer.text
    preview = answer.json()
    assert (preview["total"], preview["late"]) == (1, 1)
    assert preview["first_late"]["order_id"] == "NEW-1"
    assert preview["first_late"]["promised_ms"] > preview["first_late"]["due_ms"]
    assert {row["order_id"] for row in preview["operations"]} >= {"NEW-1", "WO-2"}
    assert list(served.journal.history()) == before


def test_the_same_key_is_the_same_request(served: Served) -> None:
    def hold(key: str, command: str = "Hold", role: str = "operator") -> Any:
        return served.ask(
            "POST",
            f"{V1}/cells/cell_a/commands",
            role,
            json={"command": command},
            headers={"Idempotency-Key": key},
        )

    first, again = hold("key-1"), hold("key-1")
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert [what for what, _ in served.plant.asked] == ["command"]
    assert hold("key-1", "Stop").json()["type"].endswith(":idempotency-mismatch")
    hold("key-1", role="maintainer")  # another's key is another key
    assert [what for what, _ in served.plant.asked] == ["command"] * 2
    served.ask("DELETE", f"{V1}/tokens/{served.ids['operator']}", "admin")
    assert hold("key-1").status_code == 401  # nor does an old answer go to whom is not let in


def test_a_cell_that_refuses_says_what_it_obeys(served: Served) -> None:
    path = f"{V1}/cells/cell_a/commands"
    refused = served.ask("POST", path, "operator", json={"command": "unhold"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "cell cell_a does not obey Unhold"
    assert "Hold" in refused.json()["allowed"]
    assert served.ask("POST", path, "operator", json={"command": "jump"}).status_code == 422
    held = served.ask("POST", path, "operator", json={"command": "hold"})
    assert held.json() == {"accepted": True, "message": "Hold", "state": "Held"}


def test_an_order_is_cancelled_and_given_another_priority(served: Served) -> None:
    changed = served.ask("PATCH", f"{V1}/orders/WO-2", "operator", json={"priority": 9})
    assert changed.json()["priority"] == 9
    for wrong in (0, 10, "9", None):
        answer = served.ask("PATCH", f"{V1}/orders/WO-2", "operator", json={"priority": wrong})
        assert answer.status_code == 422
    path = f"{V1}/orders/WO-2/cancel"
    served.ask("POST", path, "operator", json={"reason": "customer"}).raise_for_status()
    cancelled = served.get(f"{V1}/orders/WO-2").json()
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", "customer")
    assert (
        served.ask("PATCH", f"{V1}/orders/WO-2", "operator", json={"priority": 1}).status_code
        == 409
    )
    assert served.journal.verify().findings == ()


def test_a_plant_that_does_not_answer_is_told_as_such(served: Served) -> None:
    served.plant.reachable = False
    answer = served.ask("POST", f"{V1}/orders/WO-2/cancel", "operator", json={})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["type"].endswith(":plant-unreachable")


@pytest.mark.parametrize("verb", ["off", "ok"])
def test_faults_are_for_simulated_plants_only(served: Served, verb: str) -> None:
    path, body = f"{V1}/cells/cell_a/faults", {"device": "gripper", "verb": verb}
    assert served.ask("POST", path, "maintainer", json=body).status_code == 200
    served.gateway.simulated = False
    assert served.ask("POST", path, "maintainer", json=body).status_code == 404


def test_what_is_not_journalled_elsewhere_is_journalled_here(served: Served) -> None:
    served.ask("PUT", f"{V1}/cells/cell_a/override", "maintainer", json={"percent": 40})
    deadline_s = time.monotonic() + 60.0
    while time.monotonic() < deadline_s and not served.journal.commands():
        pass
    (command,) = served.journal.commands()
    assert (command.what, command.target, command.outcome) == ("override 40", "cell_a", "obeyed")
    assert command.who == f"maintainer ({served.ids['maintainer']})"


def test_alarms_are_seen_to(served: Served) -> None:
    alarms = served.journal.alarms
    gripper = alarms.raise_("cell_a", "device_fault", "gripper", "the gripper is silent", 40 * NS)
    alarms.raise_("cell_a", "cell_aborted", "", "the cell has aborted", 41 * NS)
    alarms.raise_("cell_b", "process_ended", "arm", "the arm's node has ended", 42 * NS)
    listed = served.get(f"{V1}/alarms").json()
    assert [(one["cell"], one["priority"], one["state"]) for one in listed["items"]] == [
        ("cell_a", "high", "unacknowledged"),
        ("cell_b", "low", "unacknowledged"),
    ]
    assert listed["items"][0]["consequences"] == ["the cell has aborted"]
    assert served.get(f"{V1}/cells/cell_a").json()["alarms"] == 1
    path = f"{V1}/alarms/{gripper}"
    seen = served.ask("POST", f"{path}/acknowledge", "operator", json={"comment": "on my way"})
    assert seen.json()["message"] == f"alarm {gripper} is acknowledged"
    assert served.ask("POST", f"{path}/acknowledge", "operator", json={}).status_code == 409
    body = {"for_s": 60.0, "reason": "repair"}
    served.ask("POST", f"{path}/shelve", "operator", json=body).raise_for_status()
    changed = served.get(f"{V1}/alarms").json()
    assert changed["version"] > listed["version"]
    first = changed["items"][0]
    assert (first["state"], first["acknowledged_ms"] is None) == ("shelved", False)
    assert first["acknowledged_by"] == f"operator ({served.ids['operator']}): on my way"
    assert served.ask("POST", f"{V1}/alarms/99/acknowledge", "operator", json={}).status_code == 404


def test_a_mode_is_changed_by_who_may_where_the_cell_allows_it(served: Served) -> None:
    path = f"{V1}/cells/cell_a/mode"
    assert served.ask("PUT", path, "operator", json={"mode": "manual"}).status_code == 403
    refused = served.ask("PUT", path, "maintainer", json={"mode": "manual"})
    assert (refused.status_code, refused.json()["detail"]) == (
        409, "cell cell_a is Execute and does not change its mode",
    )  # fmt: skip
    served.plant.said["cell_a"] = "Stopped"
    changed = served.ask(
        "PUT", path, "maintainer", json={"mode": "manual", "reason": "teach a pose"}
    )
    assert changed.status_code == 200
    assert served.get(f"{V1}/cells/cell_a").json()["mode"] == "manual"
    assert served.plant.asked[-1][1][:2] == ("cell_a", "manual")
    assert served.plant.asked[-1][1][2].endswith(": teach a pose")
    assert served.ask("PUT", path, "maintainer", json={"mode": "fast"}).status_code == 422


def test_an_arm_is_moved_by_hand_by_who_may(served: Served) -> None:
    path = f"{V1}/cells/cell_a/jog"
    wanted = {"press": "press-123", "axis": "joint_1", "direction": "-"}
    assert served.ask("POST", path, "operator", json=wanted).status_code == 403
    begun = served.ask("POST", path, "maintainer", json=wanted)
    # It answers once the move is planned, not while it is looked whether the way is free.
    assert begun.json() == {
        "press": "press-123", "phase": "moving", "message": "as far as its limit",
    }  # fmt: skip
    asked = served.plant.asked[0][1][3]
    assert (asked["axis"], asked["amount"], asked["held"]) == ("joint_1", -1.0, True)
    assert asked["asked_by"] == f"maintainer ({served.ids['maintainer']})"
    assert served.ask("PUT", f"{path}/press-123", "maintainer").json()["phase"] == "moving"
    assert served.ask("DELETE", f"{path}/press-123", "maintainer").json()["phase"] == "ended"
    unknown = served.ask("PUT", f"{path}/press-999", "maintainer")
    assert (unknown.status_code, unknown.json()["detail"]) == (
        409, "that press is over, or was never begun",
    )  # fmt: skip
    assert served.ask("PUT", f"{path}/%2e%2e", "maintainer").status_code in (404, 422)
    refused = served.ask("POST", path, "maintainer", json=wanted | {"axis": "joint_9"})
    assert refused.status_code == 409
    assert "joint_9" in refused.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"direction": "+", "step_deg": 1.0},
        {"step_mm": 5.0},
        {"step_deg": 10.5},
        {"axis": "x", "step_deg": 5.0},
        {"axis": "x", "step_mm": 51.0},
        {"direction": "up"},
        {"direction": "+", "press": "no"},
    ],
)
def test_a_move_by_hand_that_cannot_be_meant_is_refused(
    served: Served, wrong: dict[str, object]
) -> None:
    wanted = {"press": "press-123", "axis": "joint_1"} | wrong
    answer = served.ask("POST", f"{V1}/cells/cell_a/jog", "maintainer", json=wanted)
    assert answer.status_code == 422
    assert served.plant.asked == []


def test_a_device_is_commanded_by_hand(served: Served) -> None:
    path = f"{V1}/cells/cell_a/devices/table/commands"
    wanted = {"request": "by-hand-1", "command": "index", "args": ["1"]}
    assert served.ask("POST", path, "operator", json=wanted).status_code == 403
    assert served.plant.asked == []
    done = served.ask("POST", path, "maintainer", json=wanted)
    # It answers once the device has done it.
    assert done.json() == {
        "request": "by-hand-1", "phase": "ended", "message": "done", "readings": {"state": "open"},
    }  # fmt: skip
    given = served.plant.asked[0][1]
    assert given[:3] == ("cell_a", "begin", "by-hand-1")
    assert given[3] == {
        "device": "table", "command": "index", "args": ["1"], "drop": False,
        "asked_by": f"maintainer ({served.ids['maintainer']})",
    }  # fmt: skip
    assert served.ask("GET", f"{path}/by-hand-1", "maintainer").json()["phase"] == "ended"
    assert served.ask("GET", f"{path}/by-hand-2", "maintainer").status_code == 409


def test_what_may_fall_has_to_be_meant(served: Served) -> None:
    path = f"{V1}/cells/cell_a/devices/gripper/commands"
    wanted = {"request": "by-hand-1", "command": "open"}
    refused = served.ask("POST", path, "maintainer", json=wanted)
    assert refused.status_code == 409
    assert (refused.json()["drops"], refused.json()["detail"]) == (True, "it would fall")
    meant = {"request": "by-hand-2", "command": "open", "drop": True}
    assert served.ask("POST", path, "maintainer", json=meant).status_code == 200


@pytest.mark.parametrize(
    ("device", "wrong", "status"),
    [
        ("griper", {}, 404),
        ("gripper", {"request": "short"}, 422),
        ("gripper", {"command": ""}, 422),
        ("gripper", {"args": [""]}, 422),
        ("gripper", {"args": ["1"] * 9}, 422),
        ("gripper", {"force": True}, 422),
    ],
)
def test_a_command_by_hand_that_cannot_be_meant_reaches_no_device(
    served: Served, device: str, wrong: dict[str, Any], status: int
) -> None:
    wanted = {"request": "by-hand-1", "command": "close"} | wrong
    path = f"{V1}/cells/cell_a/devices/{device}/commands"
    answer = served.ask("POST", path, "maintainer", json=wanted)
    assert answer.status_code == status
    assert served.plant.asked == []
    if status == 404:
        assert "it has: gripper, table" in answer.json()["detail"]


def test_a_shelved_alarm_counts_no_more_until_it_is_taken_back(served: Served) -> None:
    alarm = served.journal.alarms.raise_("cell_a", "device_fault", "gripper", "it is dead", 40 * NS)
    path = f"{V1}/alarms/{alarm}"

    def counted() -> int:
        served.gateway.mirror.refresh()
        return int(served.get(f"{V1}/cells/cell_a").json()["alarms"])

    assert counted() == 1
    wanted = {"for_s": 600.0, "reason": "spare part is on its way"}
    assert served.ask("POST", f"{path}/shelve", "operator", json=wanted).status_code == 200
    listed = served.get(f"{V1}/alarms").json()["items"]
    assert [one["state"] for one in listed] == ["shelved"]
    assert listed[0]["shelved_by"].endswith("spare part is on its way")
    assert counted() == 0
    assert served.ask("POST", f"{path}/shelve", "operator", json=wanted).status_code == 409
    assert served.ask("POST", f"{path}/unshelve", "viewer", json={}).status_code == 403
    assert served.ask("POST", f"{path}/unshelve", "operator", json={}).status_code == 200
    assert counted() == 1
