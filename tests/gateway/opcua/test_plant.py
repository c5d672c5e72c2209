"""What is shown of cells and arms, and what may be asked of them."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest
from asyncua import ua

from robot_cell.gateway.opcua.packml import MACHINES
from robot_cell.model.packml import State
from tests.gateway.opcua.conftest import WITHIN_S, OpcUa, Session

BASE = "cell_b/PackML/BaseStateMachine"
MACHINE = f"{BASE}/MachineState"
EXECUTE = f"{MACHINE}/ExecuteState"
ARM = "cell_a/Robotics/MotionDevices/arm"

# By hand, from OPC 30050: the three machines in each state; numbers of the outer two are 19 and 18.
SHOWN: dict[State, tuple[int | None, int | None, int | None]] = {
    State.ABORTING: (8, None, None),
    State.ABORTED: (9, None, None),
    State.CLEARING: (19, 1, None),
    State.STOPPED: (19, 2, None),
    State.STOPPING: (19, 7, None),
    **{
        state: (19, 18, number)
        for state, number in {
            State.STARTING: 3, State.IDLE: 4, State.SUSPENDED: 5, State.EXECUTE: 6,
            State.HOLDING: 10, State.HELD: 11, State.UNHOLDING: 12, State.SUSPENDING: 13,
            State.UNSUSPENDING: 14, State.RESETTING: 15, State.COMPLETING: 16, State.COMPLETE: 17,
        }.items()
    },
}  # fmt: skip


class Heard:
    """What a subscription was told."""

    def __init__(self) -> None:
        self.values: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        status = data.monitored_item.Value.StatusCode
        self.values.put_nowait((node.nodeid.Identifier, value if status.is_good() else None))

    async def until(self, path: str, wanted: Any) -> None:
        while True:
            told = await asyncio.wait_for(self.values.get(), WITHIN_S)
            if told == (path, wanted):
                return


async def numbers(session: Session) -> tuple[int | None, ...]:
    found: list[int | None] = []
    for _, machine in MACHINES:
        node = session.node(f"cell_b/PackML/{machine}/CurrentState/Number")
        read = await node.read_data_value(raise_on_bad_status=False)
        found.append(read.Value.Value if read.StatusCode.is_good() else None)
    return tuple(found)


def test_every_packml_state_is_shown_by_three_machines(opcua: OpcUa) -> None:
    assert set(SHOWN) == set(State)
    said = opcua.served.plant.said

    async def trying() -> None:
        async with opcua.session("viewer") as session:
            heard = Heard()
            subscription = await session.client.create_subscription(50, heard)
            paths = [f"cell_b/PackML/{machine}/CurrentState/Number" for _, machine in MACHINES]
            await subscription.subscribe_data_change([session.node(path) for path in paths])
            for state, shown in SHOWN.items():
                said["cell_b"] = state.label
                depth = max(i for i, number in enumerate(shown) if number is not None)
                await heard.until(paths[depth], shown[depth])
                assert await numbers(session) == shown, state
                text = await session.value(paths[depth].removesuffix("/Number"))
                assert text.Text == state.label
                where = session.client.get_node(
                    await session.value(paths[depth].replace("/Number", "/Id"))
                )
                assert (await where.read_browse_name()).Name == state.label
            await subscription.delete()

    try:
        asyncio.run(trying())
    finally:
        said.pop("cell_b")


def test_commands_go_through_the_same_door_as_rest(opcua: OpcUa) -> None:
    plant = opcua.served.plant

    async def trying() -> None:
        async with opcua.session("operator") as session:
            refused = await session.call(f"{EXECUTE}/Unhold")
            assert refused.StatusCode.name == "BadInvalidState"
            assert (await session.call(f"{EXECUTE}/Hold")).StatusCode.is_good()
            assert (await session.call(f"{EXECUTE}/Unhold")).StatusCode.is_good()
            assert (await session.call(f"{EXECUTE}/ToComplete")).StatusCode.is_good()
            for path in (f"{BASE}/Abort", f"{BASE}/Clear", f"{MACHINE}/Stop", f"{MACHINE}/Reset"):
                assert (await session.call(path)).StatusCode.is_good()
            plant.reachable = False
            gone = await session.call(f"{EXECUTE}/Hold")
            assert gone.StatusCode.name == "BadNoCommunication"

    before = len(plant.asked)
    try:
        asyncio.run(trying())
    finally:
        plant.reachable = True
        plant.said.clear()
    who = f"operator ({opcua.served.ids['operator']})"
    assert plant.asked[before:] == [
        ("command", ("cell_b", command, who))
        for command in ("Unhold", "Hold", "Unhold", "Complete", "Abort", "Clear", "Stop", "Reset")
    ]


def test_joints_are_told_in_degrees(opcua: OpcUa) -> None:
    async def trying() -> None:
        async with opcua.session("viewer") as session:
            axes = await session.node(f"{ARM}/Axes").get_children()
            names = [(await one.read_browse_name()).Name for one in axes]
            assert names == [f"joint_{i}" for i in range(1, 7)]
            position = f"{ARM}/Axes/joint_1/ParameterSet/ActualPosition"
            assert (await session.value(f"{position}/EngineeringUnits")).UnitId == 17476
            assert await session.value(f"{ARM}/Axes/joint_1/MotionProfile") == 1
            assert await session.value(f"{ARM}/MotionDeviceCategory") == 1

    asyncio.run(trying())


def test_joints_that_nobody_tells_of_are_bad_and_not_zero(opcua: OpcUa) -> None:
    """The made-up plant names joints joint_0 to joint_5; the arm has joint_1 to joint_6."""

    async def trying() -> None:
        async with opcua.session("viewer") as session:
            known = f"{ARM}/Axes/joint_5/ParameterSet/ActualPosition"
            assert await session.value(known) == pytest.approx(math.degrees(0.1), abs=1e-3)
            unknown = f"{ARM}/Axes/joint_6/ParameterSet/ActualPosition"
            assert await session.status(unknown) == "BadNoCommunication"
            safety = "cell_a/Robotics/SafetyStates/cell/ParameterSet"
            assert await session.status(f"{safety}/EmergencyStop") == "BadNotConnected"
            assert await session.value(f"{safety}/OperationalMode") == 4

    asyncio.run(trying())


def test_a_stop_of_the_arm_is_told_and_goes_again(opcua: OpcUa) -> None:
    plant = opcua.served.plant
    safety = "cell_a/Robotics/SafetyStates/cell/ParameterSet"
    both = (f"{safety}/EmergencyStop", f"{safety}/ProtectiveStop")

    async def told(session: Any, *expected: object) -> None:
        until_s = time.monotonic() + 20.0
        while True:
            found = []
            for path in both:
                status = await session.status(path)
                found.append(await session.value(path) if status == "Good" else status)
            if found == list(expected):
                return
            assert time.monotonic() < until_s, found
            await asyncio.sleep(0.05)

    async def trying() -> None:
        async with opcua.session("viewer") as session:
            await told(session, "BadNotConnected", "BadNotConnected")
            plant.arm_states["cell_a"] = "fault EMERGENCY_STOP: an emergency stop"
            await told(session, True, "BadNotConnected")
            plant.arm_states["cell_a"] = "fault PROTECTIVE_STOP: it met something"
            await told(session, False, True)
            plant.arm_states["cell_a"] = "running"
            await told(session, False, False)
            del plant.arm_states["cell_a"]
            await told(session, "BadNotConnected", "BadNotConnected")

    asyncio.run(trying())


def test_a_plant_that_is_gone_is_not_shown_as_it_was(opcua: OpcUa) -> None:
    plant = opcua.served.plant

    async def trying() -> None:
        async with opcua.session("viewer") as session:
            heard = Heard()
            subscription = await session.client.create_subscription(50, heard)
            path = f"{EXECUTE}/CurrentState/Number"
            await subscription.subscribe_data_change(session.node(path))
            await heard.until(path, int(State.EXECUTE))
            plant.connected = False
            await heard.until(path, None)
            assert await session.status(path) == "BadNoCommunication"
            plant.connected = True
            await heard.until(path, int(State.EXECUTE))

    try:
        asyncio.run(trying())
    finally:
        plant.connected = True


def test_people_find_everything_in_one_folder(opcua: OpcUa) -> None:
    async def trying() -> None:
        async with opcua.session("viewer") as session:
            top = await session.client.nodes.objects.get_child(f"{session.own}:housing_plant")
            names = [(await one.read_browse_name()).Name for one in await top.get_children()]
            assert set(names) == {"cell_a", "cell_b", "JobManagement"}
            modes = session.node("UnitMode")
            texts = [one.DisplayName.Text for one in await session.value("UnitMode/EnumValues")]
            assert texts == ["production", "maintenance", "manual"]
            status = "cell_a/PackML/Status"
            assert await session.value(f"{status}/UnitSupportedModes") == modes.nodeid
            assert await session.value(f"{status}/UnitModeCurrent") == 1
            devices = session.client.get_node(ua.NodeId(5001, 2))  # DeviceSet of OPC 10000-100
            found = [(await one.read_browse_name()).Name for one in await devices.get_children()]
            assert {"cell_a", "cell_b"} <= set(found)

    asyncio.run(trying())
