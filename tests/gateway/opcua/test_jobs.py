"""Job orders after OPC 10031-4: their life from Store to Clear, and who asked for what."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from asyncua import ua

from robot_cell.gateway.opcua.job_book import JobBook
from robot_cell.gateway.opcua.job_states import JobState
from tests.gateway.opcua.conftest import OpcUa, Session

GOOD = ("Good", 1 << 0)
UNKNOWN = ("Uncertain", 1 << 1)
WRONG_STATUS = ("Uncertain", 1 << 3)
NOT_ACCEPTED = ("Uncertain", 1 << 4)
RESULTS = "JobManagement/JobOrderResults"
START = datetime(2026, 11, 23, 5, 0)


def job_order(order_id: str, product: str = "housing_s", priority: int = 5, **more: Any) -> Any:
    """A job order as an MES writes it."""
    return ua.ISA95JobOrderDataType(
        JobOrderID=order_id,
        WorkMasterID=[ua.ISA95WorkMasterDataType(ID=product)],
        StartTime=more.get("start", START),
        EndTime=more.get("end", START + timedelta(hours=2)),
        Priority=priority,
        JobOrderParameters=[
            ua.ISA95ParameterDataType(
                ID="Quantity", Value=ua.Variant(more.get("quantity", 2), ua.VariantType.UInt32)
            )
        ],
    )


async def states(session: Session, order_id: str) -> list[int] | None:
    """The numbers of an order's state and of the state within; None if there is no such order."""
    result = await session.call(f"{RESULTS}/RequestJobResponseByJobOrderID", order_id)
    response, status = (one.Value for one in result.OutputArguments)
    if status != 1:
        assert (result.StatusCode.name, status) == UNKNOWN
        return None
    assert response.JobOrderID == order_id
    return [one.StateNumber for one in response.JobState]


async def state(session: Session, order_id: str) -> JobState | None:
    found = await states(session, order_id)
    return None if found is None else JobState(found[0])


def run(opcua: OpcUa, trying: Any, role: str = "operator") -> Any:
    async def inside() -> Any:
        async with opcua.session(role) as session:
            await session.client.load_data_type_definitions()
            return await trying(session)

    return asyncio.run(inside())


def commands(opcua: OpcUa, order_id: str) -> list[tuple[str, str]]:
    """What was asked of an order, and what came of it, as the journal has it."""
    return [
        (one.what, "obeyed" if one.outcome == "obeyed" else "refused")
        for one in opcua.served.journal.commands()
        if one.target == order_id and one.what.startswith("job ")
    ]


def test_stored_updated_started_cancelled(opcua: OpcUa) -> None:
    plant, journal = opcua.served.plant, opcua.served.journal

    async def trying(session: Session) -> None:
        assert await state(session, "MES-1") is None
        assert await session.job("Store", job_order("MES-1"), "from the MES") == GOOD
        assert await state(session, "MES-1") is JobState.NOT_ALLOWED_TO_START
        assert "MES-1" not in {one.order.order_id for one in journal.orders()}
        assert await session.job("Store", job_order("MES-1")) == NOT_ACCEPTED
        assert await session.job("Pause", "MES-1") == WRONG_STATUS
        assert await session.job("Update", job_order("MES-1", quantity=3)) == GOOD
        assert await session.job("Start", "MES-1") == GOOD
        assert await state(session, "MES-1") is JobState.ALLOWED_TO_START
        assert {o.order.order_id: o.order.quantity for o in journal.orders()}["MES-1"] == 3
        assert await session.job("Start", "MES-1") == WRONG_STATUS
        assert await session.job("Update", job_order("MES-1", priority=9, quantity=3)) == GOOD
        assert await session.job("Update", job_order("MES-1", quantity=4)) == NOT_ACCEPTED
        assert await session.job("Cancel", "MES-1", "not wanted any more") == GOOD
        assert await state(session, "MES-1") is None
        assert await session.job("Cancel", "MES-1") == UNKNOWN
        assert await session.job("StoreAndStart", job_order("MES-1")) == NOT_ACCEPTED

    run(opcua, trying)
    who = f"operator ({opcua.served.ids['operator']})"
    asked = [one for one in plant.asked if "MES-1" in one[1] or one[0] == "submit"]
    assert ("submit", ("OPC UA", "json", who)) in asked
    assert ("prioritise", ("MES-1", 9, who)) in asked
    assert ("cancel", ("MES-1", "not wanted any more", who)) in asked
    assert commands(opcua, "MES-1") == [
        ("job Store", "obeyed"),
        ("job Store", "refused"),
        ("job Pause", "refused"),
        ("job Update", "obeyed"),
        ("job Start", "obeyed"),
        ("job Start", "refused"),
        ("job Update", "obeyed"),
        ("job Update", "refused"),
        ("job Cancel", "obeyed"),
        ("job Cancel", "refused"),
        ("job StoreAndStart", "refused"),
    ]


