"""What is drawn of a cell, and the steps of its programs."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
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
MOST_MESHES: Final = 1000
"""Of one arm: those of the next are counted from here on."""


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


def _drawings(gateway: Gateway, name: str) -> dict[str, ArmDrawing]:
    """The arms of a cell by name."""
    at, found = f"{API}/cells/{name}/meshes", {}
    for number, (arm, model) in enumerate(gateway.cell(name).arms.items()):
        key = (str(model.urdf), f"{at}/{number}")
        if key not in _arms:
            _arms[key] = draw_arm(model, at, number * MOST_MESHES)
        found[arm] = _arms[key]
    return found


@router.get("/cells/{cell}/scene", response_model=shapes.Scene, responses=_READ)
def scene(gateway: Served, caller: Viewer, cell: CellName) -> Response:
    """What is drawn of a cell."""
    del caller
    arms = _drawings(gateway, cell)
    at = f"{API}/cells/{cell}"
    return json_response(scene_of(gateway.plant, cell, gateway.cell(cell), arms, at))


@router.get(
    "/cells/{cell}/urdf",
    response_class=Response,
    responses={**_READ, 200: {"content": {"application/xml": {}}, "description": "URDF"}},
)
def urdf(
    gateway: Served,
    caller: Viewer,
    cell: CellName,
    arm: Annotated[str | None, Query(max_length=48)] = None,
) -> Response:
    """An arm of the cell as URDF, the first unless one is named; its meshes are files here."""
    del caller
    arms = _drawings(gateway, cell)
    name = next(iter(arms)) if arm is None else arm
    if name not in arms:
        raise Problem("not-found", f"{cell} has no arm {name!r}; it has: {', '.join(arms)}")
    return Response(arms[name].urdf, media_type="application/xml")


@router.get(
    "/cells/{cell}/meshes/{name}",
    response_class=Response,
    responses={**_READ, 200: {"content": {"application/octet-stream": {}}, "description": "mesh"}},
)
def mesh(
    gateway: Served, caller: Viewer, cell: CellName, name: Annotated[str, Path(max_length=16)]
) -> Response:
    """A mesh of an arm of the cell, by the name that its URDF gives it here."""
    del caller
    drawings = _drawings(gateway, cell).values()
    file = next((one.meshes[name] for one in drawings if name in one.meshes), None)
    if file is None:
        raise Problem("not-found", f"no arm of {cell} has a mesh {name!r}")
    return Response(file.read_bytes(), media_type="application/octet-stream")
