"""`robot-cell submit`: hand a batch to the running plant."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout


def submit(
    orders: Annotated[Path, typer.Argument(help="Batch of job orders: CSV, JSON or XLSX.")],
    plant: Annotated[
        Path | None,
        typer.Option(help="Plant file; by default that of the plant that `up` started."),
    ] = None,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Hand in a batch of job orders: all of it or nothing; handing it in twice does no harm."""
    from robot_cell.cli.options import connect, over_rest, running_plant_file, who
    from robot_cell.cli.output import err, out, print_json, print_problems
    from robot_cell.model.plant_file import load_plant
    from robot_cell.orders import read_batch

    if (there := over_rest(timeout)) is not None and plant is None:
        result = there.submit_file(orders)  # it knows its own products
    else:
        batch = read_batch(orders, load_plant(plant or running_plant_file()))
        with connect(timeout) as client:
            result = client.submit(batch.orders, batch.source, batch.format, who())
    if as_json:
        print_json(
            {
                "accepted": result.accepted,
                "order_ids": list(result.order_ids),
                "already_known": list(result.already_known),
                "errors": [_plain(error) for error in result.errors],
                "message": result.message,
            }
        )
    elif result.accepted:
        out().print(result.message)
    if not result.accepted:
        if result.errors and not as_json:
            print_problems(result.errors)
        elif not as_json:
            err().print(result.message)
        return ExitCode.BAD_INPUT
    return ExitCode.OK


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