def test_a_start_is_revoked_and_given_again(opcua: OpcUa) -> None:
    journal = opcua.served.journal

    async def trying(session: Session) -> None:
        assert await session.job("RevokeStart", "MES-7") == UNKNOWN
        assert await session.job("Store", job_order("MES-7")) == GOOD
        assert await session.job("RevokeStart", "MES-7") == WRONG_STATUS
        assert await session.job("Start", "MES-7") == GOOD
        assert await session.job("RevokeStart", "MES-7", "not yet") == GOOD
        assert await state(session, "MES-7") is JobState.NOT_ALLOWED_TO_START
        assert {o.status for o in journal.operations("MES-7")} == {"cancelled"}
        assert await session.job("Update", job_order("MES-7", quantity=4)) == NOT_ACCEPTED
        assert await session.job("Start", "MES-7") == GOOD
        assert await state(session, "MES-7") is JobState.ALLOWED_TO_START
        assert {o.status for o in journal.operations("MES-7")} == {"planned"}
        # What was taken back is cancelled, and off the list, like any other.
        assert await session.job("RevokeStart", "MES-7") == GOOD
        assert await session.job("Cancel", "MES-7") == GOOD
        assert await state(session, "MES-7") is None
        # Of WO-2 nothing has begun, but of WO-1 something has.
        assert await session.job("RevokeStart", "WO-1") == WRONG_STATUS
        assert await session.job("RevokeStart", "WO-2") == GOOD
        listed = await session.value("JobManagement/JobOrderControl/JobOrderList")
        assert [one.JobOrder.JobOrderID for one in listed].count("WO-2") <= 1
        assert await session.job("Start", "WO-2") == GOOD

    run(opcua, trying)
    asked = [(what, done) for what, done in commands(opcua, "MES-7") if "Revoke" in what]
    assert asked == [
        ("job RevokeStart", "refused"),
        ("job RevokeStart", "refused"),
        ("job RevokeStart", "obeyed"),
        ("job RevokeStart", "obeyed"),
    ]


def test_a_running_order_is_paused_resumed_and_stopped(opcua: OpcUa) -> None:
    """The made-up cells say what runs on them: here an order that they work on."""
    plant = opcua.served.plant
    states_before = plant.states

    def working() -> Any:
        from dataclasses import replace

        return {
            name: replace(view, operation_id="WO-1/1/assemble", order_id="WO-1")
            if name == "cell_b"
            else view
            for name, view in states_before().items()
        }

    async def trying(session: Session) -> None:
        assert await states(session, "WO-1") == [int(JobState.RUNNING)]
        assert await session.job("Resume", "WO-1") == WRONG_STATUS
        assert await session.job("Pause", "WO-1", "look at it") == GOOD
        assert (await states(session, "WO-1"))[0] == int(JobState.INTERRUPTED)
        assert len(await states(session, "WO-1")) == 2  # held, within interrupted
        assert await session.job("Resume", "WO-1") == GOOD
        plant.said["cell_b"] = "Execute"
        assert await session.job("Stop", "WO-1") == GOOD

    plant.states = working  # type: ignore[method-assign]
    try:
        run(opcua, trying)
    finally:
        plant.states = states_before  # type: ignore[method-assign]
        plant.said.clear()
    who = f"operator ({opcua.served.ids['operator']})"
    assert [one for one in plant.asked if one[0] == "command"][-2:] == [
        ("command", ("cell_b", "Hold", f"{who}: look at it")),
        ("command", ("cell_b", "Unhold", who)),
    ]
    assert ("cancel", ("WO-1", "", who)) in plant.asked


