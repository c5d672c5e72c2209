"""A real plant over OPC UA: an order is handed in, made, held and let go on, and stopped."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from robot_cell.bringup.session import PlantSession
from robot_cell.gateway.access import add_token
from robot_cell.gateway.opcua.certificate import own_identity
from robot_cell.gateway.opcua.job_states import JobState
from robot_cell.model import Plant
from robot_cell.store import journal_location, open_journal
from tests.gateway.conftest import ROOT
from tests.gateway.opcua.conftest import Session, come_in
from tests.gateway.opcua.test_jobs import GOOD, WRONG_STATUS, job_order, state

pytestmark = [pytest.mark.plant, pytest.mark.timeout(300)]
READY_S = 100.0
START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
MACHINE = "cell_a/PackML/BaseStateMachine/MachineState"


async def until_state(session: Session, order_id: str, wanted: JobState) -> None:
    deadline_s = time.monotonic() + READY_S
    while (found := await state(session, order_id)) is not wanted:
        assert time.monotonic() < deadline_s, f"{order_id} is {found}, not {wanted}"
        await asyncio.sleep(0.05)


async def work(address: str, token: str, folder: Path) -> None:
    identity = own_identity(folder, "client", "127.0.0.1")
    async with come_in(address, identity, token) as session:
        await session.client.load_data_type_definitions()
        order = job_order("MES-1", quantity=2, end=START + timedelta(hours=1))
        deadline_s = time.monotonic() + READY_S
        while (answer := await session.job("StoreAndStart", order)) != GOOD:
            assert time.monotonic() < deadline_s, answer  # the scheduler is not there yet
            assert answer == ("Uncertain", 1 << 32)
        # A second one is taken back before it begins, and is made only when it is started again.
        later = job_order("MES-2", start=START + timedelta(hours=2), end=START + timedelta(hours=3))
        assert await session.job("StoreAndStart", later) == GOOD
        assert await session.job("RevokeStart", "MES-2", "not yet") == GOOD
        await until_state(session, "MES-2", JobState.NOT_ALLOWED_TO_START)
        assert await session.job("Start", "MES-2") == GOOD
        await until_state(session, "MES-2", JobState.ALLOWED_TO_START)
        await until_state(session, "MES-1", JobState.RUNNING)
        axis = "cell_a/Robotics/MotionDevices/arm/Axes/joint_1/ParameterSet/ActualPosition"
        positions = set()
        while len(positions) < 3:  # it moves
            assert time.monotonic() < deadline_s + READY_S
            positions.add(await session.value(axis))
        # Between two operations no cell is at work on it, and there is nothing to hold.
        deadline_s = time.monotonic() + READY_S
        while (answer := await session.job("Pause", "MES-1", "look at it")) != GOOD:
            assert time.monotonic() < deadline_s, answer
            assert answer == WRONG_STATUS
        await until_state(session, "MES-1", JobState.INTERRUPTED)
        assert await session.value(f"{MACHINE}/CurrentState/Number") == 18
        answer = await session.call(f"{MACHINE}/ExecuteState/Suspend")
        assert answer.StatusCode.name == "BadInvalidState"  # the cell itself refused
        held = f"{MACHINE}/ExecuteState/CurrentState/Number"
        while await session.value(held) != 11:
            assert time.monotonic() < deadline_s + READY_S
        assert await session.job("Resume", "MES-1") == GOOD
        await until_state(session, "MES-1", JobState.RUNNING)
        assert await session.job("Stop", "MES-1", "enough") == GOOD


def test_an_order_is_made_on_a_real_plant(plant: Plant, domain: int, tmp_path: Path) -> None:
    arguments = {
        "plant": str(ROOT / "examples" / "housing_plant.yaml"),
        "speed": "4.0",
        "start": START.isoformat(),
        "http_port": "0",
        "link_role": "viewer",
        "opcua_port": "0",
    }
    with PlantSession(plant.cells, arguments) as session:
        deadline_s = time.monotonic() + READY_S
        note = session.run_dir / "gateway.json"
        address = None
        knocked = False
        while address is None:
            session.check()
            assert time.monotonic() < deadline_s, session.story()
            told = json.loads(note.read_text()) if note.exists() else {}
            if told and not knocked:  # who knocks does not wait until the plant stands
                socket.create_connection(("127.0.0.1", told["port"])).close()
                knocked = True
            address = told.get("opcua_address")
            time.sleep(0.05)
        place = journal_location(session.run_dir)
        with open_journal(place) as journal:
            token = add_token(journal, "MES", "operator", "test", valid_s=None).text
        asyncio.run(work(address, token, tmp_path))
        with open_journal(place) as journal:
            asked = {(one.what, one.target, one.outcome) for one in journal.commands()}
            planned = [one.planned_start_ns for one in journal.operations("MES-2")]
            (mine,) = {one.who for one in journal.commands() if one.what == "job StoreAndStart"}
    assert {
        (f"job {method}", "MES-1", "obeyed")
        for method in ("StoreAndStart", "Pause", "Resume", "Stop")
    } <= asked
    assert mine.startswith("MES (")
    # It was planned anew, not before its release.
    assert all(one is not None and one >= 7200 * 1_000_000_000 for one in planned)
    by_cell = {(what, target) for what, target, _ in asked if target == "cell_a"}
    assert {("hold", "cell_a"), ("unhold", "cell_a"), ("suspend", "cell_a")} <= by_cell
