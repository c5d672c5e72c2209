"""Faults of simulated devices; a real plant has none to give."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from robot_cell.client import PlantNotReachable
from robot_cell.gateway import shapes
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import Gateway, Maintainer, Served, json_response
from robot_cell.model.device_fault import ALL_VERBS

router: Final = APIRouter(tags=["plant"])
CellName = Annotated[str, Path(max_length=48)]
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)


class FaultWanted(BaseModel):
    """A fault of a simulated device; `ok` takes it away."""

    model_config = ConfigDict(extra="forbid")
    device: str = Field(max_length=48)
    verb: str = Field(pattern=f"^({'|'.join(ALL_VERBS)})$")
    amount: float | None = Field(default=None, ge=-1e6, le=1e6)
    for_s: float = Field(default=0.0, ge=0.0, le=1e6)


@router.get("/cells/{cell}/faults", response_model=shapes.Faults, responses=_CHANGE)
def faults(gateway: Served, caller: Maintainer, cell: CellName) -> Response:
    """Faults of the cell's simulated devices."""
    return _fault(gateway, cell, "", "", caller.who)


@router.post("/cells/{cell}/faults", response_model=shapes.Faults, responses=_CHANGE)
def put_fault(gateway: Served, caller: Maintainer, cell: CellName, wanted: FaultWanted) -> Response:
    """Make a simulated device fail; a real plant has no such route."""
    gateway.cell(cell)
    _check_simulated(gateway)
    asked = gateway.journal.command(
        caller.who,
        f"fault {wanted.verb}",
        f"{cell}/{wanted.device}",
        gateway.at_ns(),
        {"amount": wanted.amount, "for_s": wanted.for_s},
    )
    try:
        return _fault(
            gateway,
            cell,
            wanted.device,
            wanted.verb,
            caller.who,
            amount=wanted.amount,
            for_s=wanted.for_s,
        )
    finally:
        gateway.journal.command_outcome(asked, "answered", gateway.at_ns())


def _check_simulated(gateway: Gateway) -> None:
    if not gateway.simulated:
        raise Problem("not-found", "this plant is real: only simulated devices can be made to fail")


def _fault(
    gateway: Gateway,
    cell: str,
    device: str,
    verb: str,
    who: str,
    amount: float | None = None,
    for_s: float = 0.0,
) -> Response:
    gateway.cell(cell)
    _check_simulated(gateway)
    try:
        answer = gateway.link.fault(cell, device, verb, amount=amount, for_s=for_s, asked_by=who)
    except PlantNotReachable as error:
        raise Problem("plant-unreachable", str(error)) from error
    if not answer.success and device:
        raise Problem("refused", answer.message)
    view: shapes.Faults = {
        "accepted": answer.success,
        "message": answer.message,
        "devices": answer.devices,
        "verbs": list(ALL_VERBS),
    }
    return json_response(view)
