"""`robot-cell jog`: move an arm by hand, by one step, in manual mode."""

from __future__ import annotations

from dataclasses import asdict
from math import radians
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout


def jog(
    cell: Annotated[str, typer.Argument(help="Which cell.")],
    axis: Annotated[
        str, typer.Argument(help="A joint, or x, y or z: the tool along the arm's base frame.")
    ],
    step: Annotated[
        float,
        typer.Argument(
            help="How far: degrees of a joint, mm along x, y or z; a step is short, and the cell "
            "says what is too long."
        ),
    ],
    arm: Annotated[str, typer.Option("--arm", help="Which arm, where there are several.")] = "",
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Move a cell's arm by one step, in manual mode; stand clear: nobody holds a button."""
    from robot_cell.cli.options import connect, who
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.model.jog import TOOL_AXES

    with connect(timeout) as client:
        known = client.cells()
        if cell not in known:
            raise typer.BadParameter(
                f"there is no cell {cell!r}; there are {', '.join(known)}", param_hint="CELL"
            )
        amount = step / 1e3 if axis in TOOL_AXES else radians(step)
        answer = client.jog_step(cell, axis, amount, who(), arm)
    if as_json:
        print_json(asdict(answer))
    else:
        (out() if answer.success else err()).print(f"{cell}: {answer.message}", markup=False)
    return ExitCode.OK if answer.success else ExitCode.REFUSED