def test_an_aborted_order_stays_until_it_is_cleared(opcua: OpcUa) -> None:
    async def trying(session: Session) -> None:
        assert await session.job("Store", job_order("MES-2")) == GOOD
        assert await session.job("Clear", "MES-2") == WRONG_STATUS
        assert await session.job("Abort", "MES-2") == GOOD
        assert await state(session, "MES-2") is JobState.ABORTED
        assert await session.job("Start", "MES-2") == WRONG_STATUS
        assert await session.job("Clear", "MES-2") == GOOD
        assert await state(session, "MES-2") is None

    run(opcua, trying)


def test_what_is_stored_outlives_a_restart(opcua: OpcUa) -> None:
    async def trying(session: Session) -> None:
        for order_id in ("MES-3", "MES-4", "MES-5"):
            assert await session.job("Store", job_order(order_id)) == GOOD
        assert await session.job("Cancel", "MES-4") == GOOD
        assert await session.job("Abort", "MES-5") == GOOD

    run(opcua, trying)
    again = JobBook(opcua.served.gateway)
    stored = again.stored("MES-3")
    assert stored is not None
    assert stored.quantity == 2
    assert again.job("MES-4") is None
    aborted = again.job("MES-5")
    assert aborted is not None
    assert aborted.standing.state is JobState.ABORTED


def test_a_bad_order_is_refused_and_written_down(opcua: OpcUa) -> None:
    async def trying(session: Session) -> None:
        for order in (
            job_order("BAD-1", product="no such thing"),
            job_order("BAD-1", quantity=0),
            job_order("BAD-1", end=START - timedelta(hours=1)),
            job_order("BAD-1", priority=77),
            job_order("=cmd()"),
            "not an order at all",
        ):
            assert await session.job("StoreAndStart", order) == NOT_ACCEPTED
        assert await state(session, "BAD-1") is None

    run(opcua, trying)
    assert commands(opcua, "BAD-1") == [("job StoreAndStart", "refused")] * 4


def test_the_list_and_the_results_tell_of_every_order(opcua: OpcUa) -> None:
    async def trying(session: Session) -> None:
        assert await session.job("Store", job_order("MES-6")) == GOOD
        wanted = ua.Variant(
            [ua.ISA95StateDataType(StateNumber=1)], ua.VariantType.ExtensionObject, is_array=True
        )
        result = await session.call(f"{RESULTS}/RequestJobResponseByJobOrderState", wanted)
        responses, status = (one.Value for one in result.OutputArguments)
        assert status == 1
        assert "MES-6" in {one.JobOrderID for one in responses}
        assert all(one.JobState[0].StateNumber == 1 for one in responses)
        listed: dict[str, int] = {}
        deadline = asyncio.get_running_loop().time() + 60.0
        while "MES-6" not in listed:
            assert asyncio.get_running_loop().time() < deadline
            found = await session.value("JobManagement/JobOrderControl/JobOrderList")
            listed = {one.JobOrder.JobOrderID: one.State[0].StateNumber for one in found}
        assert listed["MES-6"] == int(JobState.NOT_ALLOWED_TO_START)
        assert listed["WO-2"] == int(JobState.ALLOWED_TO_START)

    run(opcua, trying)
