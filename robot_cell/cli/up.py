"""`robot-cell up`: start what a launch file names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import DeviceLog


def up(
    file: Annotated[Path, typer.Argument(help="Launch file (XML).", show_default=False)],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME:=VALUE]...", help="Its arguments.")
    ] = None,
    show_args: Annotated[
        bool, typer.Option("--show-args", "-s", help="List the file's arguments and end.")
    ] = False,
    restart_limit: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Give up when one process has to be restarted more often than this in 30 s.",
        ),
    ] = None,
    device_log: DeviceLog = None,
) -> int:
    """Start the processes of a launch file; Ctrl-C ends them."""
    from robot_cell.bringup.launch_file import declared_arguments
    from robot_cell.bringup.up import parse_assignments, up

    if show_args:
        from robot_cell.cli.output import make_table, out

        rows = [
            (a.name, "(required)" if a.default is None else a.default, a.description)
            for a in declared_arguments(file)
        ]
        out().print(make_table(str(file), ("argument", "default", "what it is"), rows))
        return ExitCode.OK
    assigned = parse_assignments(arguments or [])
    if device_log is not None:
        assigned["device_log"] = str(device_log.resolve())
    failed = up(file, assigned, restart_limit=restart_limit)
    return ExitCode.FAILED if failed else ExitCode.OK
