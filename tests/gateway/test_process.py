"""How the process takes its port, and what it tells of itself."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from robot_cell.gateway.main import listen, read_options, tell

LOADED = "import sys; import robot_cell.gateway.main; print(' '.join(sys.modules))"


def options(run_dir: Path, *more: str) -> list[str]:
    return ["--plant", "p.yaml", "--run-dir", str(run_dir), *more, "--ros-args", "-r", "__node:=g"]


def test_a_free_port_is_the_same_after_a_restart(tmp_path: Path) -> None:
    found = read_options(options(tmp_path))
    with listen(found) as first:
        tell(found, first, "code")
        port = first.getsockname()[1]
        assert json.loads((tmp_path / "gateway.json").read_text())["port"] == port
        link = (tmp_path / "gateway.link").read_text()
        assert link == f"http://127.0.0.1:{port}/#code=code\n"
    with listen(found) as again:
        assert again.getsockname()[1] == port
        with listen(found) as other:  # it is taken now: another one will do
            assert other.getsockname()[1] != port
        tell(found, again, None)
    assert not (tmp_path / "gateway.link").exists()


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit, match=rf"127\.0\.0\.1:{port} cannot be had.*http_port"):
            listen(read_options(options(tmp_path, "--http-port", port)))


def test_it_listens_before_it_loads_anything_large() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(told.stdout.split())
    assert not loaded & {"fastapi", "pydantic", "sqlalchemy", "rclpy", "uvicorn", "numpy"}


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        read_options(options(tmp_path, "--tls-cert", "c.pem"))


def test_an_answer_does_not_wait_for_an_acknowledgement(tmp_path: Path) -> None:
    found = read_options(options(tmp_path))
    with listen(found) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
