"""What is drawn of a cell, and the steps of its programs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response

from robot_cell.gateway import shapes
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.scene import ArmDrawing, draw_arm, scene_of
from robot_cell.gateway.service import API, Gateway, Served, Viewer, json_response
from robot_cell.gateway.views import program_steps

router: Final = APIRouter(tags=["plant"])
CellName = Annotated[str, Path(max_length=48)]
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
_arms: dict[tuple[str, str], ArmDrawing] = {}


@router.get("/cells/{cell}/programs/{program}", response_model=shapes.ProgramView, responses=_READ)
async def program_(
    gateway: Served, caller: Viewer, cell: CellName, program: Annotated[str, Path(max_length=48)]
) -> Response:
    """A program of a cell."""
    del caller
    model = gateway.cell(cell).programs.get(program)
    if model is None:
        raise Problem("not-found", f"{cell} has no program {program!r}")
    view: shapes.ProgramView = {
        "name": program,
        "description": model.description,
        "repeatable": model.repeatable,
        "steps": program_steps(model, {}, None),
    }
    return json_response(view)


def _arm(gateway: Gateway, name: str) -> ArmDrawing:
    cell = gateway.cell(name)
    at = f"{API}/cells/{name}/meshes"
    key = (str(cell.arm.urdf), at)
    if key not in _arms:
        _arms[key] = draw_arm(cell, at)
    return _arms[key]


@router.get("/cells/{cell}/scene", response_model=shapes.Scene, responses=_READ)
def scene(gateway: Served, caller: Viewer, cell: CellName) -> Response:
    """What is drawn of a cell."""
    del caller
    arm = _arm(gateway, cell)
    at = f"{API}/cells/{cell}"
    return json_response(scene_of(gateway.plant, cell, gateway.cell(cell), arm, at))


@router.get(
    "/cells/{cell}/urdf",
    response_class=Response,
    responses={**_READ, 200: {"content": {"application/xml": {}}, "description": "URDF"}},
)
def urdf(gateway: Served, caller: Viewer, cell: CellName) -> Response:
    """The cell's arm as URDF; its meshes are files of this gateway."""
    del caller
    return Response(_arm(gateway, cell).urdf, media_type="application/xml")


@router.get(
    "/cells/{cell}/meshes/{name}",
    response_class=Response,
    responses={**_READ, 200: {"content": {"application/octet-stream": {}}, "description": "mesh"}},
)
def mesh(
    gateway: Served, caller: Viewer, cell: CellName, name: Annotated[str, Path(max_length=16)]
) -> Response:
    """A mesh of the cell's arm, by the name that its URDF gives it here."""
    del caller
    file = _arm(gateway, cell).meshes.get(name)
    if file is None:
        raise Problem("not-found", f"the arm of {cell} has no mesh {name!r}")
    return Response(file.read_bytes(), media_type="application/octet-stream")
