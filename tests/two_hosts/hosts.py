"""Two hosts on one machine: network namespaces joined by a virtual cable, and what runs on them.

Each has a network and shared memory of its own. The cable carries no multicast, so that DDS finds
the other host by its static peer or not at all. Files and simulated time are shared: the cells step
together, but every message and every row of the journal crosses the cable.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_cell.bringup.session import free_domain
from tests.store.postgresql import INITDB

ROOT = Path(__file__).parents[2]
PLANT = ROOT / "examples" / "housing_plant.yaml"
NETWORK = "10.213.77"
PORT = 15432
PARTICIPANTS = 9
PLANNING_S = 1.0


def why_not() -> str:
    """Why this machine cannot have network namespaces; empty if it can."""
    if shutil.which("ip") is None:
        return "there is no `ip` (iproute2)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"rc_probe_{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode != 0:
        return f"the kernel does not permit network namespaces: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", probe], check=True)
    return ""


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@dataclass(frozen=True)
class Host:
    """One end of the cable."""

    name: str
    address: str
    peer: str
    device: str
    domain: int
    journal: str
    memory: Path

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ROS_DOMAIN_ID": str(self.domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
            "ROS_STATIC_PEERS": self.peer,
            "FASTDDS_DEFAULT_PROFILES_FILE": str(ROOT / "launch" / "dds.xml"),
            "ROBOT_CELL_JOURNAL": self.journal,
        }

    def command(self, *words: str) -> list[str]:
        """A command on this host."""
        own_memory = f'mount --bind {self.memory} /dev/shm && exec "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", own_memory, "sh", *words]

    def ask(self, *words: str) -> Any:
        """What `robot-cell ... --json` says on this host; None if it cannot tell."""
        words = (sys.executable, "-m", "robot_cell.cli.app", *words, "--json")
        try:
            done = subprocess.run(
                self.command(*words), env=self.environment(), capture_output=True, text=True,
                check=False, timeout=60,
            )  # fmt: skip
        except subprocess.TimeoutExpired:  # a busy machine
            return None
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return None

    @contextmanager
    def observer(self, log: Path) -> Iterator[Callable[[str], Any]]:
        """Asks what the journal says on this host (`tests.two_hosts.observer`)."""
        process = subprocess.Popen(
            self.command(sys.executable, "-m", "tests.two_hosts.observer", str(PLANT), str(log)),
            env=self.environment(), cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask(what: str) -> Any:
            print(what, file=questions, flush=True)
            return json.loads(answers.readline())

        try:
            assert answers.readline() == "ready\n", "the journal cannot be read"
            yield ask
        finally:
            questions.close()
            process.wait(20.0)
            answers.close()

    def reaches(self, address: str, port: int) -> bool:
        """Whether a connection from here to there can be made within a second."""
        script = f"import socket; socket.create_connection(({address!r}, {port}), 1.0)"
        command = self.command(sys.executable, "-c", script)
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def link(self, state: str) -> None:
        """Pull the cable out of this host (`down`), or put it back (`up`)."""
        _ip("-n", self.name, "link", "set", self.device, state)


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """The plant's host and the cell's."""
    tag, domain = os.getpid() % 100_000, free_domain()
    memory = Path(tempfile.mkdtemp(prefix="robot_cell_two_hosts_"))
    journal = f"postgresql://robot_cell@{NETWORK}.1:{PORT}/journal"
    hosts = tuple(
        Host(
            f"rc_{end}_{tag}", f"{NETWORK}.{number}", f"{NETWORK}.{3 - number}",
            f"rc{end}{tag}", domain, journal, memory / end,
        )
        for number, end in ((1, "a"), (2, "b"))
    )  # fmt: skip
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, memory, ignore_errors=True)
        for host in hosts:
            host.memory.mkdir(mode=0o777)
            host.memory.chmod(0o1777)
            _ip("netns", "add", host.name)
            stack.callback(subprocess.run, ["ip", "netns", "delete", host.name], check=False)
        one, other = hosts
        _ip("link", "add", one.device, "type", "veth", "peer", "name", other.device)
        for host in hosts:
            _ip("link", "set", host.device, "netns", host.name)
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", host.device)
            _ip("-n", host.name, "link", "set", "lo", "up")
            _ip("-n", host.name, "link", "set", host.device, "multicast", "off", "up")
        yield one, other


@contextmanager
def postgresql(host: Host) -> Iterator[None]:
    """A PostgreSQL server on a host, with an empty journal."""
    folder = Path(tempfile.mkdtemp(prefix="robot_cell_postgresql_"))
    shutil.chown(folder, "postgres", "postgres")
    programs, data = INITDB[-1].parent, folder / "data"

    def run(*words: str) -> None:
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(
            host.command(*as_postgres, str(programs / words[0]), *words[1:]),
            cwd=folder, check=True, timeout=90, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    try:
        run(
            "initdb", "--pgdata", str(data), "--username", "robot_cell", "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions", "--no-sync",
        )  # fmt: skip
        with (data / "pg_hba.conf").open("a") as access:
            access.write(f"host all all {NETWORK}.0/24 trust\n")
        options = f"-c fsync=off -p {PORT} -c listen_addresses='*' -c unix_socket_directories=''"
        run("pg_ctl", "start", "--wait", "--pgdata", str(data), "--log", str(folder / "log"),
            "--options", options)  # fmt: skip
        run("createdb", "--host", host.address, "--port", str(PORT), "--username", "robot_cell",
            "journal")  # fmt: skip
        yield
    finally:
        subprocess.run(
            host.command("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                         str(programs / "pg_ctl"), "stop", "--pgdata", str(data),
                         "--mode", "immediate"),
            cwd=folder, check=False, capture_output=True,
        )  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)


def launch_text(cells: Mapping[str, bool], speed: float, start: str, log: Path) -> str:
    """A launch file of simulated cells; those marked True come with the plant's scheduler.

    `run_dir` is the launcher's own, `shared` that of the processes: it has the page of plant time.
    Devices write what they do to `log`.
    """
    parts = ["<launch>", '<arg name="run_dir"/>', '<arg name="shared"/>']

    def node(program: str, name: str, space: str, values: Mapping[str, str]) -> None:
        words = f' namespace="{space}"' if space else ""
        parts.append(f'<node pkg="robot_cell" exec="{program}" name="{name}"{words}>')
        for key, value in {"plant": str(PLANT), "run_dir": "$(var shared)", **values}.items():
            parts.append(f'<param name="{key}" value="{value}"/>')
        parts.append("</node>")

    for cell, with_scheduler in cells.items():
        values = {
            "cell": cell, "speed": str(speed), "start": f"'{start}'", "device_log": str(log),
        }  # fmt: skip
        node("sim_node", "sim", cell, {**values, "participants": str(PARTICIPANTS)})
        if with_scheduler:
            plan = {"simulated": "true", "seed": "0", "hold_until_batch": "true"}
            plan["planning_time_s"] = str(PLANNING_S)
            node("scheduler_node", "scheduler", "", plan)
        parts.append(f'<include file="{ROOT}/launch/cell.launch.xml">')
        for key, value in (("plant", str(PLANT)), ("cell", cell), ("simulated", "true"),
                           ("run_dir", "$(var shared)")):  # fmt: skip
            parts.append(f'<arg name="{key}" value="{value}"/>')
        parts.append("</include>")
    return "\n".join([*parts, "</launch>"])


@contextmanager
def up(host: Host, file: Path, run_dir: Path, shared: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A launch file on a host."""
    run_dir.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "robot_cell.cli.app", "up", str(file), f"run_dir:={run_dir}"]
    words.append(f"shared:={shared}")
    with (run_dir / "up.log").open("wb") as log:
        process = subprocess.Popen(
            host.command(*words), env=host.environment(), stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
