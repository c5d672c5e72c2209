"""What is drawn of a cell."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.cells import FixtureView
from robot_cell.gateway.shapes.vector import Vector


class Placed(TypedDict):
    """A pose in the frame of the arm's base; the quaternion is x, y, z, w."""

    xyz_m: Vector
    quaternion: Vector


class ToolView(TypedDict):
    """The tool: its TCP in the flange's frame, and its hull."""

    tcp: Placed
    size_m: Vector


class Obstacle(TypedDict):
    """A box that stands in the cell."""

    name: str
    size_m: Vector
    pose: Placed


class PartView(TypedDict):
    """A product's part: a box."""

    size_m: Vector


class SceneArm(TypedDict):
    """An arm that is drawn; `positions` is its key among the joints of a live tick."""

    name: str
    positions: str
    urdf: str
    joints: list[str]
    base_link: str
    flange: str
    home: Vector
    base: Placed
    tool: ToolView


class Scene(TypedDict):
    """What is drawn of a cell; what is said of one arm is said of the first."""

    cell: str
    arms: list[SceneArm]
    urdf: str
    joints: list[str]
    base_link: str
    flange: str
    home: Vector
    tool: ToolView
    frames: dict[str, Placed]
    obstacles: list[Obstacle]
    fixtures: list[FixtureView]
    parts: dict[str, PartView]
