"""The arms of a cell as the planner sees them, each in its surroundings.

What moves is one arm; the others stand, and with the parts that they hold they are obstacles like
any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from robot_cell.model import Cell, JointPose
from robot_cell.programs.geometry import (
    Array,
    cell_to_base,
    joints_rad,
    transform,
    transform_cell_base,
    transform_flange_tcp,
)

if TYPE_CHECKING:
    from planners.kinematics import Body, PartShape, Robot
    from planners.kinematics.collision import CollisionScene

TOOL: Final = "tool"

_MARGIN_M: Final = 0.005
"""Of `CollisionScene`: a tool that comes nearer to the part it grips reaches over it."""


@dataclass(frozen=True, eq=False)
class Stands:
    """An arm that stands: joint positions (n,) in rad, and the part in its gripper."""

    q: Array
    part: PartShape | None = None


class CellArms:
    """The kinematic models of a cell's arms with their tools; each is read once."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._robots: dict[str, Robot] = {}
        self._links: dict[str, tuple[Body, ...]] = {}

    def robot(self, arm: str) -> Robot:
        """An arm with its tool; its poses are in its own base frame."""
        from planners.kinematics import Robot

        if arm not in self._robots:
            model = self.cell.arms[arm]
            self._robots[arm] = Robot.from_urdf(
                model.urdf,
                transform_flange_tool=transform_flange_tcp(model),
                tool_mass_kg=model.tool.mass_kg,
                transform_world_base=transform_cell_base(model),
            )
        return self._robots[arm]

    def home(self, arm: str) -> Array:
        """Joint positions (n,) in rad where an arm's programs begin and end."""
        pose = self.cell.poses[self.cell.arms[arm].home]
        assert isinstance(pose, JointPose)  # the plant file was checked
        return joints_rad(pose)

    def tcp(self, arm: str, q: Array) -> Array:
        """Pose (4, 4) of an arm's TCP in the cell's frame."""
        pose: Array = transform_cell_base(self.cell.arms[arm]) @ self.robot(arm).forward(q)
        return pose

    def scene(
        self, arm: str, others: Mapping[str, Stands], takes_from: Collection[str] = ()
    ) -> CollisionScene:
        """An arm, and what it must not touch.

        Args:
            arm: which one moves.
            others: how the cell's other arms stand.
            takes_from: those of them whose part this arm goes to take, or has just handed over: a
                tool that reaches over what it grips may touch that.
        """
        from planners.kinematics import Body, Box
        from planners.kinematics.collision import CollisionScene

        model = self.cell.arms[arm]
        obstacles = [
            Body(
                box.name,
                Box(box.size_m),
                cell_to_base(model, transform(box.xyz_m, (0.0, 0.0, box.yaw_deg))),
            )
            for box in self.cell.obstacles
        ]
        for other, stands in others.items():
            obstacles += self._standing(arm, other, stands)
        size = model.tool.size_m
        hull = Body(TOOL, Box(size), transform((0.0, 0.0, size[2] / 2), (0.0,) * 3))
        gripped = []
        for other in takes_from:
            part = others[other].part
            if part is not None and self._reaches_over(arm, part):
                gripped.append((TOOL, part_of(other)))
        return CollisionScene(
            self.robot(arm), obstacles=obstacles, tool=[hull], unchecked=tuple(gripped)
        )

    def _reaches_over(self, arm: str, part: PartShape) -> bool:
        """Whether an arm's tool comes nearer to the part that it grips than arms may come."""
        tool = self.cell.arms[arm].tool
        return bool(tool.tcp_xyz_m[2] - max(part.size_m) / 2 - tool.size_m[2] < _MARGIN_M)

    def _standing(self, arm: str, other: str, stands: Stands) -> list[Body]:
        """The bodies of an arm that stands, in the base frame of another one."""
        from planners.kinematics import Body, Box

        robot, tool = self.robot(other), self.cell.arms[other].tool
        at = cell_to_base(self.cell.arms[arm], transform_cell_base(self.cell.arms[other]))
        links = robot.link_poses(np.asarray(stands.q, dtype=float))[0]
        flange = links[-1] @ robot.description.transform_last_tool0
        bodies = [
            Body(body.name, body.shape, at @ links[shape.link_index] @ shape.transform_link_shape)
            for body, shape in zip(self._shapes(other), robot.description.shapes, strict=True)
        ]
        middle = transform((0.0, 0.0, tool.size_m[2] / 2), (0.0,) * 3)
        bodies.append(Body(f"tool of {other}", Box(tool.size_m), at @ flange @ middle))
        if stands.part is not None:
            held = flange @ robot.transform_flange_tool @ stands.part.transform_tool_part
            bodies.append(Body(part_of(other), Box(stands.part.size_m), at @ held))
        return bodies

    def _shapes(self, arm: str) -> tuple[Body, ...]:
        """The collision shapes of an arm's links with names of their own; meshes are read once."""
        from planners.kinematics import Body
        from planners.kinematics.shapes import MeshFile

        if arm not in self._links:
            bodies: list[Body] = []
            for number, one in enumerate(self.robot(arm).description.shapes):
                shape = one.shape.hull() if isinstance(one.shape, MeshFile) else one.shape
                bodies.append(Body(f"{one.link} of {arm} ({number})", shape))
            self._links[arm] = tuple(bodies)
        return self._links[arm]


def part_of(arm: str) -> str:
    """What a report calls the part that a standing arm holds."""
    return f"part of {arm}"


def robot_and_scene(cell: Cell) -> tuple[Robot, CollisionScene]:
    """The model of the arm of a cell that has one, and what it must not touch."""
    arms = CellArms(cell)
    (arm,) = cell.arms
    return arms.robot(arm), arms.scene(arm, {})


def tool_points(
    cell: Cell, measured_rad: Mapping[str, Sequence[float]]
) -> dict[str, tuple[float, float, float]]:
    """The tool centre point of each arm, m in the cell's frame, from its joints (n,) in rad."""
    arms = CellArms(cell)
    found = {}
    for name, q in measured_rad.items():
        x, y, z = arms.tcp(name, np.asarray(q, dtype=float))[:3, 3]
        found[name] = (float(x), float(y), float(z))
    return found
