"""Alarms come as events, to asyncua and to node-opcua; the unit mode is changed by its number."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from asyncua import ua
from set_up.machine import Machine
from set_up.web_pages import node_environment, system_node, wheel_node

from robot_cell.store import Journal
from tests.gateway.conftest import NS
from tests.gateway.opcua.conftest import WITHIN_S, OpcUa

SCRIPT = Path(__file__).parent / "node_client" / "events.cjs"


class Heard:
    """The events that a subscription was told."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    def event_notification(self, event: Any) -> None:
        self.events.put_nowait(event)

    async def next(self) -> Any:
        return await asyncio.wait_for(self.events.get(), WITHIN_S)


def test_an_alarm_is_an_event_at_each_of_its_changes(opcua: OpcUa) -> None:
    journal = opcua.served.journal
    text = "the clamp does not answer"

    async def trying() -> None:
        async with opcua.session("viewer") as session:
            heard = Heard()
            subscription = await session.client.create_subscription(50, heard)
            kind = await session.client.nodes.base_event_type.get_child(
                [f"{session.own}:PlantAlarmEventType"]
            )
            await subscription.subscribe_events(evtypes=[kind])
            raised = await asyncio.to_thread(
                journal.alarms.raise_, "cell_a", "device_fault", "nest_clamp", text, 40 * NS
            )
            event = await heard.next()
            # HIGH is 667 to 1000 (OPC 10000-9); a device that failed wants a person at once.
            assert 667 <= event.Severity <= 1000
            assert event.Message.Text == text
            assert event.SourceName == "cell_a/nest_clamp"
            assert event.SourceNode == ua.NodeId("cell_a", session.own)
            assert event.EventType == kind.nodeid
            assert (event.AlarmId, event.Cell, event.Kind) == (raised, "cell_a", "device_fault")
            assert (event.State, event.Active) == ("unacknowledged", True)
            assert "its power and its cable" in event.Action
            first = event.EventId
            await asyncio.to_thread(journal.alarms.return_, "cell_a", 50 * NS, ("device_fault",))
            event = await heard.next()
            assert (event.State, event.Active, event.AlarmId) == ("returned", False, raised)
            assert event.EventId != first
            path = f"/api/v1/alarms/{raised}/acknowledge"
            answer = await asyncio.to_thread(opcua.served.ask, "POST", path, "operator", json={})
            assert answer.status_code == 200
            event = await heard.next()
            assert (event.State, event.Active) == ("normal", False)
            assert heard.events.empty()

    asyncio.run(trying())


def raise_when_it_listens(journal: Journal, client: subprocess.Popen[str]) -> str:
    """What the client prints in the end; an alarm comes once it says that it listens."""
    assert client.stdout is not None
    for line in client.stdout:
        if line.startswith("listens"):
            journal.alarms.raise_("cell_b", "no_plan", "", "nothing can be planned", 60 * NS)
            break
    return client.stdout.read()


def test_node_opcua_hears_of_an_alarm(opcua: OpcUa, tmp_path: Path) -> None:
    machine = Machine.here()
    environment = {
        **os.environ,
        **node_environment(machine),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    token = opcua.served.tokens["viewer"]
    with subprocess.Popen(
        [
            system_node() or wheel_node(machine),
            SCRIPT,
            opcua.server.address,
            token,
            tmp_path / "pki",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as client:
        said = raise_when_it_listens(opcua.served.journal, client)
        assert client.wait(WITHIN_S) == 0, said
    found = json.loads(said.strip().splitlines()[-1])
    assert found["message"] == "nothing can be planned"
    assert 667 <= found["severity"] <= 1000
    assert (found["source"], found["cell"], found["state"]) == (
        "cell_b", "cell_b", "unacknowledged",
    )  # fmt: skip


def test_the_unit_mode_is_changed_by_its_number(opcua: OpcUa) -> None:
    path = "cell_a/PackML/SetUnitMode"
    plant = opcua.served.plant

    async def trying(role: str, number: Any) -> str:
        async with opcua.session(role) as session:
            given = ua.Variant(number, ua.VariantType.Int32)
            return str((await session.call(path, given)).StatusCode.name)

    assert asyncio.run(trying("operator", 3)) == "BadUserAccessDenied"
    assert asyncio.run(trying("maintainer", 17)) == "BadInvalidArgument"
    assert asyncio.run(trying("maintainer", 3)) == "BadInvalidState"  # it is in Execute
    plant.said["cell_a"] = "Stopped"
    try:
        assert asyncio.run(trying("maintainer", 3)) == "Good"
        who = f"maintainer ({opcua.served.ids['maintainer']})"
        assert plant.asked[-1] == ("mode", ("cell_a", "manual", who))
        assert opcua.served.get("/api/v1/cells/cell_a").json()["mode"] == "manual"
        assert asyncio.run(trying("maintainer", 1)) == "Good"
    finally:
        del plant.said["cell_a"]
