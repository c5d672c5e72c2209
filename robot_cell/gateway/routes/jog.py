"""Moving an arm by hand: a step, or for as long as the asker renews its press."""

from __future__ import annotations

import math
import time
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from robot_cell.client import JogResult
from robot_cell.gateway import shapes
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import Gateway, Maintainer, Served, json_response
from robot_cell.model.jog import LONGEST_STEP_DEG, LONGEST_STEP_MM, RENEWED_WITHIN_S, TOOL_AXES

router: Final = APIRouter(tags=["jog"])
CellName = Annotated[str, Path(max_length=48)]
PressName = Annotated[str, Path(pattern="^[0-9a-zA-Z_-]{8,64}$")]
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)
_PLANNED_WITHIN_S: Final = 10.0
_LOOK_S: Final = 0.02


class JogWanted(BaseModel):
    """A move by hand: a `direction` while it is renewed, or a step; one of the three.

    Attributes:
        press: a name of the asker's own for this press, new for each.
        axis: a joint, or x, y or z: the tool along that axis of the arm's base.
    """

    model_config = ConfigDict(extra="forbid")
    press: str = Field(pattern="^[0-9a-zA-Z_-]{8,64}$")
    axis: str = Field(min_length=1, max_length=48)
    direction: Literal["+", "-"] | None = None
    step_deg: float | None = Field(default=None, ge=-LONGEST_STEP_DEG, le=LONGEST_STEP_DEG)
    step_mm: float | None = Field(default=None, ge=-LONGEST_STEP_MM, le=LONGEST_STEP_MM)
    arm: str = Field(default="", max_length=48)

    @model_validator(mode="after")
    def _one_of_three(self) -> JogWanted:
        given = [self.direction, self.step_deg, self.step_mm]
        if sum(one is not None for one in given) != 1:
            raise ValueError("give one of direction, step_deg and step_mm")
        if (self.step_mm is not None) > (self.axis in TOOL_AXES):
            raise ValueError("step_mm is for x, y and z; a joint's step is step_deg")
        if (self.step_deg is not None) and self.axis in TOOL_AXES:
            raise ValueError("step_deg is for joints; a step along x, y or z is step_mm")
        return self

    @property
    def amount(self) -> float:
        """Signed: a step in rad or m, or a direction."""
        if self.step_deg is not None:
            return math.radians(self.step_deg)
        if self.step_mm is not None:
            return self.step_mm / 1e3
        return 1.0 if self.direction == "+" else -1.0


@router.post("/cells/{cell}/jog", response_model=shapes.JogAnswer, responses=_CHANGE)
def start(gateway: Served, caller: Maintainer, cell: CellName, wanted: JogWanted) -> Response:
    """Begin to move an arm by hand; answers once it moves, or says what forbids it."""
    gateway.cell(cell)
    found = gateway.link.jog(
        cell,
        "start",
        wanted.press,
        axis=wanted.axis,
        amount=wanted.amount,
        held=wanted.direction is not None,
        arm=wanted.arm,
        asked_by=caller.who,
    )
    deadline_s = time.monotonic() + _PLANNED_WITHIN_S
    while found.success and found.phase == "planning" and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
        found = gateway.link.jog(cell, "look", wanted.press)
    return _answer(wanted.press, found)


@router.get("/cells/{cell}/jog/{press}", response_model=shapes.JogAnswer, responses=_CHANGE)
def look(gateway: Served, caller: Maintainer, cell: CellName, press: PressName) -> Response:
    """What has become of a press."""
    del caller
    return _asked(gateway, cell, "look", press)


@router.put(
    "/cells/{cell}/jog/{press}",
    response_model=shapes.JogAnswer,
    responses=_CHANGE,
    description=f"The button is still held; {RENEWED_WITHIN_S:g} s without this stop the arm.",
)
def renew(
    request: Request, gateway: Served, caller: Maintainer, cell: CellName, press: PressName
) -> Response:
    """Let a move that is held to run go on."""
    del caller
    request.scope["again"] = True  # ten times a second: no line in the log for each
    return _asked(gateway, cell, "renew", press)


@router.delete("/cells/{cell}/jog/{press}", response_model=shapes.JogAnswer, responses=_CHANGE)
def end(gateway: Served, caller: Maintainer, cell: CellName, press: PressName) -> Response:
    """The button was let go: the arm stops on its path."""
    del caller
    return _asked(gateway, cell, "end", press)


def _asked(gateway: Gateway, cell: str, what: str, press: str) -> Response:
    gateway.cell(cell)
    return _answer(press, gateway.link.jog(cell, what, press))


def _answer(press: str, found: JogResult) -> Response:
    if not found.success:
        raise Problem("refused", found.message)
    view: shapes.JogAnswer = {"press": press, "phase": found.phase, "message": found.message}
    return json_response(view)
