"""Who is too near to whom: the arm, its tool, the part it holds and its surroundings.

A cheap bound (the sphere around one solid against the box around the other) is computed for all
configurations and pairs at once in numpy; only the pairs that it cannot clear go to coal's exact
signed distance. Each distance starts from coal's default guess, so that a verdict never depends on
what was asked before, and a body counts as hit when it is nearer than a positive margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import (
    Body,
    Box,
    Cylinder,
    MeshFile,
    PartShape,
    Shape,
    Sphere,
    bounding_radius,
)

PART: Final = "part"
"""The name of the attached part in every report."""

_WORLD: Final = 0
_CHUNK: Final = 512
_BLOCK: Final = 8
_PRUNING_SAMPLES: Final = 64


Index: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Clearance:
    """The two bodies that are nearest to each other; a negative distance is depth of overlap."""

    distance_m: float
    body_a: str
    body_b: str


@dataclass(frozen=True)
class PathCollision:
    """The first configuration of a path at which two bodies are too near."""

    index: int
    body_a: str
    body_b: str
    distance_m: float


@dataclass(frozen=True, eq=False)
class _Solid:
    """A shape fixed to a link (0: base and surroundings)."""

    body: str
    link: int
    geometry: Any
    transform_link_shape: Array
    half_extents: Array
    radius: float


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Which solids are compared, as index arrays, and how near each pair may come."""

    solids: tuple[_Solid, ...]
    a: Index
    b: Index
    margin_m: Array
    radius_a: Array
    radius_b: Array
    half_extents: Array
    link: Index
    transform_link_shape: Array


