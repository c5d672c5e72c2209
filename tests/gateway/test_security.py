"""Who may call what: every route, and what is told of those who may not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.websockets import WebSocketDisconnect

from robot_cell.gateway.app import OPEN, UnguardedRoute, make_app
from robot_cell.gateway.routes import orders
from robot_cell.gateway.tokens import ROLES
from tests.gateway.conftest import Served
from tests.promises import Figure

V1 = "/api/v1"
CSV = b"order_id,product,quantity,release,due\nX,housing_s,1,2026-11-23T06:00Z,2026-11-23T07:00Z\n"

# By hand, from docs/gateway.md: the least role that may call each route.
TABLE: dict[str, list[tuple[str, str, Any]]] = {
    "viewer": [
        ("GET", f"{V1}/me", None),
        ("GET", f"{V1}/plant", None),
        ("GET", f"{V1}/cells", None),
        ("GET", f"{V1}/cells/cell_a", None),
        ("GET", f"{V1}/cells/cell_a/steps", None),
        ("GET", f"{V1}/cells/cell_a/devices", None),
        ("GET", f"{V1}/cells/cell_a/programs/deburr_s", None),
        ("GET", f"{V1}/cells/cell_a/scene", None),
        ("GET", f"{V1}/cells/cell_a/urdf", None),
        ("GET", f"{V1}/cells/cell_a/meshes/0.stl", None),
        ("GET", f"{V1}/orders", None),
        ("GET", f"{V1}/orders/WO-1", None),
        ("GET", f"{V1}/schedule", None),
        ("GET", f"{V1}/schedule/draft", None),
        ("GET", f"{V1}/what-ifs", None),
        ("GET", f"{V1}/what-ifs/none", None),
        ("GET", f"{V1}/schedule/revisions", None),
        ("GET", f"{V1}/schedule/revisions/1", None),
        ("GET", f"{V1}/schedule/past?from_ms=0&to_ms=1", None),
        ("GET", f"{V1}/operations", None),
        ("GET", f"{V1}/steps?operation_id=WO-1/1/deburr", None),
        ("GET", f"{V1}/events", None),
        ("GET", f"{V1}/events/stream", None),
        ("GET", f"{V1}/alarms", None),
        ("GET", f"{V1}/kpis", None),
        ("GET", f"{V1}/kpis/series", None),
        ("GET", f"{V1}/kpis.csv", None),
        ("GET", f"{V1}/trace/WO-1/1", None),
        ("GET", "/metrics", None),
        ("POST", f"{V1}/logout", None),
    ],
    "operator": [
        ("POST", f"{V1}/cells/cell_a/commands", {"command": "Hold"}),
        ("POST", f"{V1}/batches/validate?name=a.csv", CSV),
        ("POST", f"{V1}/batches/preview?name=a.csv", CSV),
        ("POST", f"{V1}/batches?name=a.csv", CSV),
        ("POST", f"{V1}/what-ifs", {}),
        ("DELETE", f"{V1}/what-ifs/none", None),
        ("POST", f"{V1}/orders/WO-2/cancel", {"reason": "no"}),
        ("PATCH", f"{V1}/orders/WO-2", {"priority": 9}),
        ("POST", f"{V1}/schedule/draft", {"verdict": "approve"}),
        ("POST", f"{V1}/alarms/1/acknowledge", {}),
        ("POST", f"{V1}/alarms/1/shelve", {"for_s": 1.0, "reason": "x"}),
        ("POST", f"{V1}/alarms/1/unshelve", {}),
    ],
    "maintainer": [
        ("PUT", f"{V1}/cells/cell_a/mode", {"mode": "production"}),
        ("PUT", f"{V1}/cells/cell_a/override", {"percent": 50.0}),
        (
            "POST",
            f"{V1}/cells/cell_a/jog",
            {"press": "press-123", "axis": "joint_1", "direction": "+"},
        ),
        ("GET", f"{V1}/cells/cell_a/jog/press-123", None),
        ("PUT", f"{V1}/cells/cell_a/jog/press-123", None),
        ("DELETE", f"{V1}/cells/cell_a/jog/press-123", None),
        (
            "POST",
            f"{V1}/cells/cell_a/devices/gripper/commands",
            {"request": "by-hand-1", "command": "close"},
        ),
        ("GET", f"{V1}/cells/cell_a/devices/gripper/commands/by-hand-1", None),
        ("POST", f"{V1}/cells/cell_a/steps/1/resolution", {"verdict": "done"}),
        ("GET", f"{V1}/cells/cell_a/faults", None),
        ("POST", f"{V1}/cells/cell_a/faults", {"device": "gripper", "verb": "off"}),
    ],
    "admin": [
        ("GET", f"{V1}/tokens", None),
        ("POST", f"{V1}/tokens", {"name": "n", "role": "viewer"}),
        ("DELETE", f"{V1}/tokens/aaaaaaaaaa", None),
        ("GET", f"{V1}/audit", None),
    ],
}
CALLS = [(role, *call) for role, calls in TABLE.items() for call in calls]
# These take long when they are let through (a planning process, an endless answer).
SLOW = (f"{V1}/batches", f"{V1}/what-ifs", f"{V1}/events/stream")


def call(served: Served, method: str, path: str, body: Any, role: str | None) -> Any:
    if isinstance(body, bytes):
        return served.ask(method, path, role, content=body, headers={"Content-Type": "text/csv"})
    return served.ask(method, path, role, json=body)


def test_the_table_has_every_route(reading: Served) -> None:
    documented = {
        (method.upper(), path)
        for path, methods in reading.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    open_ = {(method, path) for method, path in documented if path.removeprefix(V1) in OPEN}

    def template(method: str, path: str) -> tuple[str, str]:
        parts = path.partition("?")[0].split("/")
        return next(
            (m, known)
            for m, known in documented
            if m == method
            and len(known.split("/")) == len(parts)
            and all(
                a == b or a.startswith("{") for a, b in zip(known.split("/"), parts, strict=True)
            )
        )

    listed = {template(method, path) for _, method, path, _ in CALLS}
    assert documented - open_ == listed


@pytest.mark.promise("credentials")
@pytest.mark.parametrize(("role", "method", "path", "body"), CALLS)
def test_nobody_gets_in_without_a_good_token(
    reading: Served, role: str, method: str, path: str, body: Any
) -> None:
    for token in (None, "stale"):
        answer = call(reading, method, path, body, token)
        assert answer.status_code == 401, (token, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.promise("credentials")
@pytest.mark.parametrize(("role", "method", "path", "body"), CALLS)
def test_a_lower_role_is_forbidden(
    reading: Served, role: str, method: str, path: str, body: Any
) -> None:
    for lower in ROLES[: ROLES.index(role)]:  # type: ignore[arg-type]
        answer = call(reading, method, path, body, lower)
        assert answer.status_code == 403, answer.text
        assert answer.json()["needs"] == role


def test_the_least_role_is_let_in(served: Served) -> None:
    for role, method, path, body in CALLS:
        if path.startswith(SLOW) or path.endswith("/logout"):
            continue
        assert call(served, method, path, body, role).status_code not in (401, 403), path


def test_a_route_that_checks_no_role_is_found_out(served: Served) -> None:
    careless = APIRouter()
    careless.get("/careless")(lambda: None)
    before = list(orders.router.routes)
    orders.router.include_router(careless)
    try:
        with pytest.raises(UnguardedRoute, match="/careless"):
            make_app(served.gateway)
    finally:
        orders.router.routes[:] = before


@pytest.mark.promise("credentials")
def test_refusals_are_in_the_audit_trail(served: Served, figure: Figure) -> None:
    call(served, "POST", f"{V1}/cells/cell_a/commands", {"command": "Hold"}, "viewer")
    call(served, "GET", f"{V1}/tokens", None, None)
    served.ask("POST", f"{V1}/login", None, json={"code": "guessed"})
    wanted = {
        ("POST /api/v1/cells/cell_a/commands", 403),
        ("GET /api/v1/tokens", 401),
        ("log in", 401),
    }
    deadline_s = time.monotonic() + 60.0
    while time.monotonic() < deadline_s:
        items = served.get(f"{V1}/audit", "admin").json()["items"]
        found = {
            (one["what"], one["data"]["status"]) for one in items if one["outcome"] == "refused"
        }
        if wanted <= found:
            break
    assert wanted <= found
    figure("calls tried without, with a stale and with a lesser token", len(CALLS))
    assert any(one["who"] == f"viewer ({served.ids['viewer']})" for one in items)


def test_a_session_lasts_as_long_as_its_token(served: Served) -> None:
    login = served.ask("POST", f"{V1}/login", None, json={"token": served.tokens["operator"]})
    session = login.json()
    assert session["role"] == "operator"
    assert served.get(f"{V1}/me", session["token"]).json()["token_id"] == session["token_id"]
    revoked = served.ask("DELETE", f"{V1}/tokens/{served.ids['operator']}", "admin")
    assert revoked.status_code == 204
    assert served.get(f"{V1}/me", session["token"]).status_code == 401
    assert served.get(f"{V1}/me", "operator").status_code == 401


def test_logging_out_ends_the_session_only(served: Served) -> None:
    login = served.ask("POST", f"{V1}/login", None, json={"token": served.tokens["viewer"]})
    token = login.json()["token"]
    assert served.ask("POST", f"{V1}/logout", token).status_code == 204
    assert served.get(f"{V1}/me", token).status_code == 401
    assert served.get(f"{V1}/me", "viewer").status_code == 200


def test_a_link_lets_one_person_in_once(served: Served) -> None:
    links: list[str] = []
    served.gateway.access.offer_code("maintainer", links.append, first="the code of the link")
    code = {"code": "the code of the link"}
    session = served.ask("POST", f"{V1}/login", None, json=code)
    assert session.json()["role"] == "maintainer"
    assert served.ask("POST", f"{V1}/login", None, json=code).status_code == 401
    assert served.ask("POST", f"{V1}/login", None, json={"code": links[0]}).status_code == 200


def test_guessing_is_slowed_down_and_good_tokens_still_work(served: Served) -> None:
    assert served.get(f"{V1}/me").status_code == 200
    statuses = [served.get(f"{V1}/me", f"rc_aaaaaaaaaa_{'x' * 43}").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert served.get(f"{V1}/me").status_code == 200


def test_no_secret_is_in_the_journal(served: Served) -> None:
    made = served.ask("POST", f"{V1}/tokens", "admin", json={"name": "ERP", "role": "viewer"})
    secret = made.json()["token"]
    assert served.get(f"{V1}/me", secret).json()["name"] == "ERP"
    stored = "".join(str(event.data) for event in served.journal.history())
    secret_part = secret.split("_", 2)[2]  # in which there may be more of them
    assert len(secret_part) > 40
    assert secret_part not in stored
    assert "$argon2id$" in stored
    assert served.journal.verify().findings == ()


@pytest.mark.parametrize(
    ("headers", "protocols", "code"),
    [
        ({}, [], 4401),
        ({}, ["robot-cell.v1", "bearer.rc_aaaaaaaaaa_" + "x" * 43], 4401),
        ({"Origin": "http://evil.test"}, ["robot-cell.v1"], 4403),
    ],
)
def test_the_live_feed_checks_for_itself(
    served: Served, headers: dict[str, str], protocols: list[str], code: int
) -> None:
    if code == 4403:
        protocols = [*protocols, f"bearer.{served.tokens['viewer']}"]
    with served.client.websocket_connect(
        f"{V1}/live", headers=headers, subprotocols=protocols
    ) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert closed.value.code == code


@pytest.mark.parametrize(
    "path",
    [
        "/../../pyproject.toml", "/%2e%2e/%2e%2e/pyproject.toml", "/..%2f..%2fpyproject.toml",
        "/assets/../../app.py", "/static/../app.py", "//etc/passwd", "/%00", "/..\\..\\app.py",
        f"{V1}/cells/cell_a/meshes/..%2f..%2fhousing_plant.yaml", f"{V1}/cells/..%2f/urdf",
    ],
)  # fmt: skip
def test_no_path_leads_out(reading: Served, path: str) -> None:
    answer = reading.get(path)
    told = answer.text
    assert "[build-system]" not in told
    assert "root:" not in told
    assert "import annotations" not in told
    assert "cells:" not in told
    assert answer.status_code in (200, 404, 422)


def test_the_page_may_load_nothing_from_elsewhere(reading: Served) -> None:
    answer = reading.get("/orders", None)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert reading.get(f"{V1}/plant").headers["cache-control"] == "no-store"


def test_private_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    from robot_cell.gateway.main import private

    file = tmp_path / "gateway.link"
    private(file, "secret")
    assert file.stat().st_mode & 0o077 == 0
