"""A simulated plant of one's own: started in the background, ended and tidied up with the block."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from robot_cell.bringup import shared_memory
from robot_cell.bringup.compose import arms_of, participants, write_simulation
from robot_cell.errors import RobotCellError
from robot_cell.model import Cell

STOP_WITHIN_S: Final = 6.0
RESTART_LIMIT: Final = 5
NO_GATEWAY: Final = "-1"
"""Whoever wants one asks for it: `http_port` in the arguments."""

_LAST_LINES: Final = 15

# DDSI-RTPS 2.5, 9.6.1.1: well-known ports; domains above 101 meet the ephemeral ports of Linux.
_PORT_BASE: Final = 7400
_DOMAIN_GAIN: Final = 250
_FIRST_PARTICIPANT: Final = 10
_LAST_DOMAIN: Final = 101


class PlantFailedError(RobotCellError):
    """The plant ended by itself."""


def free_domain() -> int:
    """A ROS domain in which nobody on this machine takes part now."""
    for domain in random.sample(range(1, _LAST_DOMAIN + 1), _LAST_DOMAIN):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", _PORT_BASE + _DOMAIN_GAIN * domain + _FIRST_PARTICIPANT))
            except OSError:
                continue
            return domain
    raise RobotCellError("all ROS domains from 1 to 101 are in use on this machine")


class PlantSession:
    """Runs a simulated plant in the background.

    It is what `robot-cell up` runs, in a process of its own: if this process is killed, that one
    ends the plant. Entering sets `ROS_DOMAIN_ID` and the discovery range for this process too,
    unless they are set, so enter before anything of ROS 2 is initialised.

    Args:
        cells: the plant's cells, or names of cells with one arm.
        arguments: of the launch file, but for `run_dir`.
        keep: leave the run directory where it is, for a look at its logs and its journal.
        faults: what is to happen to the cells, as `robot_cell.bringup.faults` reads it.
        restart_limit: how often one process may be restarted in 30 s; None for any number.
    """

    def __init__(
        self,
        cells: Iterable[str] | Mapping[str, Cell],
        arguments: Mapping[str, str],
        *,
        keep: bool = False,
        faults: Sequence[str] = (),
        restart_limit: int | None = RESTART_LIMIT,
    ) -> None:
        self._cells = cells if isinstance(cells, Mapping) else list(cells)
        self._arguments = {"http_port": NO_GATEWAY, **arguments}
        self._faults = tuple(faults)
        self._limit = [] if restart_limit is None else ["--restart-limit", str(restart_limit)]
        if faults:
            self._arguments["participants"] = str(participants(arms_of(self._cells)) + 1)
        self.keep = keep
        self.run_dir = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._shared: frozenset[str] = frozenset()

    def __enter__(self) -> PlantSession:
        os.environ.setdefault("ROS_DOMAIN_ID", str(free_domain()))
        os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        self._shared = shared_memory.entries()
        self.run_dir = Path(tempfile.mkdtemp(prefix="robot_cell_"))
        try:
            file = write_simulation(self.run_dir, self._cells)
            words = [f"{name}:={value}" for name, value in self._arguments.items()]
            faults = [word for text in self._faults for word in ("--fault", text)]
            with (self.run_dir / "launch.log").open("wb") as log:
                self._process = subprocess.Popen(
                    [
                        sys.executable, "-m", "robot_cell.bringup", str(file),
                        *self._limit, *faults,
                        f"run_dir:={self.run_dir}", *words,
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )  # fmt: skip
        except BaseException:
            self._tidy_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if isinstance(error, Exception):
            self.keep = True
        self._tidy_up()

    def check(self) -> None:
        """See that the plant still runs.

        Raises:
            PlantFailedError: it has ended; the message says which process and ends with its log.
        """
        if self._process is not None and self._process.poll() is not None:
            raise PlantFailedError(f"the plant has ended:\n{self.story()}")

    def link(self) -> str | None:
        """The one-time link to the live plant; None before there is one, or without a gateway."""
        try:
            return (self.run_dir / "gateway.link").read_text().strip()
        except OSError:
            return None

    def story(self) -> str:
        """What the launcher said last, and the end of the log of every process that failed."""
        lines = _tail(self.run_dir / "launch.log")
        try:
            state = json.loads((self.run_dir / "processes.json").read_text())
        except (OSError, ValueError):
            return "\n".join(lines)
        for process in state["processes"]:
            if process["exit_code"] not in (None, 0):
                log = self.run_dir / "logs" / f"{process['name']}.log"
                lines += ["", f"{log}:", *_tail(log)]
        return "\n".join(lines)

    def stop(self) -> None:
        """End the plant; all its processes have ended when this returns."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children die with it
            self._process.wait()
        self._process = None

    def _tidy_up(self) -> None:
        shared_memory.sweep(self._shared)
        if not self.keep:
            shutil.rmtree(self.run_dir, ignore_errors=True)


def _tail(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    except OSError:
        return []
