"""The plant, its cells, what may be asked of them, and what is drawn of them."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from robot_cell.gateway import shapes
from robot_cell.gateway.figures import kpis_now
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import (
    Gateway,
    Maintainer,
    Operator,
    Served,
    Viewer,
    json_response,
)
from robot_cell.gateway.views import (
    command_named,
    fixtures_of,
    instant_ms,
    products_of,
    program_steps,
    step_view,
)
from robot_cell.model.packml import Command
from robot_cell.store import looks

router: Final = APIRouter(tags=["plant"])
CellName = Annotated[str, Path(max_length=48)]
_FIGURES_S: Final = 10.0
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
_CHANGE: Final = problem_responses(401, 403, 404, 409, 422, 429, 503)


class CommandWanted(BaseModel):
    """A PackML command, in any case."""

    model_config = ConfigDict(extra="forbid")
    command: str = Field(max_length=20)
    reason: str = Field(default="", max_length=200)


class ModeWanted(BaseModel):
    """A unit mode: production, maintenance or manual."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["production", "maintenance", "manual"]
    reason: str = Field(default="", max_length=200)


class OverrideWanted(BaseModel):
    """Path speed of an arm, percent of the planned one."""

    model_config = ConfigDict(extra="forbid")
    percent: float = Field(ge=0.0, le=100.0)


class VerdictWanted(BaseModel):
    """What became of an uncertain step."""

    model_config = ConfigDict(extra="forbid")
    verdict: str = Field(pattern="^(done|redo|abort)$")
    reason: str = Field(default="", max_length=200)


def _version() -> str:
    try:
        return version("robot_cell")
    except PackageNotFoundError:
        return "source"


@router.get("/plant", response_model=shapes.PlantView, responses=_READ)
async def plant(gateway: Served, caller: Viewer) -> Response:
    """The plant: its products, its cells, its time."""
    del caller
    model, mirror = gateway.plant, gateway.mirror
    view: shapes.PlantView = {
        "plant": model.plant,
        "description": model.description,
        "time_zone": model.time_zone,
        "simulated": gateway.simulated,
        "now_ms": gateway.hub.now_ms(),
        "start_ms": None if mirror.start is None else instant_ms(mirror.start),
        "boot": mirror.boot,
        "version": _version(),
        "approve_drafts": model.planning.approve_drafts,
        "confirm_ahead_s": model.planning.confirm_ahead_s,
        "connected": gateway.link.connected,
        "products": products_of(model),
        "cells": list(model.cells),
    }
    return json_response(view)


@router.get("/cells", response_model=shapes.Cells, responses=_READ)
async def cells(gateway: Served, caller: Viewer) -> Response:
    """Every cell: what it is, what it does, and what comes next."""
    del caller
    await _known_oee(gateway)
    return json_response({"items": [_cell(gateway, name) for name in gateway.plant.cells]})


@router.get("/cells/{cell}", response_model=shapes.CellView, responses=_READ)
async def cell_(gateway: Served, caller: Viewer, cell: CellName) -> Response:
    """One cell."""
    del caller
    gateway.cell(cell)
    await _known_oee(gateway)
    return json_response(_cell(gateway, cell))


def _cell(gateway: Gateway, name: str) -> shapes.CellView:
    cell, mirror = gateway.plant.cells[name], gateway.mirror
    of_cell = mirror.work.of_cell(name)
    return {
        **gateway.hub.cell(name),
        "name": name,
        "description": cell.description,
        "arm": ", ".join(arm.urdf.name.partition(".")[0] for arm in cell.arms.values()),
        "fixtures": fixtures_of(cell),
        "programs": list(cell.programs),
        "next": of_cell.next,
        "oee": gateway.figures[1].get(name),
        "done_units": of_cell.done,
        "closed": gateway.closed.ahead(gateway.hub.now_ns, mirror.start, name),
    }


async def _known_oee(gateway: Gateway) -> None:
    """See that the OEE of each cell in the last hour is not older than ten seconds."""
    made_s, made = gateway.figures
    if time.monotonic() - made_s <= _FIGURES_S:
        return
    gateway.figures = time.monotonic(), made  # one request makes it, the others go on
    if gateway.hub.now_ns is not None and gateway.mirror.start is not None:
        found = await run_in_threadpool(kpis_now, gateway)
        gateway.figures = time.monotonic(), {kpi["cell"] or "": kpi["oee"] for kpi in found}


