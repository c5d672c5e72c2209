"""A PostgreSQL server of the tests' own: its folder, its port, an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg

INITDB = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_START_S = 60


class Server:
    """Runs from entering to leaving; `database` makes a new, empty one and says its URL."""

    def __init__(self) -> None:
        assert INITDB, "PostgreSQL is missing: `make setup` installs it"
        self.bin = INITDB[-1].parent
        self.folder = Path(tempfile.mkdtemp(prefix="robot_cell_postgresql_"))
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._names = (f"journal_{number}" for number in count())

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / program), *words],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=_START_S,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )

    def __enter__(self) -> Server:
        data = str(self.folder / "data")
        self.run(
            "initdb", "--pgdata", data, "--username", "robot_cell", "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions", "--no-sync",
        )  # fmt: skip
        self.start()
        return self

    def start(self) -> None:
        # Nothing here is to outlast a power cut.
        options = "-c fsync=off "
        options += f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = str(self.folder / "log")
        # pg_ctl's server would hold a captured pipe open.
        subprocess.run(
            [
                str(self.bin / "pg_ctl"), "start", "--wait", "--pgdata", str(self.folder / "data"),
                "--log", log, "--options", options,
            ],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=_START_S,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "stop", "--pgdata", str(self.folder / "data"), "--mode", mode)

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")  # nothing of it is needed any more
        shutil.rmtree(self.folder)

    def database(self) -> str:
        name = next(self._names)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://robot_cell@127.0.0.1:{self.port}/{database}"
