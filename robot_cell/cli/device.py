"""`robot-cell device`: give a device of a cell a command by hand, in manual mode."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout

if TYPE_CHECKING:
    from robot_cell.client import DeviceCommandView, DeviceView


def device(
    cell: Annotated[str, typer.Argument(help="Which cell.")],
    device: Annotated[
        str | None,
        typer.Argument(help="Which of its devices; without, what each of them can be told."),
    ] = None,
    command: Annotated[
        str | None, typer.Argument(help="What it is to do; without, what it can be told.")
    ] = None,
    args: Annotated[
        list[str] | None, typer.Argument(help="The command's arguments, in order.")
    ] = None,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop", help="What a gripper lets go of may fall: something or somebody is under it."
        ),
    ] = False,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Give a gripper, clamp, table or other device a command, in manual mode; stand clear."""
    from robot_cell.cli.options import connect, who
    from robot_cell.cli.output import err, out, print_json

    with connect(timeout) as client:
        known = client.cells()
        if cell not in known:
            raise typer.BadParameter(
                f"there is no cell {cell!r}; there are {', '.join(known)}", param_hint="CELL"
            )
        if device is None or command is None:
            return _list(client.devices(cell), device, as_json)
        answer = client.command_device(cell, device, command, args or (), who(), drop=drop)
    if as_json:
        print_json(asdict(answer))
    else:
        told = f"{cell}: {device}: {answer.message}"
        (out() if answer.success else err()).print(told, markup=False)
    return ExitCode.OK if answer.success else ExitCode.REFUSED


def _list(devices: list[DeviceView], device: str | None, as_json: bool) -> int:
    """What the devices, or one of them, can be told."""
    from robot_cell.cli.output import out, print_json

    names = [one.name for one in devices]
    if device is not None and device not in names:
        raise typer.BadParameter(
            f"there is no device {device!r}; there are {', '.join(names)}", param_hint="DEVICE"
        )
    shown = [one for one in devices if device in (None, one.name)]
    if as_json:
        print_json({"devices": [asdict(one) for one in shown]})
        return ExitCode.OK
    for one in shown:
        if not one.commands:
            told = "nothing" if one.commands is not None else "not known: it has not said so"
            out().print(f"{one.name}: {told}", markup=False)
        for known in one.commands or ():
            out().print(f"{one.name} {_usage(known)}: {known.does}", markup=False)
    return ExitCode.OK


def _usage(command: DeviceCommandView) -> str:
    return " ".join(
        (command.command, *("|".join(a.choices) or a.name.upper() for a in command.arguments))
    )
