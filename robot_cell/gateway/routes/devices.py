"""The devices of a cell: what they say, what they can be told, and commands to them by hand."""

from __future__ import annotations

import time
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from robot_cell.client import CommandsView, OperateResult
from robot_cell.gateway import shapes
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import Gateway, Maintainer, Served, Viewer, json_response
from robot_cell.model import Cell, FixtureStep, Plant

router: Final = APIRouter(tags=["devices"])
CellName = Annotated[str, Path(max_length=48)]
DeviceName = Annotated[str, Path(max_length=48)]
RequestName = Annotated[str, Path(pattern="^[0-9a-zA-Z_-]{8,64}$")]
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)
_ENDED_WITHIN_S: Final = 10.0
_LOOK_S: Final = 0.05


class DeviceCommandWanted(BaseModel):
    """A command to a device by hand.

    Attributes:
        request: a name of the asker's own for this command, new for each: it is begun once.
        drop: a part that a gripper lets go of may fall.
    """

    model_config = ConfigDict(extra="forbid")
    request: str = Field(pattern="^[0-9a-zA-Z_-]{8,64}$")
    command: str = Field(min_length=1, max_length=48)
    args: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=8
    )
    drop: bool = False


@router.get("/cells/{cell}/devices", response_model=shapes.Devices, responses=_READ)
def devices(gateway: Served, caller: Viewer, cell: CellName) -> Response:
    """The devices of a cell, what they were last read to say, and what they can be told."""
    del caller
    model, said = gateway.cell(cell), gateway.hub.devices(cell)
    known = gateway.hub.commands(cell)
    items: list[shapes.DeviceView] = [
        {
            "name": name,
            "kind": fixture.kind,
            "answers": bool(said[name]) if name in said else None,
            "readings": said.get(name, {}),
            "commands": _commands(gateway.plant, model, name, known),
        }
        for name, fixture in model.fixtures.items()
    ]
    return json_response({"items": items})


def _commands(
    plant: Plant, cell: Cell, device: str, known: CommandsView
) -> list[shapes.DeviceCommand] | None:
    if device not in known:
        return None
    return [
        {
            "name": one.command,
            "does": one.does,
            "arguments": [
                {"name": a.name, "type": a.type, "choices": list(a.choices)} for a in one.arguments
            ],
            "used": _used(plant, cell, device, one.command) if one.arguments else [],
        }
        for one in known[device]
    ]


def _used(plant: Plant, cell: Cell, device: str, command: str) -> list[list[str]]:
    """The arguments that the cell's programs give with a command, each once, sorted."""
    found: set[tuple[str, ...]] = set()
    for program in cell.programs.values():
        for step in program.steps:
            if isinstance(step, FixtureStep) and (step.fixture, step.command) == (device, command):
                of_each = plant.products if "$product" in step.args else ("",)
                found |= {
                    tuple(product if arg == "$product" else arg for arg in step.args)
                    for product in of_each
                }
    return [list(args) for args in sorted(found)]


@router.post(
    "/cells/{cell}/devices/{device}/commands",
    response_model=shapes.OperateAnswer,
    responses=_CHANGE,
)
def command(
    gateway: Served,
    caller: Maintainer,
    cell: CellName,
    device: DeviceName,
    wanted: DeviceCommandWanted,
) -> Response:
    """Give a device a command in manual mode; answers once it is carried out, or says why not.

    A refusal with `drops` is for one reason alone: a part might fall. Whoever means that asks again
    with `drop`. What takes longer than 10 s is asked for by its name.
    """
    _device(gateway, cell, device)
    found = gateway.link.operate(
        cell,
        "begin",
        wanted.request,
        device=device,
        command=wanted.command,
        args=wanted.args,
        drop=wanted.drop,
        asked_by=caller.who,
    )
    deadline_s = time.monotonic() + _ENDED_WITHIN_S
    while found.phase != "ended" and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
        found = gateway.link.operate(cell, "look", wanted.request)
    return _answer(wanted.request, found)


@router.get(
    "/cells/{cell}/devices/{device}/commands/{request_name}",
    response_model=shapes.OperateAnswer,
    responses=_CHANGE,
)
def look(
    gateway: Served,
    caller: Maintainer,
    cell: CellName,
    device: DeviceName,
    request_name: RequestName,
) -> Response:
    """What has become of a command that was given by hand."""
    del caller
    _device(gateway, cell, device)
    return _answer(request_name, gateway.link.operate(cell, "look", request_name))


def _device(gateway: Gateway, cell: str, device: str) -> None:
    known = gateway.cell(cell).fixtures
    if device not in known:
        listed = ", ".join(known)
        raise Problem("not-found", f"{cell} has no device {device[:40]!r}; it has: {listed}")


def _answer(request: str, found: OperateResult) -> Response:
    if not found.success:
        raise Problem("refused", found.message, drops=found.drops)
    view: shapes.OperateAnswer = {
        "request": request,
        "phase": found.phase,
        "message": found.message,
        "readings": found.readings,
    }
    return json_response(view)
