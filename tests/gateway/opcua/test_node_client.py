"""An independent client, node-opcua: it browses, subscribes, commands, and hands job orders in."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from set_up.machine import Machine
from set_up.web_pages import node_environment, system_node, wheel_node

from tests.gateway.opcua.conftest import OpcUa

SCRIPT = Path(__file__).parent / "node_client" / "client.cjs"


def ask(opcua: OpcUa, token: str, folder: Path) -> dict[str, Any]:
    """What the client found."""
    machine = Machine.here()
    node = system_node() or wheel_node(machine)
    environment = {
        **node_environment(machine),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    done = subprocess.run(
        [node, SCRIPT, opcua.server.address, token, folder / "pki"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the client keeps its certificate, which it makes once."""
    return tmp_path_factory.mktemp("node_client")


def test_node_opcua_browses_subscribes_and_commands(opcua: OpcUa, folder: Path) -> None:
    found = ask(opcua, opcua.served.tokens["operator"], folder)
    opcua.served.plant.said.clear()
    assert "refused" not in found
    assert len(found["nodes"]) + 1 >= opcua.server.nodes - 2  # UnitMode is below the data types
    assert found["states"][0] == 6
    assert found["states"][-1] == 11
    assert found["hold"] == ["Good"]
    assert found["store"] == ["Good", [0, 1]]  # a UInt64 as its two halves
    assert found["start"] == ["Good", [0, 1]]
    assert found["state"] == [2, 1]
    assert found["cancel"] == ["Good", [0, 1]]
    who = f"operator ({opcua.served.ids['operator']})"
    asked = opcua.served.plant.asked
    assert ("command", ("cell_a", "Hold", who)) in asked
    assert ("submit", ("OPC UA", "json", who)) in asked
    assert ("cancel", ("NODE-1", "", who)) in asked
    orders = {one.order.order_id: one.order for one in opcua.served.journal.orders()}
    assert orders["NODE-1"].priority == 7


@pytest.mark.parametrize("role", ["viewer", "stale", ""])
def test_node_opcua_without_the_right_token(opcua: OpcUa, folder: Path, role: str) -> None:
    before = len(opcua.served.plant.asked)
    found = ask(opcua, opcua.served.tokens.get(role, ""), folder)
    if role == "viewer":
        assert found["hold"] == ["BadUserAccessDenied"]
        assert found["store"] == ["BadUserAccessDenied"]
        assert found["cancel"] == ["BadUserAccessDenied"]
    else:
        assert "refused" in found
        assert "nodes" not in found
    assert len(opcua.served.plant.asked) == before