class CollisionScene:
    """An arm in its surroundings; configurations `q` are (6,) in rad.

    Args:
        robot: the arm. Its link shapes come from its URDF.
        obstacles: what stands still, posed in the arm's base frame.
        tool: what is bolted to the flange, posed in `tool0`.
        margin_m: bodies nearer than this count as colliding. Positive.
    """

    def __init__(
        self,
        robot: Robot,
        *,
        obstacles: Sequence[Body] = (),
        tool: Sequence[Body] = (),
        margin_m: float = 0.005,
    ) -> None:
        if not 0.0 < margin_m < 0.1:
            raise ValueError(f"margin_m must be between 0 and 0.1 m: {margin_m}")
        self.robot = robot
        self.obstacles = tuple(obstacles)
        self.tool = tuple(tool)
        self.margin_m = margin_m
        names = [body.name for body in self.obstacles]
        links = {shape.link for shape in robot.description.shapes} | {PART}
        doubled = {n for n in names if names.count(n) > 1} | (set(names) & links)
        if doubled:
            raise ValueError(f"names of obstacles must be unique: {sorted(doubled)}")
        import coal  # 0.2 s; who only reads items or trajectories does without it

        self._request = coal.DistanceRequest()
        self._request.enable_signed_distance = True
        self._request.gjk_initial_guess = coal.GJKInitialGuess.DefaultGuess
        zero = robot.link_poses(np.zeros(robot.dof))[0]
        tool0_in_link = np.linalg.inv(zero[-1]) @ robot.forward(np.zeros(robot.dof))
        self._tcp = tool0_in_link
        tool0_in_link = tool0_in_link @ np.linalg.inv(robot.transform_flange_tool)
        self._arm = tuple(
            _solid(
                s.link,
                s.link_index,
                s.shape.hull() if isinstance(s.shape, MeshFile) else s.shape,
                s.transform_link_shape,
            )
            for s in robot.description.shapes
        )
        self._tool = tuple(
            _solid(b.name, robot.dof, b.shape, tool0_in_link @ b.transform) for b in self.tool
        )
        self._world = tuple(_solid(b.name, _WORLD, b.shape, b.transform) for b in self.obstacles)
        self._reach = self._joint_reach(None)
        self._pruned: frozenset[tuple[int, int]] = frozenset()
        self._pruned = self._always_touching()
        self._bare = _indexed(self._arm + self._tool + self._world, self._without_part(), margin_m)
        self._with_part: dict[tuple[tuple[float, float, float], bytes], _Pairs] = {}

    def in_collision(self, q: Array, attached: PartShape | None = None) -> tuple[str, str] | None:
        """The first pair of bodies that are too near at `q`, or None."""
        found = self.first_collision(np.asarray(q, dtype=float)[None], attached)
        return None if found is None else (found.body_a, found.body_b)

    def distance(self, q: Array, attached: PartShape | None = None) -> Clearance:
        """The smallest distance at `q` over all pairs that are compared.

        Raises:
            ValueError: nothing is compared (no obstacles, and no link shapes).
        """
        pairs = self._pairs(attached, {})
        poses = self._solid_poses(pairs, np.asarray(q, dtype=float)[None])
        gap = poses[0, pairs.a, :3, 3] - poses[0, pairs.b, :3, 3]
        bounds = np.linalg.norm(gap, axis=-1) - pairs.radius_a - pairs.radius_b
        best: Clearance | None = None
        for k in np.argsort(bounds, kind="stable"):
            if best is not None and bounds[k] >= best.distance_m:
                break
            a, b = pairs.solids[int(pairs.a[k])], pairs.solids[int(pairs.b[k])]
            exact = self._exact(pairs, poses, 0, int(k))
            if best is None or exact < best.distance_m:
                best = Clearance(exact, a.body, b.body)
        if best is None:
            raise ValueError("no two bodies of the scene can meet")
        return best

    def first_collision(
        self,
        q: Array,
        attached: PartShape | None = None,
        touching: Mapping[str, float] | None = None,
    ) -> PathCollision | None:
        """The first of the configurations (n, 6) at which two bodies are too near, or None.

        Args:
            q: configurations in order.
            attached: the part in the gripper.
            touching: how near (m) the part may come to the named bodies instead of the margin.
        """
        pairs = self._pairs(attached, touching or {})
        q = np.asarray(q, dtype=float)
        for start in range(0, len(q), _CHUNK):
            chunk = q[start : start + _CHUNK]
            poses = self._solid_poses(pairs, chunk)
            for i, k in zip(*self._near_path(pairs, poses, chunk, attached), strict=True):
                distance = self._exact(pairs, poses, int(i), int(k))
                if distance < pairs.margin_m[k]:
                    a, b = pairs.solids[int(pairs.a[k])], pairs.solids[int(pairs.b[k])]
                    return PathCollision(start + int(i), a.body, b.body, distance)
        return None

    def part_distances(self, q: Array, attached: PartShape) -> dict[str, float]:
        """Signed distance at `q` from the part to each body that is nearer than the margin."""
        pairs = self._pairs(attached, {})
        poses = self._solid_poses(pairs, np.asarray(q, dtype=float)[None])
        found: dict[str, float] = {}
        for k in self._near(pairs, poses)[1]:
            solids = (pairs.solids[int(pairs.a[k])], pairs.solids[int(pairs.b[k])])
            if solids[0].body != PART:
                continue
            distance = self._exact(pairs, poses, 0, int(k))
            if distance < self.margin_m:
                name = solids[1].body
                found[name] = min(distance, found.get(name, distance))
        return found

    def displacement(self, q: Array, attached: PartShape | None = None) -> Array:
        """How far (m) any point of arm, tool or part moves at most between neighbours: (n - 1,)."""
        reach = self._reach if attached is None else self._joint_reach(attached)
        moved: Array = np.abs(np.diff(q, axis=0)) @ reach
        return moved

    def _pairs(self, attached: PartShape | None, touching: Mapping[str, float]) -> _Pairs:
        if attached is None:
            return self._bare
        key = (attached.size_m, attached.transform_tool_part.tobytes())
        if key not in self._with_part:
            self._with_part[key] = self._with(attached)
        pairs = self._with_part[key]
        if not touching:
            return pairs
        margin = pairs.margin_m.copy()
        for k, b in enumerate(pairs.b):
            if pairs.solids[int(pairs.a[k])].body == PART:
                allowed = touching.get(pairs.solids[int(b)].body, np.inf)
                margin[k] = min(margin[k], allowed)
        return replace(pairs, margin_m=margin)

    def _own_pairs(self) -> list[tuple[int, int]]:
        """The arm and its tool against themselves."""
        moving = self._arm + self._tool
        return [
            (i, k)
            for i, a in enumerate(moving)
            for k, b in enumerate(moving[:i])
            if self._compared(a.link, b.link)
        ]

    def _without_part(self) -> list[tuple[int, int]]:
        moving = self._arm + self._tool
        world = range(len(moving), len(moving) + len(self._world))
        outer = [(i, k) for i, a in enumerate(moving) if a.link != _WORLD for k in world]
        return self._own_pairs() + outer

    def _with(self, attached: PartShape) -> _Pairs:
        pose = self._tcp @ attached.transform_tool_part
        part = _solid(PART, self.robot.dof, Box(attached.size_m), pose)
        solids = (*self._bare.solids, part)
        mine, first = len(solids) - 1, len(self._arm) + len(self._tool)
        pairs = [(int(a), int(b)) for a, b in zip(self._bare.a, self._bare.b, strict=True)]
        pairs += [(mine, k) for k, b in enumerate(self._arm) if b.link < self.robot.dof - 1]
        pairs += [
            (mine, first + k) for k, body in enumerate(self.obstacles) if not body.may_touch_part
        ]
        return _indexed(solids, pairs, self.margin_m)

    def _compared(self, link_a: int, link_b: int) -> bool:
        low, high = sorted((link_a, link_b))
        return high - low > 1 and (low, high) not in self._pruned

    def _always_touching(self) -> frozenset[tuple[int, int]]:
        """Pairs of links, not neighbours, that touch in every sampled configuration."""
        rng = np.random.default_rng(0)
        samples = rng.uniform(
            self.robot.lower, self.robot.upper, (_PRUNING_SAMPLES, self.robot.dof)
        )
        pairs = _indexed(self._arm + self._tool, self._own_pairs(), self.margin_m)
        poses = self._solid_poses(pairs, samples)
        near = np.zeros((_PRUNING_SAMPLES, len(pairs.a)), dtype=bool)
        near[self._near(pairs, poses)] = True
        links = [
            tuple(sorted((pairs.solids[int(a)].link, pairs.solids[int(b)].link)))
            for a, b in zip(pairs.a, pairs.b, strict=True)
        ]
        candidates = {pair for k, pair in enumerate(links) if near[:, k].any()}
        always: set[tuple[int, int]] = set()
        for low, high in sorted(candidates):
            columns = [k for k, pair in enumerate(links) if pair == (low, high)]
            if all(
                any(near[i, k] and self._exact(pairs, poses, i, k) < self.margin_m for k in columns)
                for i in range(_PRUNING_SAMPLES)
            ):
                always.add((low, high))
        return frozenset(always)

    def _joint_reach(self, attached: PartShape | None) -> Array:
        """Upper bound (6,) of the distance from each joint to anything it moves."""
        zero = self.robot.link_poses(np.zeros(self.robot.dof))[0]
        origins = zero[1:, :3, 3]
        steps = np.linalg.norm(np.diff(origins, axis=0), axis=1)
        beyond: Array = np.zeros(self.robot.dof)
        for solid in self._arm + self._tool:
            if solid.link != _WORLD:
                offset = float(np.linalg.norm(solid.transform_link_shape[:3, 3])) + solid.radius
                beyond[solid.link - 1] = max(beyond[solid.link - 1], offset)
        if attached is not None:
            centre = (self._tcp @ attached.transform_tool_part)[:3, 3]
            offset = float(np.linalg.norm(centre)) + bounding_radius(Box(attached.size_m))
            beyond[-1] = max(beyond[-1], offset)
        reach: Array = beyond.copy()
        for joint in range(self.robot.dof - 2, -1, -1):
            reach[joint] = max(beyond[joint], steps[joint] + reach[joint + 1])
        return reach

    def _solid_poses(self, pairs: _Pairs, q: Array) -> Array:
        poses: Array = self.robot.link_poses(q)[:, pairs.link] @ pairs.transform_link_shape
        return poses

    def _near_path(
        self, pairs: _Pairs, poses: Array, q: Array, attached: PartShape | None
    ) -> tuple[Index, Index]:
        """As `_near`, along a path: what one sample clears by far, its neighbours clear too."""
        if len(q) < 2 * _BLOCK:
            return self._near(pairs, poses)
        travelled = np.concatenate([[0.0], np.cumsum(self.displacement(q, attached))])
        middles = np.minimum(np.arange(0, len(q), _BLOCK) + _BLOCK // 2, len(q) - 1)
        block = np.arange(len(q)) // _BLOCK
        distance = np.abs(travelled - travelled[middles[block]])
        radius = np.maximum.reduceat(distance, np.arange(0, len(q), _BLOCK))
        near_block, near_pair = self._near(pairs, poses[middles], radius)
        sample = (near_block[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
        pair = np.repeat(near_pair, _BLOCK)
        inside = sample < len(q)
        sample, pair = sample[inside], pair[inside]
        near = self._bounded(pairs, poses, sample, pair, pairs.margin_m[pair])
        sample, pair = sample[near], pair[near]
        order = np.argsort(sample, kind="stable")
        return sample[order], pair[order]

    def _near(
        self, pairs: _Pairs, poses: Array, radius: Array | None = None
    ) -> tuple[Index, Index]:
        """Configurations and pairs that a bound does not clear by the margin plus `radius` (n,)."""
        extra = np.zeros(len(poses)) if radius is None else radius
        centres = poses[..., :3, 3]
        gap = centres[:, pairs.a] - centres[:, pairs.b]
        limit = pairs.radius_a + pairs.radius_b + pairs.margin_m + extra[:, None]
        i, k = np.nonzero(np.einsum("npi,npi->np", gap, gap) < limit**2)
        near = self._bounded(pairs, poses, i, k, pairs.margin_m[k] + extra[i])
        return i[near], k[near]

    @staticmethod
    def _bounded(
        pairs: _Pairs, poses: Array, i: Index, k: Index, limit: Array
    ) -> NDArray[np.bool_]:
        """Whether sphere against box, both ways round, fails to show a distance above `limit`."""
        a, b = pairs.a[k], pairs.b[k]
        gap = (poses[i, a, :3, 3] - poses[i, b, :3, 3])[:, None]
        near = np.ones(len(i), dtype=bool)
        for box, ball_radius in ((b, pairs.radius_a[k]), (a, pairs.radius_b[k])):
            local = (gap @ poses[i, box, :3, :3])[:, 0]
            outside = np.maximum(np.abs(local) - pairs.half_extents[box], 0.0)
            near &= (
                np.einsum("pi,pi->p", outside, outside) < np.maximum(ball_radius + limit, 0.0) ** 2
            )
        return near

    def _exact(self, pairs: _Pairs, poses: Array, i: int, k: int) -> float:
        import coal

        a, b = int(pairs.a[k]), int(pairs.b[k])
        return float(
            coal.distance(
                pairs.solids[a].geometry,
                coal.Transform3s(poses[i, a, :3, :3], poses[i, a, :3, 3]),
                pairs.solids[b].geometry,
                coal.Transform3s(poses[i, b, :3, :3], poses[i, b, :3, 3]),
                self._request,
                coal.DistanceResult(),
            )
        )


def _indexed(
    solids: tuple[_Solid, ...], pairs: Sequence[tuple[int, int]], margin_m: float
) -> _Pairs:
    table = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    a, b = table[:, 0], table[:, 1]
    radius = np.array([solid.radius for solid in solids])
    half_extents = np.array([solid.half_extents for solid in solids]).reshape(-1, 3)
    margin = np.full(len(table), margin_m)
    link = np.array([solid.link for solid in solids], dtype=np.intp)
    local = np.array([solid.transform_link_shape for solid in solids]).reshape(-1, 4, 4)
    return _Pairs(solids, a, b, margin, radius[a], radius[b], half_extents, link, local)


def _solid(body: str, link: int, shape: Shape, transform: Array) -> _Solid:
    import coal

    if isinstance(shape, Box):
        geometry = coal.Box(*shape.size_m)
    elif isinstance(shape, Cylinder):
        geometry = coal.Cylinder(shape.radius_m, shape.length_m)
    elif isinstance(shape, Sphere):
        geometry = coal.Sphere(shape.radius_m)
    else:  # pragma: no cover - the types forbid it
        raise TypeError(f"{body}: no such shape: {shape!r}")
    return _Solid(
        body, link, geometry, transform, np.array(shape.half_extents_m), bounding_radius(shape)
    )
