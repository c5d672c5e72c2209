"""Arms, poses and scenes that the tests of kinematics and motion share."""

from functools import cache
from pathlib import Path

import numpy as np

from planners.arrays import Array
from planners.kinematics import Body, Box, CollisionScene, Cylinder, Robot

URDF = Path(__file__).parents[2] / "urdf"
ARMS = ("kuka_kr6_r900", "ur10e")
TOOL_LENGTH_M = 0.15
HOME = {
    "kuka_kr6_r900": np.array([0.0, -1.57, 1.57, 0.0, 0.9, 0.0]),
    "ur10e": np.array([0.0, -1.57, 1.57, -1.57, -1.57, 0.0]),
}
DOWN = np.diag([1.0, -1.0, -1.0])
SCALE = {"kuka_kr6_r900": 1.0, "ur10e": 1.4}


def at(x: float, y: float, z: float, rotation: Array | None = None) -> Array:
    transform = np.eye(4)
    transform[:3, 3] = x, y, z
    if rotation is not None:
        transform[:3, :3] = rotation
    return transform


@cache
def arm(name: str) -> Robot:
    return Robot.from_urdf(
        URDF / f"{name}.urdf.xacro",
        transform_flange_tool=at(0.0, 0.0, TOOL_LENGTH_M),
        tool_mass_kg=1.0,
    )


def table(name: str) -> Body:
    f = SCALE[name]
    return Body("table", Box((1.2 * f, 1.6 * f, 0.04)), at(0.3, 0.0, -0.03))


def post(name: str) -> Body:
    f = SCALE[name]
    return Body("post", Box((0.1, 0.1, 0.8)), at(0.52 * f, 0.22 * f, 0.4))


@cache
def scene(name: str, *, with_post: bool = False) -> CollisionScene:
    obstacles = [table(name)] + ([post(name)] if with_post else [])
    gripper = Body("gripper", Cylinder(0.035, 0.11), at(0.0, 0.0, 0.06))
    return CollisionScene(arm(name), obstacles=obstacles, tool=[gripper])
