"""`robot-cell mode`: production, maintenance or manual mode of a cell."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout


def mode(
    cell: Annotated[str, typer.Argument(help="Which cell.")],
    mode: Annotated[
        str,
        typer.Argument(
            help="production: takes leased work; maintenance: takes none, its arm goes home at a "
            "reset; manual: moves nothing by itself."
        ),
    ],
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Change a cell's mode, where its state allows it: Stopped, Idle or Aborted."""
    from robot_cell.cli.options import connect, who
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.model.packml import Mode, parse_mode

    if parse_mode(mode) is None:
        names = ", ".join(one.label for one in Mode)
        raise typer.BadParameter(f"{mode!r} is no mode; there are {names}", param_hint="MODE")
    with connect(timeout) as client:
        known = client.cells()
        if cell not in known:
            raise typer.BadParameter(
                f"there is no cell {cell!r}; there are {', '.join(known)}", param_hint="CELL"
            )
        answer = client.change_mode(cell, mode, who())
    if as_json:
        print_json(asdict(answer))
    else:
        (out() if answer.success else err()).print(f"{cell}: {answer.message}", markup=False)
    return ExitCode.OK if answer.success else ExitCode.REFUSED
