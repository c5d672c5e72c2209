"""Options and doors that several commands share."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from robot_cell.client import PlantClient, RestPlant

Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the plant to answer.")
]

DeviceLog = Annotated[
    Path | None,
    typer.Option(
        "--device-log",
        metavar="FILE",
        help="The simulated devices append what they really carried out to this file, one JSON "
        "object a line; the control side never reads it.",
    ),
]


class PlantFileUnknownError(RobotCellError):
    """No plant file was given and none can be found."""


def who() -> str:
    """Who asks, for the journal."""
    try:
        return f"{getpass.getuser()} (robot-cell)"
    except (KeyError, OSError):
        return f"uid {os.getuid()} (robot-cell)"


def connect(timeout_s: float) -> PlantClient | RestPlant:
    """The client of the running plant: over REST where an address is given, else over ROS 2."""
    from robot_cell.client import PlantClient

    return over_rest(timeout_s) or PlantClient.connect(timeout_s)


def over_rest(timeout_s: float = 10.0) -> RestPlant | None:
    """The plant that `--url` or `ROBOT_CELL_URL` names, if any (imports ROS 2, 0.3 s)."""
    if not os.environ.get("ROBOT_CELL_URL"):
        return None
    from robot_cell.client import RestPlant

    return RestPlant.of_environment(timeout_s)


def run_dir() -> Path:
    """Where the plant that `robot-cell up` started runs."""
    return Path(os.environ.get("ROBOT_CELL_RUN_DIR", "~/.robot_cell/run")).expanduser()


def running_plant_file(folder: Path | None = None) -> Path:
    """Plant file of the plant that was started with `robot-cell up`, in that run directory.

    Raises:
        PlantFileUnknownError: no run directory says which.
    """
    note = (folder or run_dir()).expanduser() / "up.json"
    try:
        return Path(json.loads(note.read_text())["arguments"]["plant"])
    except (OSError, KeyError, ValueError) as error:
        raise PlantFileUnknownError(
            f"which plant is meant? {note} does not say; give its file with --plant"
        ) from error
