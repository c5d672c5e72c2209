"""The gateway's process with TLS and a password: killed, the broker tells of its death."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from robot_cell.bringup.session import free_domain
from tests.gateway.sparkplug.broker import WITHIN_S, broker_in, free_port, tapped, until
from tests.gateway.sparkplug.host import Host

ROOT = Path(__file__).parents[3]
LOAD_WITHIN_S = 60.0


def certify(folder: Path) -> Path:
    """An authority and, by it, a certificate for this machine; where they are."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", *names, "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return folder


def plant_file(folder: Path, **section: Any) -> Path:
    """The example plant with a broker."""
    text = (ROOT / "examples" / "housing_plant.yaml").read_text()
    plant = yaml.safe_load(text)
    for cell in plant["cells"].values():
        cell["arm"]["urdf"] = str((ROOT / "examples" / cell["arm"]["urdf"]).resolve())
    plant["sparkplug"] = section
    path = folder / "plant.yaml"
    path.write_text(yaml.safe_dump(plant))
    return path


@contextlib.contextmanager
def gateway(folder: Path, password: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The process, awake."""
    port = free_port()
    env = {**os.environ, "ROS_DOMAIN_ID": str(free_domain())}
    if password is not None:
        env["ROBOT_CELL_MQTT_PASSWORD"] = password
    with (folder / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "robot_cell.gateway.main", "--plant", folder / "plant.yaml",
             "--run-dir", folder, "--http-port", str(port)],
            stdout=log, stderr=subprocess.STDOUT, env=env,
        )  # fmt: skip
    try:
        for _ in range(int(LOAD_WITHIN_S / 0.05)):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError((folder / "gateway.log").read_text(), process.wait(0.05))
        yield process
    finally:
        process.kill()
        process.wait(WITHIN_S)


def test_without_a_broker_nothing_of_it_is_loaded() -> None:
    script = "import sys, robot_cell.gateway.serve; print(' '.join(sys.modules))"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(told.stdout.split())
    assert "robot_cell.gateway.app" in loaded
    assert not [one for one in loaded if one.startswith(("aiomqtt", "robot_cell.gateway.spark"))]


@pytest.mark.ros
def test_the_broker_tells_of_a_gateway_that_was_killed(tmp_path: Path) -> None:
    certify(tmp_path)
    secret = free_port()
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", tmp_path / "users", "plant", "right"],
        check=True, timeout=60,
    )  # fmt: skip
    lines = (
        "allow_anonymous true",
        f"listener {secret} 127.0.0.1",
        f"certfile {tmp_path / 'cert.pem'}",
        f"keyfile {tmp_path / 'key.pem'}",
        "allow_anonymous false",
        f"password_file {tmp_path / 'users'}",
    )
    (tmp_path / "password").write_text("right\n")
    (tmp_path / "password").chmod(0o600)
    plant_file(
        tmp_path, broker=f"mqtts://127.0.0.1:{secret}", group="plants", edge_node="hall",
        user="plant", password_file="password", ca_file="cert.pem",
    )  # fmt: skip

    async def play(port: int) -> list[tuple[str, bytes]]:
        async with tapped(port) as tap:
            with gateway(tmp_path) as process:
                await until(lambda: tap.count("DBIRTH") == 2, "births", LOAD_WITHIN_S)
                process.send_signal(signal.SIGKILL)
                await until(lambda: tap.count("NDEATH") == 1, "the will")
            with gateway(tmp_path, password="wrong") as process:
                log = tmp_path / "logs" / "gateway.jsonl"
                await until(lambda: "ot authori" in log.read_text(), "a refusal", LOAD_WITHIN_S)
            with gateway(tmp_path) as process:
                await until(lambda: tap.count("DBIRTH") == 4, "births", LOAD_WITHIN_S)
                process.send_signal(signal.SIGTERM)
                assert process.wait(WITHIN_S) == 0
                await until(lambda: tap.count("NDEATH") == 2, "our own word")
            return tap.heard

    with broker_in(tmp_path, "per_listener_settings true", *lines) as broker:
        heard = asyncio.run(play(broker.port))
    host = Host("hall").hear(heard)
    assert not host.alive
    assert host.deaths == host.bd_seqs
    assert host.bd_seqs[0] == 0
    assert host.bd_seqs[1] > 1, "a CONNECT that was refused counts too"
    assert host.values("", "Plant/Heard") == [False] * len(host.values("", "Plant/Heard"))
