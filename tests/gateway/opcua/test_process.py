"""The gateway as a process: OPC UA when the plant file or an option asks for it, and only then."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from robot_cell.gateway.main import read_options
from robot_cell.gateway.opcua.certificate import own_identity
from robot_cell.model.plant import OpcUa
from robot_cell.model.plant_file import load_plant
from robot_cell.store import open_journal
from tests.gateway.conftest import ROOT
from tests.gateway.opcua.conftest import come_in

PLANT = ROOT / "examples" / "housing_plant.yaml"
LOADED = "import sys; import robot_cell.gateway.serve; print(' '.join(sys.modules))"


def test_nothing_of_it_is_loaded_unless_it_is_asked_for() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(told.stdout.split())
    assert "fastapi" in loaded
    assert not {one for one in loaded if one.startswith(("asyncua", "robot_cell.gateway.opcua"))}


@pytest.mark.parametrize(
    ("given", "port"), [([], None), (["--opcua-port", "plant"], None), (["--opcua-port", "0"], 0)]
)
def test_the_option_goes_before_the_plant_file(given: list[str], port: int | None) -> None:
    options = read_options(["--plant", "p", "--run-dir", "r", *given])
    assert options.opcua_port == port


def test_the_plant_file_asks_for_it(tmp_path: Path) -> None:
    assert load_plant(PLANT).opcua is None
    assert load_plant(with_opcua(tmp_path, "{}")).opcua == OpcUa(port=4840)


def with_opcua(folder: Path, how: str) -> Path:
    """The example plant with OPC UA."""
    text = PLANT.read_text().replace("../urdf/", f"{ROOT}/urdf/")
    file = folder / "plant.yaml"
    file.write_text(f"{text}\nopcua: {how}\n")
    return file


def test_a_gateway_whose_plant_asks_for_it_serves_it(tmp_path: Path, domain: int) -> None:
    """Without a token one may read, as the file says; what is commanded is refused."""
    run_dir = tmp_path / "run"
    plant = with_opcua(tmp_path, "{port: 0, anonymous_reading: true}")
    arguments = ["--plant", plant, "--run-dir", run_dir]
    process = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.gateway.main", *arguments],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = int(noted(run_dir, "port", process))
        with socket.create_connection(("127.0.0.1", port)):  # who knocks does not wait
            address = str(noted(run_dir, "opcua_address", process))
        asyncio.run(read_and_be_refused(address, tmp_path))
        assert (run_dir / "opcua" / "server_key.pem").stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        with open_journal(run_dir / "journal.db") as journal:
            (refused,) = journal.commands()
        assert (refused.who, refused.what, refused.outcome) == (
            "nobody known from 127.0.0.1",
            "OPC UA Hold cell_a",
            "refused",
        )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def noted(run_dir: Path, what: str, process: subprocess.Popen[bytes]) -> Any:
    deadline_s = time.monotonic() + 90.0
    while time.monotonic() < deadline_s:
        assert process.poll() is None, "the gateway has ended"
        file = run_dir / "gateway.json"
        found = json.loads(file.read_text()).get(what) if file.exists() else None
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the gateway has not told its {what}")


async def read_and_be_refused(address: str, folder: Path) -> None:
    identity = own_identity(folder, "client", "127.0.0.1")
    execute = "cell_a/PackML/BaseStateMachine/MachineState/ExecuteState"
    async with come_in(address, identity, None) as session:
        number = f"{execute}/CurrentState/Number"
        assert await session.status(number) == "BadNoCommunication"  # there is no plant
        answer = await session.call(f"{execute}/Hold")
        assert answer.StatusCode.name == "BadUserAccessDenied"