@router.post("/cells/{cell}/commands", response_model=shapes.CommandAnswer, responses=_CHANGE)
def command(gateway: Served, caller: Operator, cell: CellName, wanted: CommandWanted) -> Response:
    """Give a cell a PackML command; the cell says whether it obeys, and the journal who asked."""
    gateway.cell(cell)
    known = command_named(wanted.command)
    if known is None:
        listed = ", ".join(one.label for one in Command)
        raise Problem(
            "invalid",
            f"there is no command {wanted.command!r}",
            problems=[{"where": "body.command", "expected": f"one of {listed}"}],
        )
    who = f"{caller.who}: {wanted.reason}" if wanted.reason else caller.who
    answer = gateway.link.command(cell, known.label, who)
    state = gateway.link.states().get(cell)
    if not answer.success:
        allowed = gateway.hub.cell(cell)["allowed"]
        raise Problem("refused", answer.message, allowed=allowed)
    return json_response(
        {
            "accepted": True,
            "message": answer.message,
            "state": state.state if state is not None else "",
        }
    )


@router.put("/cells/{cell}/mode", response_model=shapes.Answer, responses=_CHANGE)
def mode(gateway: Served, caller: Maintainer, cell: CellName, wanted: ModeWanted) -> Response:
    """Have a cell go over to another unit mode; it does so Stopped, Idle or Aborted."""
    gateway.cell(cell)
    who = f"{caller.who}: {wanted.reason}" if wanted.reason else caller.who
    answer = gateway.link.change_mode(cell, wanted.mode, who)
    if not answer.success:
        raise Problem("refused", answer.message)
    gateway.mirror.refresh()
    return json_response({"accepted": True, "message": answer.message})


@router.put("/cells/{cell}/override", response_model=shapes.Answer, responses=_CHANGE)
def override(
    gateway: Served, caller: Maintainer, cell: CellName, wanted: OverrideWanted
) -> Response:
    """Let a cell's arm go at most at that path speed from now on."""
    gateway.cell(cell)
    asked = gateway.journal.command(
        caller.who, f"override {wanted.percent:g}", cell, gateway.at_ns()
    )
    answer = gateway.link.override(cell, wanted.percent)
    outcome = "obeyed" if answer.success else answer.message
    gateway.journal.command_outcome(asked, outcome, gateway.at_ns())
    if not answer.success:
        raise Problem("refused", answer.message)
    gateway.overrides[cell] = wanted.percent
    return json_response({"accepted": True, "message": answer.message})


@router.get("/cells/{cell}/steps", response_model=shapes.CellSteps, responses=_READ)
def steps(gateway: Served, caller: Viewer, cell: CellName) -> Response:
    """The program in work with what has become of its steps, and what waits for a person."""
    del caller
    model, start = gateway.cell(cell), gateway.mirror.start
    state = gateway.link.states().get(cell)
    operation_id = state.operation_id if state is not None else ""
    record = gateway.known.record(operation_id)
    program = model.programs.get(record.program or "") if record is not None else None
    begun, product = {}, ""
    if record is not None:
        order = gateway.known.order(record.order_id)
        product = order.order.product if order is not None else ""
        begun = {
            one.step_index: one
            for one in gateway.journal.steps(operation_id)
            if one.attempt == record.attempt
        }
    uncertain = gateway.journal.look(lambda tx: looks.uncertain_steps(tx, cell))
    view: shapes.CellSteps = {
        "operation_id": operation_id,
        "program": (record.program or "") if record is not None else "",
        "steps": [] if program is None else program_steps(program, begun, start, product),
        "uncertain": [] if start is None else [step_view(one, start) for one in uncertain],
    }
    return json_response(view)


@router.post(
    "/cells/{cell}/steps/{step_id}/resolution", response_model=shapes.Answer, responses=_CHANGE
)
def resolve(
    gateway: Served,
    caller: Maintainer,
    cell: CellName,
    step_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    wanted: VerdictWanted,
) -> Response:
    """Say what became of an uncertain step of a cell that waits with it."""
    gateway.cell(cell)
    who = f"{caller.who}: {wanted.reason}" if wanted.reason else caller.who
    answer = gateway.link.resolve(cell, step_id, wanted.verdict, who)
    if not answer.success:
        raise Problem("refused", answer.message)
    return json_response({"accepted": True, "message": answer.message})
