"""The solids of a scene as arrays for the bounds, and as coal's shapes for exact distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import (
    Box,
    Cylinder,
    Hull,
    Mesh,
    MeshFile,
    Shape,
    Sphere,
    bounding_radius,
)

WORLD: Final = 0
"""Link number of what stands still: the arm's base and its surroundings."""

_KINDS: Final[dict[type, int]] = {Box: 0, Cylinder: 1, Sphere: 2}
_HULL: Final = 3
"""As `support.py` numbers them, which is not read here: it loads the compiler."""


@dataclass(frozen=True, eq=False)
class Solid:
    """A shape fixed to a link (0: base and surroundings).

    Attributes:
        body: its name in reports. link: number of the link that carries it.
        geometry: coal's shape.
        transform_link_shape: (4, 4) the middle of its bounding box in the link's frame.
        half_extents: (3,) of that box. radius: of the sphere around its middle.
        kind: how the compiled bounds see it (`support.py`); points: (k, 3) of a hull, else none.
    """

    body: str
    link: int
    geometry: Any
    transform_link_shape: Array
    half_extents: Array
    radius: float
    kind: int
    points: Array


@dataclass(frozen=True, eq=False)
class Pairs:
    """Solids, which of them are compared, and how near each pair may come.

    Attributes:
        solids: all of them.
        link: (s,) link numbers. local: (s, 3, 4) poses in the links' frames, turned so that the
            joint's axis is z. half: (s, 3). radius: (s,). kind: (s,).
        points: (m, 3) of all hulls; solid k's are from first[k] to first[k + 1].
        reach: (s, n) how far (m) any point of the solid can be from each joint that moves it.
        pairs: (p, 2) indices. margin_m: (p,).
        still: (s, 3, 4) poses of the solids that stand still; the others' are to be filled in.
    """

    solids: tuple[Solid, ...]
    link: NDArray[np.int64]
    local: Array
    half: Array
    radius: Array
    kind: NDArray[np.int64]
    first: NDArray[np.int64]
    points: Array
    reach: Array
    pairs: NDArray[np.int64]
    margin_m: Array
    still: Array


def indexed(
    robot: Robot, solids: Sequence[Solid], pairs: Sequence[tuple[int, int]], margin_m: float
) -> Pairs:
    """Arrays for the compiled bounds."""
    local = np.empty((len(solids), 3, 4))
    for k, solid in enumerate(solids):
        local[k] = solid.transform_link_shape[:3]
        if solid.link != WORLD:
            local[k] = robot.model.align[solid.link - 1].T @ local[k]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    counts = [len(solid.points) for solid in solids]
    return Pairs(
        solids=tuple(solids),
        link=np.array([solid.link for solid in solids], dtype=np.int64),
        local=local,
        half=np.array([solid.half_extents for solid in solids]).reshape(-1, 3),
        radius=np.array([solid.radius for solid in solids]),
        kind=np.array([solid.kind for solid in solids], dtype=np.int64),
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        points=np.vstack([np.zeros((0, 3)), *(solid.points for solid in solids)]),
        reach=_reach(robot, solids),
        pairs=table,
        margin_m=np.full(len(table), margin_m),
        still=local.copy(),
    )


def joined(pairs: Pairs, more: Pairs, between: Sequence[tuple[int, int]], margin_m: float) -> Pairs:
    """All solids of both, with the first's pairs and those `between`."""
    table = np.array(between, dtype=np.int64).reshape(-1, 2)
    both = {
        name: np.concatenate([getattr(pairs, name), getattr(more, name)])
        for name in ("link", "local", "half", "radius", "kind", "points", "reach", "still")
    }
    return Pairs(
        solids=pairs.solids + more.solids,
        first=np.concatenate([pairs.first, pairs.first[-1] + more.first[1:]]),
        pairs=np.concatenate([pairs.pairs, table]),
        margin_m=np.concatenate([pairs.margin_m, np.full(len(table), margin_m)]),
        **both,
    )


def _reach(robot: Robot, solids: Sequence[Solid]) -> Array:
    origins = robot.link_poses(np.zeros(robot.dof))[0, 1:, :3, 3]
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(origins, axis=0), axis=1))])
    reach = np.zeros((len(solids), robot.dof))
    for k, one in enumerate(solids):
        if one.link != WORLD:
            beyond = float(np.linalg.norm(one.transform_link_shape[:3, 3])) + one.radius
            reach[k, : one.link] = along[one.link - 1] - along[: one.link] + beyond
    return reach


def solid(body: str, link: int, shape: Shape | MeshFile, transform: Array) -> Solid:
    """A shape at `transform` (4, 4) in the frame of a link.

    Raises:
        ValueError: a mesh cannot be read.
    """
    if isinstance(shape, MeshFile):
        shape = shape.hull()
    if isinstance(shape, Hull | Mesh):
        # A shape's bounds count from its origin, so that is put in the middle of its points.
        low, high = shape.points_m.min(axis=0), shape.points_m.max(axis=0)
        middle = np.eye(4)
        middle[:3, 3] = (low + high) / 2
        points = shape.points_m - middle[:3, 3]
        transform = transform @ middle
        shape = Hull(points) if isinstance(shape, Hull) else Mesh(points, shape.triangles)
    half = np.array(shape.half_extents_m)
    geometry = _geometry(shape)
    kind, points = _KINDS.get(type(shape), _HULL), np.zeros((0, 3))
    if isinstance(shape, Hull | Mesh):
        # A surface that is not convex is no nearer to anything than its hull is.
        hull = geometry if isinstance(shape, Hull) else _geometry(Hull(shape.points_m))
        points = np.array([hull.point(k) for k in range(hull.num_points)])
    return Solid(body, link, geometry, transform, half, bounding_radius(shape), kind, points)


def _geometry(shape: Shape) -> Any:
    import coal  # 0.2 s; who only reads items or trajectories does without it

    if isinstance(shape, Box):
        return coal.Box(*shape.size_m)
    if isinstance(shape, Cylinder):
        return coal.Cylinder(shape.radius_m, shape.length_m)
    if isinstance(shape, Sphere):
        return coal.Sphere(shape.radius_m)
    points = coal.StdVec_Vec3s()
    for point in shape.points_m:
        points.append(point)
    if isinstance(shape, Hull):
        return coal.Convex.convexHull(points, True, None)
    triangles = coal.StdVec_Triangle()
    for a, b, c in shape.triangles.tolist():
        triangles.append(coal.Triangle(a, b, c))
    model = coal.BVHModelOBBRSS()
    model.beginModel(len(triangles), len(points))
    model.addSubModel(points, triangles)
    model.endModel()
    return model
