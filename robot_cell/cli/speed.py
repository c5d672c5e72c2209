"""`robot-cell hold`, `resume`, `override`: cells held, and the path speed of their arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout, who

if TYPE_CHECKING:
    from robot_cell.client import CommandResult, PlantClient, RestPlant

Cells = Annotated[
    list[str] | None, typer.Option("--cell", help="Which cell; may be repeated (default: all).")
]


def hold(cell: Cells = None, timeout: Timeout = 10.0, as_json: Json = False) -> int:
    """Hold cells (PackML): their arms stop on the path, in mid-move; `resume` lets them go on."""
    return _each(cell, timeout, as_json, lambda client, name: client.hold(name, who(), on=True))


def resume(cell: Cells = None, timeout: Timeout = 10.0, as_json: Json = False) -> int:
    """End a hold (PackML Unhold): the arms go on along their paths from where they stand."""
    return _each(cell, timeout, as_json, lambda client, name: client.hold(name, who(), on=False))


def override(
    percent: Annotated[
        float, typer.Argument(min=0.0, max=100.0, help="Percent of the planned path speed.")
    ],
    cell: Cells = None,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Run the arms slower than planned, on the same paths, now and until it is changed."""
    return _each(cell, timeout, as_json, lambda client, name: client.override(name, percent))


def _each(
    cells: list[str] | None,
    timeout_s: float,
    as_json: bool,
    ask: Callable[[PlantClient | RestPlant, str], CommandResult],
) -> int:
    from robot_cell.cli.options import connect
    from robot_cell.cli.output import err, out, print_json

    with connect(timeout_s) as client:
        if not cells:
            client.wait_change(timeout_s=1.0)
            cells = sorted(client.cell_states())
        answers = {cell: ask(client, cell) for cell in cells}
    if as_json:
        print_json({cell: asdict(answer) for cell, answer in answers.items()})
    else:
        for cell, answer in answers.items():
            (out() if answer.success else err()).print(f"{cell}: {answer.message}")
    good = bool(answers) and all(answer.success for answer in answers.values())
    return ExitCode.OK if good else ExitCode.REFUSED
