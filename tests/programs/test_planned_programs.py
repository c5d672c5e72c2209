"""Programs of the plant file as planned motion: corners, arcs, a part's mass, the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_cell.model import Plant, load_plant
from robot_cell.model.program import MoveStep
from robot_cell.programs import ProgramKey, map_tasks, plan_program
from robot_cell.programs.arms import CellArms


@pytest.fixture(scope="module")
def plant(pytestconfig: pytest.Config) -> Plant:
    """The example with its real arms."""
    return load_plant(pytestconfig.rootpath / "examples/housing_plant.yaml")


def with_steps(plant: Plant, steps: list[dict[str, object]]) -> Plant:
    """The example whose cell_b packs in another way."""
    content = plant.model_dump(mode="json")
    content["cells"]["cell_b"]["programs"]["pack_s"]["steps"] = steps
    for name, cell in content["cells"].items():
        cell["arm"]["urdf"] = str(plant.cells[name].arm.urdf)
    return Plant.model_validate(content)


def over(**more: object) -> dict[str, object]:
    return {"move": "ptp", "to": "infeed_s", "above_m": 0.12, **more}


def test_a_blended_corner_saves_a_stop_and_belongs_to_the_first_step(plant: Plant) -> None:
    planner = CellArms(plant.cells["cell_b"])
    cycles = []
    for corner in ({}, {"blend_m": "exact"}, {"blend_m": 0.05}):
        steps = [
            over(**corner),
            {"move": "ptp", "to": "nest_s", "above_m": 0.12},
            {"move": "ptp", "to": "home"},
        ]
        cell = with_steps(plant, steps).cells["cell_b"]
        product = plant.products["housing_s"]
        cycles.append(plan_program("cell_b", cell, "pack_s", "housing_s", product, planner=planner))
    unsaid, exact, blended = cycles
    assert unsaid.duration_s == exact.duration_s
    assert sorted(exact.motions) == [0, 1, 2]
    assert sorted(blended.motions) == [0, 2]
    assert blended.duration_s < exact.duration_s - 0.1
    chain = blended.motions[0].duration_s
    assert sum(blended.step_durations_s[:2]) == pytest.approx(chain + 0.02)
    # Where it was to stop, it is moving; and not far from there.
    corner = exact.motions[0].positions[-1]
    near = np.abs(blended.motions[0].positions - corner).max(axis=1).argmin()
    assert np.abs(blended.motions[0].velocities[near]).max() > 0.05


def test_an_arc_passes_its_pose(plant: Plant) -> None:
    steps = [
        {"move": "ptp", "to": "infeed_s", "above_m": 0.2},
        {"move": "circ", "to": "outfeed_s", "above_m": 0.2, "via": "camera_s"},
        {"move": "ptp", "to": "home"},
    ]
    cell = with_steps(plant, steps).cells["cell_b"]
    planner = CellArms(cell)
    cycle = plan_program(
        "cell_b", cell, "pack_s", "housing_s", plant.products["housing_s"], planner=planner
    )
    points = planner.robot("arm").forward(cycle.motions[1].positions)[:, :3, 3]
    assert np.linalg.norm(points - [0.6, 0.25, 0.5], axis=1).min() < 0.01
    middle = points[len(points) // 2]
    assert np.linalg.norm(np.cross(middle - points[0], points[-1] - points[0])) > 0.05


def test_every_program_is_planned_once(plant: Plant, tmp_path: Path) -> None:
    steps = [
        over(),
        {"move": "lin", "to": "camera_s", "above_m": 1.0},
        {"move": "ptp", "to": "home"},
    ]
    broken = with_steps(plant, steps)
    found = map_tasks(broken, ["housing_s"], cache_dir=tmp_path, workers=2, progress=False)
    bad = ProgramKey("cell_b", "pack_s", "housing_s")
    assert set(found.failures) == {bad}
    assert "step 2" in str(found.failures[bad])
    assert {(key.cell, key.program) for key in found.durations_s} == {
        ("cell_a", "deburr_s"),
        ("cell_a", "assemble_s"),
        ("cell_a", "pack_s"),
        ("cell_b", "assemble_s"),
    }
    assert found.planned == 4
    again = map_tasks(plant, ["housing_s"], cache_dir=tmp_path, workers=1, progress=False)
    assert again.planned == 1
    assert not again.failures
    for key, duration in found.durations_s.items():
        assert again.durations_s[key] == duration


def test_a_step_says_where_it_stops() -> None:
    assert MoveStep.model_validate({"move": "lin", "to": "a"}).blend_radius_m == 0.0
    assert (
        MoveStep.model_validate({"move": "lin", "to": "a", "blend_m": 0.02}).blend_radius_m == 0.02
    )
