"""`robot-cell fault`: what a running plant's simulated devices suffer from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout

if TYPE_CHECKING:
    from robot_cell.client import FaultResult, PlantClient, RestPlant


def fault(
    device: Annotated[
        str | None,
        typer.Argument(help="CELL/DEVICE, or DEVICE where only one cell has it. [default: list]"),
    ] = None,
    verb: Annotated[
        str | None,
        typer.Argument(
            help="off: answers nothing; stuck: does not move, tells old values; garbage: sends "
            "random bytes; wrong: tells the opposite of the truth; slow: moves slowly; delayed: "
            "answers late; intermittent: loses replies; ok: is healthy again. Of an arm (CELL/arm) "
            "off: emergency stop; moved: a person moves it meanwhile by hand; ok: released."
        ),
    ] = None,
    for_s: Annotated[
        float,
        typer.Option(
            "--for", min=0.0, help="Seconds of plant time until it is healthy again; 0: no end."
        ),
    ] = 0.0,
    amount: Annotated[
        float | None,
        typer.Option(
            help="How much: times as slow (3), seconds late (0.1), part of the replies lost (0.3), "
            "plant seconds until a stuck device's step fails (5), degrees an arm is moved (10).",
        ),
    ] = None,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Make a simulated device fail, or list the devices and what is wrong with them."""
    from robot_cell.cli.options import connect, who
    from robot_cell.cli.output import err, make_table, out, print_json
    from robot_cell.model.device_fault import (
        ALL_VERBS,
        BadFaultError,
        find_device,
    )

    if device is not None and verb not in ALL_VERBS:
        verbs = ", ".join(ALL_VERBS)
        said = "which fault?" if verb is None else f"{verb!r} is no verb;"
        raise typer.BadParameter(f"{said} There are {verbs}", param_hint="VERB")
    with connect(timeout) as client:
        if device is None or verb is None:
            known = _devices(client)
            rows = [
                (cell, name, now) for cell, every in known.items() for name, now in every.items()
            ]
            if as_json:
                print_json(known)
            else:
                out().print(make_table("", ("cell", "device", "fault"), rows))
            return ExitCode.OK
        cell, slash, name = device.rpartition("/")
        if slash:
            _refuse_unknown_cell(client, cell)
        else:
            try:
                cell, name = find_device(device, _devices(client))
            except BadFaultError as error:
                raise typer.BadParameter(error.reason, param_hint="DEVICE") from error
        answer = client.fault(cell, name, verb, amount=amount, for_s=for_s, asked_by=who())
    if as_json:
        print_json(_as_json(cell, name, answer))
    else:
        (out() if answer.success else err()).print(f"{cell}: {answer.message}", markup=False)
    return ExitCode.OK if answer.success else ExitCode.REFUSED


def _as_json(cell: str, device: str, answer: FaultResult) -> Mapping[str, object]:
    return {
        "cell": cell,
        "device": device,
        "fault": answer.devices.get(device),
        "success": answer.success,
        "message": answer.message,
    }


def _devices(client: PlantClient | RestPlant) -> Mapping[str, Mapping[str, str]]:
    """Every simulated device by cell, and the fault that it has."""
    return {cell: client.fault(cell, "", "").devices for cell in client.cells()}


def _refuse_unknown_cell(client: PlantClient | RestPlant, cell: str) -> None:
    known = client.cells()
    if cell not in known:
        raise typer.BadParameter(
            f"there is no cell {cell!r}; there are {', '.join(known)}", param_hint="DEVICE"
        )
