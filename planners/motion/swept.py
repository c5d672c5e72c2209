"""Which zones of the cell an arm's motion passes through, and when: what it has to reserve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.shapes import (
    Body,
    Box,
    Cylinder,
    MeshFile,
    PartShape,
    Shape,
    bounding_radius,
)
from planners.motion.trajectory import Trajectory

_SAMPLE_S: Final = 0.02
_MOST_BALLS: Final = 8


@dataclass(frozen=True)
class Visit:
    """A stay in one zone: from `enter_s` to `leave_s`, seconds from the start of the motion."""

    zone: str
    enter_s: float
    leave_s: float


def visits(
    scene: CollisionScene,
    trajectory: Trajectory,
    zones: Sequence[Body],
    attached: PartShape | None = None,
) -> tuple[Visit, ...]:
    """The zones that an arm, its tool or its part may touch on the way, in order of entry.

    Zones are boxes in the arm's base frame. Shapes are covered by balls, so a stay may be reported
    that is none, but none is missed: between samples by how far the arm moves there.
    """
    times = np.append(np.arange(0.0, trajectory.duration_s, _SAMPLE_S), trajectory.duration_s)
    q = trajectory.sample(times).positions
    centres, radii = _balls(scene, q, attached)
    moved = np.append(scene.displacement(q, attached), 0.0)
    reach = np.maximum(moved, np.append(0.0, moved[:-1]))[:, None] + radii + scene.margin_m
    found: list[Visit] = []
    for zone in zones:
        if not isinstance(zone.shape, Box):
            raise ValueError(f"zone {zone.name!r} is no box")
        half = np.array(zone.shape.half_extents_m)
        local = (centres - zone.transform[:3, 3]) @ zone.transform[:3, :3]
        outside = np.linalg.norm(np.maximum(np.abs(local) - half, 0.0), axis=-1)
        inside = (outside < reach).any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
        for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
            enter = times[max(first - 1, 0)]
            leave = times[min(last + 1, len(times) - 1)]
            found.append(Visit(zone.name, float(enter), float(leave)))
    return tuple(sorted(found, key=lambda visit: (visit.enter_s, visit.zone)))


def _balls(scene: CollisionScene, q: Array, attached: PartShape | None) -> tuple[Array, Array]:
    """Centres (k, b, 3) in the base and radii (b,) of balls that cover all that moves."""
    robot = scene.robot
    links = robot.link_poses(q)
    tool0 = robot.forward(q) @ np.linalg.inv(robot.transform_flange_tool)
    bodies = [
        (links[:, shape.link_index], shape.transform_link_shape, shape.shape)
        for shape in robot.description.shapes
        if shape.link_index
    ]
    bodies += [(tool0, body.transform, body.shape) for body in scene.tool]
    if attached is not None:
        bodies.append((robot.forward(q), attached.transform_tool_part, Box(attached.size_m)))
    centres, radii = [], []
    for frames, transform, shape in bodies:
        points, radius = _covering(shape)
        local = points @ transform[:3, :3].T + transform[:3, 3]
        centres.append(local @ np.swapaxes(frames[:, :3, :3], -1, -2) + frames[:, None, :3, 3])
        radii.append(np.full(len(points), radius))
    return np.concatenate(centres, axis=1), np.concatenate(radii)


def _covering(shape: Shape | MeshFile) -> tuple[Array, float]:
    """Centres (b, 3) along the shape's longest axis, and the one radius that covers it."""
    if isinstance(shape, MeshFile):
        shape = shape.hull()
    half = np.array(shape.half_extents_m)
    axis = 2 if isinstance(shape, Cylinder) else int(half.argmax())
    if isinstance(shape, Box):
        across = float(np.linalg.norm(np.delete(half, axis)))
    elif isinstance(shape, Cylinder):
        across = shape.radius_m
    else:
        return np.zeros((1, 3)), bounding_radius(shape)
    count = int(np.clip(np.ceil(half[axis] / max(across, 1e-6)), 1, _MOST_BALLS))
    step = half[axis] / count
    points = np.zeros((count, 3))
    points[:, axis] = -half[axis] + step * (2 * np.arange(count) + 1)
    return points, float(np.hypot(across, step))
