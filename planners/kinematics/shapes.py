"""Solid shapes and where they are: the words in which tools, parts and surroundings are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array


@dataclass(frozen=True)
class Box:
    """A box around its origin; edge lengths along x, y, z in metres."""

    size_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        if len(self.size_m) != 3 or not all(0.0 < s < np.inf for s in self.size_m):
            raise ValueError(f"box edges must be three positive lengths in metres: {self.size_m}")

    @property
    def half_extents_m(self) -> tuple[float, float, float]:
        """Half edges of the box that encloses the shape."""
        x, y, z = self.size_m
        return (x / 2, y / 2, z / 2)


@dataclass(frozen=True)
class Cylinder:
    """A cylinder around its origin, along z; metres."""

    radius_m: float
    length_m: float

    def __post_init__(self) -> None:
        if not (0.0 < self.radius_m < np.inf and 0.0 < self.length_m < np.inf):
            raise ValueError(f"cylinder radius and length must be positive: {self}")

    @property
    def half_extents_m(self) -> tuple[float, float, float]:
        """Half edges of the box that encloses the shape."""
        return (self.radius_m, self.radius_m, self.length_m / 2)


@dataclass(frozen=True)
class Sphere:
    """A sphere around its origin; metres."""

    radius_m: float

    def __post_init__(self) -> None:
        if not 0.0 < self.radius_m < np.inf:
            raise ValueError(f"sphere radius must be positive: {self.radius_m}")

    @property
    def half_extents_m(self) -> tuple[float, float, float]:
        """Half edges of the box that encloses the shape."""
        return (self.radius_m, self.radius_m, self.radius_m)


@dataclass(frozen=True, eq=False)
class Hull:
    """The convex hull of points (k, 3) in metres; the hull of a mesh's vertices, for instance."""

    points_m: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_m", _checked_points(self.points_m))

    @property
    def half_extents_m(self) -> tuple[float, float, float]:
        """Half edges of the box around the origin that encloses the shape."""
        x, y, z = np.abs(self.points_m).max(axis=0)
        return (float(x), float(y), float(z))


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles (m, 3) between points (k, 3) in metres; it need not be convex.

    Only its surface collides. Give a solid that parts may be inside of as several hulls instead.
    """

    points_m: Array
    triangles: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_m", _checked_points(self.points_m))
        triangles = np.array(self.triangles, dtype=np.int64)
        if triangles.ndim != 2 or triangles.shape[1] != 3 or len(triangles) == 0:
            raise ValueError(f"a mesh needs triangles (m, 3), got shape {triangles.shape}")
        if triangles.min() < 0 or triangles.max() >= len(self.points_m):
            raise ValueError("a mesh's triangle names a point that there is not")
        triangles.setflags(write=False)
        object.__setattr__(self, "triangles", triangles)

    @property
    def half_extents_m(self) -> tuple[float, float, float]:
        """Half edges of the box around the origin that encloses the shape."""
        x, y, z = np.abs(self.points_m).max(axis=0)
        return (float(x), float(y), float(z))


@dataclass(frozen=True)
class MeshFile:
    """A mesh in a file (STL, OBJ, DAE and what assimp reads), each axis scaled."""

    path: Path
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def hull(self) -> Hull:
        """The convex hull of its vertices.

        Raises:
            ValueError: the file cannot be read as a mesh.
        """
        return Hull(self._points()[0])

    def mesh(self) -> Mesh:
        """Its triangles as they are.

        Raises:
            ValueError: the file cannot be read as a mesh.
        """
        points, triangles = self._points()
        return Mesh(points, triangles)

    def _points(self) -> tuple[Array, NDArray[np.int64]]:
        import coal  # reads meshes through assimp

        try:
            model = coal.MeshLoader().load(str(self.path), np.array(self.scale))
        except Exception as error:  # coal raises several unrelated types
            raise ValueError(f"{self.path}: not a mesh: {error}") from error
        count = range(model.num_tris)
        corners = [[model.tri_indices(k)[i] for i in range(3)] for k in count]
        return np.array(model.vertices()), np.array(corners, dtype=np.int64)


Shape: TypeAlias = Box | Cylinder | Sphere | Hull | Mesh


def bounding_radius(shape: Shape) -> float:
    """Radius (m) of the sphere around the shape's origin that encloses it."""
    if isinstance(shape, Sphere):
        return shape.radius_m
    if isinstance(shape, Cylinder):
        return float(np.hypot(shape.radius_m, shape.length_m / 2))
    if isinstance(shape, Hull | Mesh):
        return float(np.linalg.norm(shape.points_m, axis=1).max())
    return float(np.linalg.norm(shape.half_extents_m))


@dataclass(frozen=True, eq=False)
class Body:
    """One named solid.

    Attributes:
        name: what a collision report calls it.
        shape: its geometry.
        transform: (4, 4) its pose: in the arm's base frame for surroundings, in tool0 (the flange,
            z outwards) for a tool.
        may_touch_part: a nest, jaw or tray that encloses the part it holds; an attached part is not
            checked against it.
    """

    name: str
    shape: Shape
    transform: Array = field(default_factory=lambda: np.eye(4))
    may_touch_part: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "transform", checked_transform(self.transform, self.name))


@dataclass(frozen=True, eq=False)
class PartShape:
    """A part in the gripper: a box of `size_m`, at `transform_tool_part` (4, 4) from the TCP.

    Its mass counts in the joints' torques; 0 where it does not matter.
    """

    size_m: tuple[float, float, float]
    transform_tool_part: Array = field(default_factory=lambda: np.eye(4))
    mass_kg: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.mass_kg < np.inf:
            raise ValueError(f"mass_kg must not be negative: {self.mass_kg}")
        object.__setattr__(self, "size_m", Box(tuple(float(s) for s in self.size_m)).size_m)  # type: ignore[arg-type]
        object.__setattr__(
            self, "transform_tool_part", checked_transform(self.transform_tool_part, "part")
        )


def _checked_points(points: Array) -> Array:
    checked = np.array(points, dtype=float)
    if checked.ndim != 2 or checked.shape[1] != 3 or len(checked) < 4:
        raise ValueError(f"a solid needs points (k, 3), four or more, got shape {checked.shape}")
    if not np.isfinite(checked).all():
        raise ValueError("a solid's points must be finite")
    checked.setflags(write=False)
    return checked


def checked_transform(matrix: Array | Sequence[Sequence[float]], what: str) -> Array:
    """The matrix as a read-only (4, 4) array.

    Raises:
        ValueError: it is not a rigid transform (tolerance 1e-6).
    """
    transform = np.array(matrix, dtype=float)
    if transform.shape != (4, 4) or not np.isfinite(transform).all():
        raise ValueError(f"{what}: a pose is a finite 4 x 4 matrix, not shape {transform.shape}")
    rotation = transform[:3, :3]
    rigid = (
        np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
        and np.linalg.det(rotation) > 0.0
        and np.allclose(transform[3], [0.0, 0.0, 0.0, 1.0], atol=1e-9)
    )
    if not rigid:
        raise ValueError(f"{what}: not a rigid transform (right-handed rotation expected)")
    transform.setflags(write=False)
    return transform
