"""`robot-cell record`: what the running plant says, as a file that Foxglove opens."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout


def record(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.mcap",
            help="The file; it must not be there yet. [default: recording_DATE_TIME.mcap]",
        ),
    ] = None,
    for_s: Annotated[
        float | None,
        typer.Option("--for", metavar="S", min=0.1, help="End after so many seconds."),
    ] = None,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Record joint states, cell states and the schedule of the running plant; Ctrl-C ends it."""
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.client.recorder import Recorder

    began = datetime.now().astimezone()
    path = output or Path(f"recording_{began:%Y%m%d_%H%M%S}.mcap")
    asked = [False]

    def stop(_number: int, _frame: object) -> None:
        asked[0] = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    about = {
        "began": began.isoformat(timespec="milliseconds"),
        "ros_domain_id": os.environ.get("ROS_DOMAIN_ID", "0"),
    }
    begun_s = time.monotonic()
    recorder = Recorder(path, about)
    try:
        with recorder:
            recorder.wait_for_plant(timeout, lambda: asked[0])
            err().print(f"recording to {path}; Ctrl-C ends it", markup=False)
            recorder.record(for_s, lambda: asked[0])
    finally:
        if not recorder.counts:
            path.unlink(missing_ok=True)
    lasted_s = time.monotonic() - begun_s
    size = path.stat().st_size if path.exists() else 0
    if as_json:
        told = {"file": str(path), "seconds": round(lasted_s, 3), "bytes": size}
        print_json({**told, "messages": dict(sorted(recorder.counts.items()))})
    else:
        total = sum(recorder.counts.values())
        text = f"{path}: {total} messages of {len(recorder.counts)} topics, {size / 1e6:.1f} MB"
        out().print(text if total else "nothing was said; no file was written", markup=False)
    return ExitCode.OK if recorder.counts else ExitCode.NOT_REACHABLE
