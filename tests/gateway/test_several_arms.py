"""A cell with two arms as the gateway shows it: a URDF, a base and joints for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from robot_cell.client.motion_feed import JointsView
from robot_cell.gateway.scene import draw_arm, scene_of
from robot_cell.gateway.sparkplug.told import joint_values
from robot_cell.model import Plant, load_plant

EXAMPLE = Path(__file__).parents[2] / "examples" / "handover_plant.yaml"
AT = "/api/v1/cells/transfer"


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(EXAMPLE)


def test_both_arms_are_drawn_where_they_stand(plant: Plant) -> None:
    cell = plant.cells["transfer"]
    drawings = {
        name: draw_arm(arm, f"{AT}/meshes", 1000 * number)
        for number, (name, arm) in enumerate(cell.arms.items())
    }
    scene = scene_of(plant, "transfer", cell, drawings, AT)
    left, right = scene["arms"]
    assert [one["positions"] for one in scene["arms"]] == ["transfer/left", "transfer/right"]
    assert [one["urdf"] for one in scene["arms"]] == [f"{AT}/urdf?arm=left", f"{AT}/urdf?arm=right"]
    assert left["base"]["xyz_m"] == [0.0, 0.0, 0.0]
    assert right["base"]["xyz_m"] == [1.35, 0.0, 0.0]
    assert right["base"]["quaternion"] == pytest.approx([0.0, 0.0, 1.0, 0.0])
    assert len(left["joints"]) == len(right["home"]) == 6
    assert scene["urdf"] == left["urdf"]
    names = [name for drawing in drawings.values() for name in drawing.meshes]
    assert len(names) == len(set(names))


def test_one_arm_is_told_as_it_always_was(plant: Plant) -> None:
    housing = load_plant(EXAMPLE.with_name("housing_plant.yaml"))
    cell = housing.cells["cell_a"]
    scene = scene_of(housing, "cell_a", cell, {"arm": draw_arm(cell.arm, "/m")}, "/at")
    (arm,) = scene["arms"]
    assert (arm["positions"], arm["urdf"]) == ("cell_a", "/at/urdf")


def test_metrics_say_whose_joint_it_is(plant: Plant) -> None:
    def joints() -> Mapping[str, JointsView]:
        return {"transfer/right": JointsView(("joint_1",), (0.5,), 0)}

    gateway: Any = SimpleNamespace(plant=plant, link=SimpleNamespace(joints=joints))
    assert joint_values(gateway, "transfer") == {"Joints/right/joint_1/Position": 0.5}
