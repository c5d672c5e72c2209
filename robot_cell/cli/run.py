"""`robot-cell run`: a simulated plant makes a batch; `up`, `submit`, wait, report."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drivers.time_page import process_birth
from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import DeviceLog, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from robot_cell.bringup.session import PlantSession
    from robot_cell.model import JobOrder, Plant


def read_speed(text: str) -> float:
    """Plant seconds per second; `max` is 0."""
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 1000.0:
        raise typer.BadParameter(f"{text!r} is not a speed; give 1, 10, max, or 0.01 to 1000")
    return speed


def read_start(text: str | None) -> datetime | None:
    """An ISO 8601 instant with a time zone."""
    if text is None:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        start = datetime.min
    if start.utcoffset() is None:
        raise typer.BadParameter(
            f"{text!r} is not an instant; write it like 2026-11-23T06:00:00+01:00"
        )
    return start


def run(
    plant: Annotated[Path, typer.Argument(help="Plant file (YAML).")],
    orders: Annotated[Path, typer.Argument(help="Batch of job orders: CSV, JSON or XLSX.")],
    headless: Annotated[
        bool, typer.Option("--headless", help="No window of the simulation.")
    ] = False,
    speed: Annotated[
        str, typer.Option(metavar="1|10|max", help="Plant seconds per second.")
    ] = "10",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    report: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("report"),
    start: Annotated[
        str | None,
        typer.Option(help="Instant at which the plant's clock starts. [default: first release]"),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1.0, help="End the run after that many seconds (exit code 1)."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the run directory (journal, logs).")
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CELL:off@TIME[,on@TIME...] or DEVICE:VERB[=AMOUNT]@TIME[,...]",
            help="Cut a cell's power at that plant time, for example cell_b:off@30s: its processes "
            "are killed, and stay dead until on@TIME, if that is given: cell_b:off@30s,on@90s. "
            "The plan is repaired live. Back on, the cell has been cleared of parts. Or give a "
            "simulated device a fault: cell_a/gripper:garbage@30s,ok@40s (verbs: "
            "robot-cell fault --help). May be given several times, for several cells and devices.",
        ),
    ] = None,
    device_log: DeviceLog = None,
    http_port: Annotated[
        int,
        typer.Option(
            min=-1,
            max=65535,
            help="Port of the live plant's web page on this machine; 0: a free one; -1: none.",
        ),
    ] = 0,
    as_json: Json = False,
) -> int:
    """Make a batch on a simulated plant, from the file to the report."""
    began_s = command_started_s()
    speed_value, start_value = read_speed(speed), read_start(start)
    from robot_cell.bringup.faults import read_faults, refuse_standstill
    from robot_cell.model.device_fault import (
        BadFaultError,
        breakable_devices,
        read_device_faults,
    )
    from robot_cell.model.plant_file import load_plant
    from robot_cell.orders import read_batch

    model = load_plant(plant)
    of_cells = [text for text in fault or () if is_of_cell(text, model)]
    of_devices = [text for text in fault or () if text not in of_cells]
    try:
        faults = read_faults(of_cells, model.cells)
        refuse_standstill(faults, model.cells)
        read_device_faults(of_devices, breakable_devices(model))
    except BadFaultError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from error
    batch = read_batch(orders, model)
    first = start_value or min(order.release for order in batch.orders)

    from robot_cell.bringup.session import PlantSession

    arguments = {
        "plant": str(plant.resolve()),
        "speed": repr(speed_value),
        "seed": str(seed),
        "start": first.isoformat(),
        "faults": ";".join(of_devices).replace(" ", ""),
        "hold_until_batch": "true",
        "http_port": str(http_port),
        "link_role": "maintainer",
        "viewer": "false" if headless or not has_display() else "true",
    }
    if device_log is not None:
        arguments["device_log"] = str(device_log.resolve())
    session = PlantSession(model.cells, arguments, keep=keep, faults=of_cells)
    try:
        with session:
            return _follow(
                session, model, batch.orders, (batch.source, batch.format),
                _Settings(
                    began_s, speed_value, seed, report, time_limit, as_json,
                    tuple(fault or ()), sum(f.verb == "on" for f in faults),
                ),
            )  # fmt: skip
    finally:
        if session.keep:
            from robot_cell.cli.output import err

            err().print(f"logs and journal of the run are kept in {session.run_dir}")


def is_of_cell(text: str, plant: Plant) -> bool:
    """Whether a fault is a cell's: its power; all others are of devices."""
    name = text.partition(":")[0]
    devices = {device for cell in plant.cells.values() for device in cell.fixtures}
    return name in plant.cells or ("/" not in name and name not in devices)


@dataclass(frozen=True)
class _Settings:
    """How a run was asked for; `began_s` is on the clock of `time.monotonic`.

    `returns` is how often cells that are switched off will come back.
    """

    began_s: float
    speed: float
    seed: int
    report: Path
    time_limit_s: float | None
    as_json: bool
    faults: tuple[str, ...] = ()
    returns: int = 0


def _follow(
    session: PlantSession,
    plant: Plant,
    orders: Sequence[JobOrder],
    origin: tuple[str, str],
    settings: _Settings,
) -> int:
    from robot_cell.cli.follow import Follower
    from robot_cell.cli.output import out, print_json
    from robot_cell.cli.summary import print_summary, write_report

    follower = Follower(session, plant, settings.began_s, quiet=settings.as_json)
    try:
        if not follower.submit(orders, *origin, report=settings.report):
            return ExitCode.BAD_INPUT
        finished = follower.wait(settings.time_limit_s, returns=settings.returns)
        result, chart = follower.result(settings.speed, settings.seed, settings.faults)
    finally:
        follower.close()
    session.stop()
    files = write_report(settings.report, result, chart)
    if settings.as_json:
        print_json(result.as_json())
    else:
        print_summary(out(), result, files)
    return ExitCode.OK if finished and result.complete else ExitCode.NOT_COMPLETE


def command_started_s() -> float:
    """When this process was started, on the clock of `time.monotonic`."""
    ticks = os.sysconf("SC_CLK_TCK")
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - process_birth(os.getpid()) / ticks
    return time.monotonic() - max(0.0, age_s)


def has_display() -> bool:
    """Whether a window can be opened here."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
